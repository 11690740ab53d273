"""Export: rows and vectors of a view as a file of another format."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vifex.search.columns import one_column
from vifex.search.files import check_names_file, written_whole
from vifex.search.registry import export_format

if TYPE_CHECKING:
    from vifex.store import View

__all__ = ["export"]


def export(
    view: View,
    path: str | os.PathLike[str],
    *,
    to: str,
    column: str | None = None,
    where: str | None = None,
    overwrite: bool = False,
) -> int:
    """Write rows of a view to one file. The file appears complete or not at all.

    Memory holds one batch of rows, whatever the size of the view.

    Args:
        view: The view to export.
        path: The file, with exactly this name.
        to: Name in the registry of formats: `npy`, `npz`, `parquet`, `csv`, `jsonl`, `hdf5`, `safetensors`.
        column: Feature column; `None` means all, or the only one if the format holds one column.
        where: SQL filter over the row columns.
        overwrite: Whether an existing file may be replaced.

    Returns:
        Number of rows written; 0 is not an error.

    Raises:
        InputError: If the format, the column or the filter is unknown, or the file cannot be written.
    """
    check_names_file(path)
    form = export_format(to)
    several = column is None and not form.one_column
    columns = list(view.columns) if several else [one_column(view, column)]
    with written_whole(path, overwrite=overwrite) as aside:
        return form.write(view, aside, columns, where)
