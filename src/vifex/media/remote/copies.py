"""A temporary file without a name, for files that are read whole; it is gone with its last reader."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from typing import Final

from vifex.media.remote.errors import TransferError

__all__ = ["TemporaryCopy"]

_SPARE_BYTES: Final = 1 << 30
"""Free bytes that it leaves on its disk."""


class TemporaryCopy:
    """Bytes of a remote file on this machine."""

    def __init__(self) -> None:
        self._handle, path = tempfile.mkstemp(prefix="vifex-")
        os.unlink(path)  # noqa: PTH108 - now only the handle holds it
        self._close = weakref.finalize(self, os.close, self._handle)
        self._free = shutil.disk_usage(tempfile.gettempdir()).free - _SPARE_BYTES
        self.size_bytes = 0

    def add(self, data: bytes, expected: int) -> None:
        """Append bytes.

        Args:
            data: What comes next.
            expected: Bytes that there will be in all, as far as it is known.

        Raises:
            TransferError: If the disk has no space for so many.
        """
        if max(self.size_bytes + len(data), expected) > self._free:
            raise TransferError(
                "the server gives no parts of it, and the disk is too full for a temporary copy; "
                "set TMPDIR to a larger one",
                is_passing=False,
            )
        view = memoryview(data)
        while view:
            view = view[os.write(self._handle, view) :]
        self.size_bytes += len(data)

    def read(self, start: int, size: int) -> bytes:
        """Return bytes from a place on, fewer at the end. Several threads may read at once."""
        return os.pread(self._handle, size, start)
