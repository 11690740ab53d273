"""A local file, opened once; everything else reads through it.

FFmpeg receives the open file, not its path. A name such as `concat:a.ts` or `100%d.jpg` therefore has no
special meaning, and there is no path from which FFmpeg could open a neighbouring file.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from vifex.values import MediaError, Medium
from vifex.values.media import uri_to_path

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["LocalFile", "open_medium", "open_uri"]

HEAD_BYTES: Final = 4096


class LocalFile:
    """An open file without a name, as FFmpeg and Pillow read it."""

    def __init__(self, path: str, display_name: str) -> None:
        self.display_name = display_name
        """What to call the file in a message."""
        self._file = _open(path, display_name)
        self.stat = os.fstat(self._file.fileno())
        if not stat.S_ISREG(self.stat.st_mode):
            self._file.close()
            raise MediaError("this is not a regular file.", of=display_name, todo="Give files or folders.")

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes."""
        return self._file.read(size) or b""

    def readinto(self, buffer: memoryview, /) -> int:
        """Read as much as the buffer holds, or up to the end."""
        have = 0
        while have < len(buffer) and (read := self._file.readinto(buffer[have:])):
            have += read
        return have

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Seek to a position in the ."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return where the next read starts."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file; what FFmpeg still holds of it can no longer read."""
        self._file.close()

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._file.fileno()

    def head(self) -> bytes:
        """Return the first 4096 bytes and go back to the start."""
        self.seek(0)
        head = self.read(HEAD_BYTES)
        self.seek(0)
        return head

    def buffered(self, head: bytes = b"") -> io.BufferedReader:
        """Return a buffered reader from the start, for Pillow, which reads headers byte by byte.

        Closing it, which its end of life does, leaves the file open.

        Args:
            head: What the reader shows in place of the file's own first bytes.
        """
        self.seek(0)
        return io.BufferedReader(_View(self._file, head))

    @property
    def size_bytes(self) -> int:
        """Size at opening."""
        return self.stat.st_size

    @property
    def identity(self) -> tuple[int, int, int, int]:
        """Identity of this file as it is now: device, inode, size, time of change."""
        return (self.stat.st_dev, self.stat.st_ino, self.stat.st_size, self.stat.st_mtime_ns)


class _View(io.RawIOBase):
    """A file that can be closed without closing the file."""

    def __init__(self, file: io.FileIO, head: bytes) -> None:
        super().__init__()
        self._file, self._head = file, head

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        at = self._file.tell()
        n = self._file.readinto(buffer)
        if at < len(self._head):
            part = self._head[at : at + n]
            memoryview(buffer).cast("B")[: len(part)] = part
        return n

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


@contextmanager
def open_medium(medium: Medium) -> Iterator[LocalFile]:
    """Open a medium for reading, and check before and after that it is the file that was found.

    Raises:
        MediaError: If it cannot be opened, or has changed since it was found, or changes meanwhile.
    """
    with open_uri(medium.uri, display_name=medium.name) as file:
        found = (medium.size_bytes, medium.mtime_ns)
        if (file.stat.st_size, file.stat.st_mtime_ns) != found:
            raise _changed("since it was found", medium.name)
        yield file
        now = os.fstat(file.fileno())
        if (now.st_size, now.st_mtime_ns) != found or _replaced(medium.uri, now):
            raise _changed("while it was read", medium.name)


@contextmanager
def open_uri(path_or_uri: str | os.PathLike[str], display_name: str | None = None) -> Iterator[LocalFile]:
    """Open a local file by path or `file://` address.

    Raises:
        MediaError: If it cannot be opened, is not a regular file, is empty, or is not local.
    """
    text = os.fspath(path_or_uri)
    file = LocalFile(_local(text), display_name or text)
    try:
        if file.size_bytes == 0:
            raise MediaError(
                "the file is empty (0 bytes).", of=file.display_name, todo="Get a fresh copy of it."
            )
        yield file
    finally:
        file.close()


def _local(text: str) -> str:
    if "://" not in text:
        return text
    try:
        return uri_to_path(text)
    except ValueError as exc:
        raise MediaError(
            "only local files can be read so far.", of=text, todo="Copy the file to this machine first."
        ) from exc


def _open(path: str, display_name: str) -> io.FileIO:
    # Without O_NONBLOCK, opening a FIFO would wait for a writer that never comes.
    flags = (
        os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    )
    try:
        return io.FileIO(os.open(path, flags), "r", closefd=True)
    except (OSError, ValueError) as exc:
        why = getattr(exc, "strerror", None) or str(exc)
        raise MediaError(
            f"the file cannot be opened: {why}.",
            of=display_name,
            todo="Check that it is there and may be read.",
        ) from exc


def _replaced(uri: str, now: os.stat_result) -> bool:
    try:
        there = os.stat(uri_to_path(uri))  # noqa: PTH116 - undecodable names stay as they are
    except OSError:
        return True
    return (there.st_dev, there.st_ino) != (now.st_dev, now.st_ino)


def _changed(when: str, name: str) -> MediaError:
    return MediaError(
        f"the file changed {when}.", of=name, todo="Run the command again when nothing writes to it."
    )
