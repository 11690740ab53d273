"""A file that is read and whose position is a number: how it moves, for files that only know how to read."""

from __future__ import annotations

import abc
import io
import os

__all__ = ["SeekableFile"]


class SeekableFile(io.RawIOBase):
    """The base of files without a descriptor; one that derives from it reads at `_at` and moves it."""

    _at = 0

    @abc.abstractmethod
    def _end(self) -> int:
        """Return the size in bytes."""

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move, as files do.

        Raises:
            OSError: If it would lead before the start.
        """
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}
        start = starts[whence] if whence in starts else self._end()
        if start + offset < 0:
            raise OSError(22, "Invalid argument")
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True
