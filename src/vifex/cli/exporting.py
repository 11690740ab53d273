"""`vifex export`: rows and vectors as a file of another format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vifex.cli.output import clean, print_json, print_line
from vifex.cli.targets import named_file

__all__ = ["export"]


def export(
    store: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], converter=named_file)],
    to: str | None = None,
    column: str | None = None,
    where: str | None = None,
    view: str = "main",
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Write rows and vectors to a file.

    Parameters
    ----------
    store
        The store.
    output
        The file, which must not lie in a store.
    to
        npy, npz, parquet or csv (default: by the file's suffix).
    column
        The layer's column; may be left out where there is one.
    where
        An SQL filter over the columns.
    view
        The view that is exported.
    overwrite
        Replace the file if it exists.
    json
        Print what was written as JSON.
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
            "the format cannot be told from this name.", of=str(path), todo="Give it with `to=`."
        )
    return suffix
