"""Lance tables with the bytes of media: the newest version, read in blocks of rows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["LanceTable"]

_ROWS: Final = 32
"""Rows of a part."""
_BATCH: Final = 64
_METADATA_CACHE: Final = 32 << 20
_INDEX_CACHE: Final = 1 << 20
_IO_BUFFER: Final = 64 << 20


class LanceTable:
    """A Lance table as parts of a table."""

    def __init__(self, path: str) -> None:
        """Open the newest version.

        Raises:
            OSError: If it cannot be read.
        """
        import lance

        try:
            self._ds = lance.dataset(
                os.path.abspath(path),  # noqa: PTH100 - as text: Lance quotes a `Path` as a URL
                metadata_cache_size_bytes=_METADATA_CACHE,
                index_cache_size_bytes=_INDEX_CACHE,
            )
            self.schema: pa.Schema = self._ds.schema
            self.n_rows = int(self._ds.count_rows())
        except BaseException as exc:
            raise _damage(exc) from exc

    @property
    def counts(self) -> list[int]:
        """Rows of each part."""
        rest = [self.n_rows % _ROWS] if self.n_rows % _ROWS else []
        return [_ROWS] * (self.n_rows // _ROWS) + rest

    def part_of(self, row: int) -> tuple[int, int]:
        """Return the part that a row is in, and the number of rows before that part."""
        if row >= self.n_rows:
            raise KeyError("the table has no such row")
        return row // _ROWS, row // _ROWS * _ROWS

    def batches(self, names: list[str], part: int | None = None) -> Iterator[pa.RecordBatch]:
        """Yield columns of all rows, or of one part."""
        first = 0 if part is None else part * _ROWS
        try:
            scanner = self._ds.scanner(
                columns=names,
                offset=first,
                limit=self.n_rows - first if part is None else _ROWS,
                batch_size=_BATCH,
                batch_readahead=2,
                fragment_readahead=2,
                io_buffer_size=_IO_BUFFER,
                scan_in_order=True,
            )
            yield from scanner.to_batches()
        except GeneratorExit:
            raise
        except BaseException as exc:
            raise _damage(exc) from exc

    def size_bytes(self, name: str, part: int) -> int:
        """Return 0: a part is small enough to be kept."""
        return 0

    def read(self, name: str, part: int) -> Any:
        """Return a column of one part."""
        rows = list(range(part * _ROWS, min((part + 1) * _ROWS, self.n_rows)))
        try:
            return self._ds.take(rows, columns=[name]).column(0)
        except BaseException as exc:
            raise _damage(exc) from exc


def _damage(exc: BaseException) -> BaseException:
    """Return the error of a damaged table; what Lance panics over is no `Exception`."""
    if isinstance(exc, Exception) or type(exc).__name__ == "PanicException":
        return OSError("the Lance table cannot be read; it is damaged or incomplete")
    return exc
