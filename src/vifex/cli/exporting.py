"""`vifex export`: rows and vectors as a file of another format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vifex.cli.options import OUTPUT, SOURCE, Flag, Json, helped
from vifex.cli.output import clean, print_json, print_line
from vifex.cli.targets import named_file

__all__ = ["export"]


@helped
def export(
    store: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], converter=named_file, group=OUTPUT)],
    to: Annotated[str | None, Parameter(group=OUTPUT)] = None,
    overwrite: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    json: Json = False,
    view: Annotated[str, Parameter(group=SOURCE)] = "main",
    column: Annotated[str | None, Parameter(group=SOURCE)] = None,
    where: Annotated[str | None, Parameter(group=SOURCE)] = None,
) -> int:
    """Write rows and vectors to a file.

    For example:
        vifex export lib.vifex -o features.parquet
        vifex export lib.vifex -o cats.npz --where "label = 'cat'"
        vifex export lib.vifex -o layer4.npy --view deep --column layer4

    Parameters
    ----------
    store
        The store.
    output
        The file. It must not be inside a store.
    to
        npy, npz, parquet or csv (default: by the file's suffix).
    overwrite
        Replace the file if it exists.
    view
        The view that is exported.
    column
        Column of the layer. It may be left out if the view has one layer.
    where
        An SQL filter over the columns.
    """
    import vifex

    form = to or _by_suffix(output)
    with vifex.open(store, view=view) as collection:
        rows = collection.export(output, to=form, column=column, where=where, overwrite=overwrite)
    if json:
        print_json({"file": str(output), "format": form, "rows": rows})
    else:
        print_line(f"{rows} rows -> {clean(output)}")
    return 0


def _by_suffix(path: Path) -> str:
    from vifex.values import InputError

    suffix = path.suffix.removeprefix(".").lower()
    if not suffix:
        raise InputError(
            "the name does not say which format is wanted.", of=str(path), todo="Give it with `to=`."
        )
    return suffix
