"""Plain Lance tables outside of stores, which `lance.dataset` reads by itself: written, and read in order."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import lance
import pyarrow as pa

from vifex.store.files.faults import BrokenTableError, is_panic, lance_calls, system_error
from vifex.values import InputError

__all__ = ["PlainTable", "is_lance_table", "write_plain_table"]

_STORAGE: Final = "2.1"
_METADATA_CACHE: Final = 32 << 20
_INDEX_CACHE: Final = 1 << 20
_IO_BUFFER: Final = 32 << 20
_FILE_BYTES: Final = 1 << 30


def is_lance_table(path: str | os.PathLike[str]) -> bool:
    """Return whether a folder is a Lance table: it has a folder `_versions` with a manifest."""
    try:
        return any(name.endswith(".manifest") for name in os.listdir(Path(path, "_versions")))  # noqa: PTH208
    except OSError:
        return False


def write_plain_table(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write a new table into a folder, batch by batch.

    Raises:
        OSError: If the system keeps Lance from writing.
    """
    reader = pa.RecordBatchReader.from_batches(schema, batches)
    try:
        made = lance.write_dataset(
            reader,
            _uri(path),
            mode="create",
            data_storage_version=_STORAGE,
            max_bytes_per_file=_FILE_BYTES,
        )
    except (OSError, ValueError, RuntimeError) as exc:
        number = system_error(exc)
        if number is None or (isinstance(exc, OSError) and exc.errno is not None):
            raise
        raise OSError(number, os.strerror(number)) from exc
    # At the limit of a file's size the system writes a part of the data, and Lance does not report it.
    for fragment in made.get_fragments():
        for file in fragment.metadata.files:
            size = (path / "data" / file.path).stat().st_size
            if file.file_size_bytes is not None and size != file.file_size_bytes:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))


class PlainTable:
    """The newest version of a Lance table, read in the order of its rows."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open it.

        Raises:
            InputError: If it cannot be read.
        """
        self.path = Path(path)
        try:
            self._ds = lance.dataset(
                _uri(self.path),
                metadata_cache_size_bytes=_METADATA_CACHE,
                index_cache_size_bytes=_INDEX_CACHE,
            )
            self.schema: pa.Schema = self._ds.schema
            self.n_rows = int(self._ds.count_rows())
        except BaseException as exc:
            if not isinstance(exc, Exception) and not is_panic(exc):
                raise
            raise _unreadable(self.path) from exc

    @property
    def version(self) -> int:
        """The number of the version that is read."""
        return int(self._ds.version)

    def batches(self, columns: Sequence[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
        """Yield columns in the order of rows.

        Raises:
            InputError: If a part of the table cannot be read.
        """
        try:
            with lance_calls(self.path, str(self.path)):
                scanner = self._ds.scanner(
                    columns=list(columns),
                    batch_size=batch_rows,
                    batch_readahead=2,
                    fragment_readahead=2,
                    io_buffer_size=_IO_BUFFER,
                    scan_in_order=True,
                )
                yield from scanner.to_batches()
        except BrokenTableError as exc:
            raise _unreadable(self.path) from exc

    def take(self, rows: Sequence[int], column: str) -> Any:
        """Return values of one column by the numbers of their rows.

        Raises:
            InputError: If they cannot be read.
        """
        try:
            with lance_calls(self.path, str(self.path)):
                return self._ds.take(list(rows), columns=[column]).column(0)
        except BrokenTableError as exc:
            raise _unreadable(self.path) from exc


def _unreadable(path: Path) -> InputError:
    return InputError(
        "this Lance table cannot be read; it is damaged or incomplete.",
        of=str(path),
        todo="Get a fresh copy of the whole folder.",
    )


def _uri(path: Path) -> str:
    # As text: Lance quotes a `Path` as a URL.
    return os.path.abspath(path)  # noqa: PTH100 - links are the user's own
