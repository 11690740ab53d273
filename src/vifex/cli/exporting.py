"""`vifex export`: rows and vectors as a file or a folder of another format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import OUTPUT, SOURCE, Flag, Json, helped
from vifex.cli.output import clean, print_json, print_line
from vifex.cli.targets import StorePath

__all__ = ["export"]


@helped
def export(
    store: StorePath,
    /,
    *,
    output: Annotated[str, Parameter(name=["--output", "-o"], group=OUTPUT)],
    to: Annotated[str | None, Parameter(group=OUTPUT)] = None,
    each: Annotated[Literal["medium"] | None, Parameter(group=OUTPUT)] = None,
    no_vectors: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    overwrite: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    json: Json = False,
    view: Annotated[str, Parameter(group=SOURCE)] = "main",
    at: Annotated[str | None, Parameter(group=SOURCE, metavar="TAG")] = None,
    column: Annotated[str | None, Parameter(group=SOURCE)] = None,
    where: Annotated[str | None, Parameter(group=SOURCE)] = None,
) -> int:
    """Write rows and vectors to a file or a folder.

    For example:
        vifex export lib.vifex -o features.parquet
        vifex export lib.vifex -o cats.npz --where "label = 'cat'"
        vifex export lib.vifex -o layer4.npy --view deep --column layer4
        vifex export lib.vifex -o features/ --each medium
        vifex export lib.vifex -o dataset/ --to huggingface

    Parameters
    ----------
    store
        The store.
    output
        The file; the folder with --each, huggingface and lance. It must not be inside a store.
    to
        npy, npz, parquet, csv, jsonl, hdf5, safetensors, huggingface or lance (default: by the suffix).
    each
        medium: write a file NAME_MODEL.npy for each medium into a folder, with NAME_timestamps_ms.npy and
        NAME_fps.npy for videos; or NAME_MODEL.npz with --to npz.
    no_vectors
        Write only the other columns of the rows, e.g. beside an npy file.
    overwrite
        Replace the file, or the folder of an earlier export, if it exists.
    view
        The view that is exported.
    at
        Name of a tag: read the store as it was when vifex tag made it.
    column
        Column of the layer. It may be left out if the view has one layer.
    where
        An SQL filter over the columns.
    """
    keep_pandas_out()
    import vifex

    if each is not None:
        with vifex.open(store, view=view, at=at) as collection:
            count = collection.export_each_medium(
                output,
                to=to or "npy",  # type: ignore[arg-type]
                column=column,
                where=where,
                overwrite=overwrite,
            )
        if json:
            print_json({"folder": str(output), "format": to or "npy", "media": count})
        else:
            print_line(f"{count} media -> {clean(output)}")
        return 0
    form = to or _by_suffix(output)
    with vifex.open(store, view=view, at=at) as collection:
        rows = collection.export(
            output, to=form, column=column, where=where, vectors=not no_vectors, overwrite=overwrite
        )
    if json:
        print_json({"file": str(output), "format": form, "rows": rows})
    else:
        print_line(f"{rows} rows -> {clean(output)}")
    return 0


def _by_suffix(output: str) -> str:
    from vifex.search.files import check_names_file
    from vifex.values import InputError

    suffix = Path(output).suffix.removeprefix(".").lower()
    if suffix == "lance":
        return suffix
    check_names_file(output)
    if not suffix:
        raise InputError(
            "the name does not say which format is wanted.", of=output, todo="Give it with `to=`."
        )
    return "hdf5" if suffix == "h5" else suffix
