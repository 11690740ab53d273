"""Tables of answers as files: CSV or Parquet, by the end of the name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vifex.search.files import check_target, written_whole
from vifex.values import InputError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["check_table_target", "write_table"]

_SUFFIXES: Final = (".csv", ".parquet")


def check_table_target(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Check that a table can be written, before the work for it is done.

    Raises:
        InputError: If the name ends in neither .csv nor .parquet, or the file may not be written.
    """
    if Path(path).suffix.lower() not in _SUFFIXES:
        raise InputError(
            "a table is not written to a file of this kind.",
            of=os.fspath(path),
            todo=f"Known: {', '.join(_SUFFIXES)}.",
        )
    check_target(path, overwrite=overwrite)


def write_table(path: str | os.PathLike[str], table: pa.Table, *, overwrite: bool) -> None:
    """Write a table; the file appears complete or not at all.

    Raises:
        InputError: As `check_table_target`, or if the disk is full.
    """
    check_table_target(path, overwrite=overwrite)
    with written_whole(path, overwrite=overwrite) as aside, aside.open("wb") as file:
        if Path(path).suffix.lower() == ".csv":
            from pyarrow import csv

            csv.write_csv(table, file)
        else:
            from pyarrow import parquet

            parquet.write_table(table, file)
