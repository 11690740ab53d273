"""Lists of paths, a line for each row: they name the rows of a file that has vectors alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vifex.importing.features import FeatureFile, damaged, stamp_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["open_list"]

_LINES: Final = 4096


def open_list(path: Path) -> FeatureFile:
    """Open a list as a table with the column `uri`.

    Raises:
        InputError: If it cannot be read.
    """
    import pyarrow as pa

    schema = pa.schema([("uri", pa.string())])

    def read(fact_names: Sequence[str], feature_names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        try:
            with path.open(encoding="utf-8-sig") as file:
                lines = (line.rstrip("\r\n") for line in file)
                while some := list(islice((line for line in lines if line.strip()), _LINES)):
                    yield pa.RecordBatch.from_arrays(
                        [pa.array(some)] * len(fact_names), names=list(fact_names)
                    )
        except (OSError, UnicodeDecodeError) as exc:
            raise damaged(path, exc, "a list in UTF-8") from exc

    return FeatureFile(path, "list", (), schema, read, stamp=stamp_of(path))
