"""Export: rows and vectors of a view as a file of another format."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vifex.search.columns import one_column
from vifex.search.files import check_names_file, folder_written_whole, written_whole
from vifex.search.registry import export_format
from vifex.values import InputError

if TYPE_CHECKING:
    from vifex.search.formats import Format
    from vifex.store import View

__all__ = ["export"]


def export(
    view: View,
    path: str | os.PathLike[str],
    *,
    to: str,
    column: str | None = None,
    where: str | None = None,
    vectors: bool = True,
    overwrite: bool = False,
) -> int:
    """Write rows of a view to one file or folder. It appears complete or not at all.

    Memory holds one batch of rows, whatever the size of the view.

    Args:
        view: The view to export.
        path: The file or the folder, with exactly this name.
        to: Name in the registry of formats: `npy`, `npz`, `parquet`, `csv`, `jsonl`, `hdf5`, `safetensors`,
            `huggingface`, `lance`.
        column: Feature column; `None` means all, or the only one if the format holds one column.
        where: SQL filter over the row columns.
        vectors: Whether vectors are written; else only the other columns of the rows.
        overwrite: Whether an existing file may be replaced.

    Returns:
        Number of rows written; 0 is not an error.

    Raises:
        InputError: If the format, the column or the filter is unknown, or the file cannot be written.
    """
    form = export_format(to)
    columns = _columns(view, form, column, vectors=vectors)
    if form.is_folder:
        own = form.is_own or (lambda folder: False)
        with folder_written_whole(path, overwrite=overwrite, is_own=own) as aside:
            return form.write(view, aside, columns, where)
    check_names_file(path)
    with written_whole(path, overwrite=overwrite) as aside:
        return form.write(view, aside, columns, where)


def _columns(view: View, form: Format, column: str | None, *, vectors: bool) -> list[str]:
    if not vectors:
        if form.one_column:
            raise InputError(
                f"a file of {form.name} holds nothing without vectors.",
                todo="Write the other columns of the rows as parquet, csv or jsonl.",
            )
        return []
    return list(view.columns) if column is None and not form.one_column else [one_column(view, column)]
