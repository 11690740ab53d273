"""A part of a file that is read like a file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from vifex.media.seeking import SeekableFile

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Window"]


class Window(SeekableFile):
    """Bytes `[offset, offset + size)` of an open file; closing it closes the file."""

    def __init__(self, file: io.RawIOBase, offset: int, size: int) -> None:
        super().__init__()
        self._file, self._offset, self._size = file, offset, size

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read up to what the buffer holds."""
        view = memoryview(buffer).cast("B")[: max(0, self._size - self._at)]
        if not view:
            return 0
        self._file.seek(self._offset + self._at)
        count = self._file.readinto(view) or 0
        self._at += count
        return count

    def _end(self) -> int:
        return self._size

    def close(self) -> None:
        """Close the file too."""
        self._file.close()
        super().close()
