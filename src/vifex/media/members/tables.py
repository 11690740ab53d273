"""Media as values of a table: bytes in a column of a Parquet or Arrow file, or of a Lance table.

A value's name is its column and its row: `image:12`. Columns of structures, as Hugging Face's `datasets`
writes them, hold the bytes in a field: `image.bytes:12`.
"""

from __future__ import annotations

import mmap
import shutil
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from vifex.media.members.lance_tables import LanceTable
from vifex.media.places import is_remote, open_buffered, open_place, stat_place, written

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["MediaColumn", "Table", "read_value"]

_PREFERRED: Final = ("image", "video", "audio", "img", "jpg", "png", "mp4", "bytes", "data", "content")
_KEPT_BYTES: Final = 256 << 20
"""A part of a table that holds at most so many bytes of media is kept for the values beside the one read."""
_BATCH: Final = 64


def read_value(path: str, member: str) -> bytes:
    """Return the bytes of one value.

    Raises:
        KeyError: If the table has no such value.
        OSError: If the table cannot be read.
    """
    stat = stat_place(path)
    column, _, row = member.rpartition(":")
    if not row.isdigit():
        raise KeyError("the table has no such value")
    return _table(path, stat.st_size, stat.st_mtime_ns).value(column, int(row))


@lru_cache(maxsize=2)
def _table(path: str, size: int, mtime_ns: int) -> Table:
    return Table(path)


class MediaColumn:
    """A column with the bytes of media."""

    def __init__(self, name: str, of_names: str | None) -> None:
        self.name = name
        """With the field of a structure behind a dot."""
        self.of_names = of_names
        """The field of the structure that names each medium."""

    @property
    def top(self) -> str:
        """The column itself."""
        return self.name.partition(".")[0]


class Table:
    """A table in a file, read in parts."""

    def __init__(self, path: str) -> None:
        """Open it.

        Raises:
            OSError: If it cannot be read.
        """
        import pyarrow as pa

        try:
            self._parts: _Parquet | _Arrow | LanceTable = _parts(path)
        except (pa.ArrowException, OSError) as exc:
            if isinstance(exc, OSError) and exc.errno:
                raise
            raise OSError("the table cannot be read; it is damaged or ends too early") from exc
        self.schema = self._parts.schema
        self.n_rows = sum(self._parts.counts)
        self._kept: tuple[tuple[str, int], pa.ChunkedArray] | None = None

    def media_columns(self) -> list[MediaColumn]:
        """Return the columns of bytes, the likeliest one first."""
        import pyarrow.types as kinds

        found = []
        for one in self.schema:
            if _is_bytes(one.type):
                found.append(MediaColumn(one.name, None))
            elif kinds.is_struct(one.type):
                names = {f.name: f.type for f in one.type}
                if "bytes" in names and _is_bytes(names["bytes"]):
                    found.append(MediaColumn(f"{one.name}.bytes", "path" if "path" in names else None))
        order = {name: place for place, name in enumerate(_PREFERRED)}
        return sorted(found, key=lambda one: order.get(one.top, len(order)))

    def columns(self, names: list[str]) -> Iterator[pa.RecordBatch]:
        """Yield columns in batches of rows, in the order of rows."""
        yield from self._parts.batches(names)

    def sizes(self, column: MediaColumn) -> Iterator[int | None]:
        """Yield the number of bytes of each value; `None` where there is none."""
        import pyarrow.compute as pc

        for batch in self._parts.batches([column.top]):
            yield from pc.binary_length(_field(batch.column(0), column.name)).to_pylist()

    def value(self, column: str, row: int) -> bytes:
        """Return one value; the part of the table around it is kept.

        Raises:
            KeyError: If there is no such value.
            OSError: If the table is damaged there.
        """
        import pyarrow as pa

        part, before = self._part_of(row)
        if column.partition(".")[0] not in self.schema.names:
            raise KeyError("the table has no such column")
        try:
            value = self._at(column, part, row - before)
        except pa.ArrowException as exc:
            raise OSError("the table is damaged where this value should be") from exc
        if not value.is_valid:
            raise KeyError("the value is empty")
        return bytes(value.as_py())

    def _part_of(self, row: int) -> tuple[int, int]:
        """Return the part that a row is in, and the number of rows before that part."""
        if isinstance(self._parts, LanceTable):
            return self._parts.part_of(row)
        before = 0
        for part, count in enumerate(self._parts.counts):
            if row < before + count:
                return part, before
            before += count
        raise KeyError("the table has no such row")

    def _at(self, column: str, part: int, row: int) -> Any:
        if self._kept is None or self._kept[0] != (column, part):
            top = column.partition(".")[0]
            if self._parts.size_bytes(top, part) > _KEPT_BYTES:
                return self._far(column, part, row)
            self._kept = (column, part), _field(self._parts.read(top, part), column)
        return self._kept[1][row]

    def _far(self, column: str, part: int, row: int) -> Any:
        """Read a value of a part that is too large to be kept."""
        for batch in self._parts.batches([column.partition(".")[0]], part):
            if row < batch.num_rows:
                return _field(batch.column(0), column)[row]
            row -= batch.num_rows
        raise KeyError("the table has no such row")


def _parts(path: str) -> _Parquet | _Arrow | LanceTable:
    name = written(path).lower()
    if name.endswith(".lance"):
        return LanceTable(path)
    return _Parquet(path) if name.endswith(".parquet") else _Arrow(path)


class _Parquet:
    """Row groups of a Parquet file."""

    def __init__(self, path: str) -> None:
        import pyarrow.parquet as pq

        self._file = pq.ParquetFile(open_buffered(path) if is_remote(path) else path, pre_buffer=False)
        self._metadata = self._file.metadata
        self.schema = self._file.schema_arrow
        self.counts = [self._metadata.row_group(i).num_rows for i in range(self._metadata.num_row_groups)]

    def batches(self, names: list[str], part: int | None = None) -> Iterator[pa.RecordBatch]:
        groups = range(len(self.counts)) if part is None else [part]
        yield from self._file.iter_batches(_BATCH, row_groups=groups, columns=names, use_threads=False)

    def size_bytes(self, name: str, part: int) -> int:
        group = self._metadata.row_group(part)
        columns = (group.column(i) for i in range(group.num_columns))
        return sum(c.total_uncompressed_size for c in columns if c.path_in_schema.partition(".")[0] == name)

    def read(self, name: str, part: int) -> Any:
        return self._file.read_row_group(part, columns=[name], use_threads=False).column(0)


class _Arrow:
    """Record batches of an Arrow IPC file or stream, mapped into memory."""

    def __init__(self, path: str) -> None:
        import pyarrow as pa
        import pyarrow.ipc as ipc

        mapped = pa.BufferReader(_whole(path)) if is_remote(path) else pa.memory_map(path)
        try:
            reader = ipc.open_file(mapped)
            self._batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
        except pa.ArrowInvalid:
            mapped.seek(0)
            reader = ipc.open_stream(mapped)
            self._batches = list(reader)
        self.schema = reader.schema
        self.counts = [batch.num_rows for batch in self._batches]

    def batches(self, names: list[str], part: int | None = None) -> Iterator[pa.RecordBatch]:
        for batch in self._batches if part is None else [self._batches[part]]:
            yield batch.select(names)

    def size_bytes(self, name: str, part: int) -> int:
        return 0  # it is mapped, not read

    def read(self, name: str, part: int) -> Any:
        return self._batches[part].column(name)


def _whole(place: str) -> mmap.mmap:
    """Return a remote file, mapped from a temporary copy: all of its batches are looked at."""
    with tempfile.TemporaryFile() as copy, open_place(place) as file:
        shutil.copyfileobj(cast(BinaryIO, file), copy, 1 << 20)
        copy.flush()
        return mmap.mmap(copy.fileno(), 0, access=mmap.ACCESS_READ)


def _is_bytes(kind: Any) -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_binary(kind) or kinds.is_large_binary(kind))


def _field(column: Any, name: str) -> Any:
    """Return a column, or the field of its structures that a dotted name says."""
    import pyarrow.compute as pc

    below = name.partition(".")[2]
    return pc.struct_field(column, below) if below else column
