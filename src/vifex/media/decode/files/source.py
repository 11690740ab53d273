"""A file or a member of one, local or remote, opened once; everything else reads through it.

FFmpeg receives the open file, not its path. A name such as `concat:a.ts` or `100%d.jpg` therefore has no
special meaning, and there is no path from which FFmpeg could open a neighbouring file.
"""

from __future__ import annotations

import hashlib
import io
import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Final, cast

from vifex.media.members.opening import OpenMember, open_member
from vifex.media.places import PlaceStat, file_of, is_remote, place_of, shown
from vifex.media.remote.addresses import device_of
from vifex.media.remote.errors import TransferError
from vifex.media.remote.file import RemoteFile, faults_told, unreachable
from vifex.media.remote.objects import examine, remote_object
from vifex.values import MediaError, Medium
from vifex.values.media import member_of, uri_to_path

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Buffer = mmap.mmap | bytes

__all__ = ["MediaFile", "open_found", "open_medium", "open_uri"]

HEAD_BYTES: Final = 4096
_IDENTITY: Final = ("st_dev", "st_ino", "st_size", "st_mtime_ns")


class MediaFile:
    """An open file without a name, as FFmpeg and Pillow read it."""

    def __init__(
        self,
        path: str,
        display_name: str,
        *,
        member: str | None = None,
        extent: tuple[int, int] | None = None,
        known: tuple[int, int | None] | None = None,
    ) -> None:
        """Open it.

        Args:
            path: Of the file, or the address by which it is read.
            display_name: What to call it in a message.
            member: The member of an archive or a table that is read in place of the file.
            extent: Where the member lies, if that is known.
            known: Time of change and, if it is known, size of a remote file, as it was found.

        Raises:
            MediaError: If it cannot be opened, or is not a regular file.
        """
        self.display_name = display_name
        """What to call the file in a message."""
        self.stat: os.stat_result | PlaceStat
        """Of the file, also where a member is read."""
        file: io.RawIOBase
        if is_remote(path):
            file, self.stat = _open_remote(path, known)
        else:
            file = _open(path if member is None else file_of(path), display_name)
            self.stat = os.fstat(file.fileno())
            if not stat.S_ISREG(self.stat.st_mode):
                file.close()
                raise MediaError(
                    "this is not a regular file.", of=display_name, todo="Give files or folders."
                )
        self._file: OpenMember
        self._member = member
        if member is None:
            self._file, self.size_bytes = cast(OpenMember, file), self.stat.st_size
        else:
            self._file, self.size_bytes = open_member(file, path, member, extent, display_name)

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
        """Move to a position."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return where the next read starts."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file; what FFmpeg still holds of it can no longer read."""
        self._file.close()

    def whole(self) -> Buffer:
        """Return all bytes; of a file by itself they are mapped, not read."""
        if isinstance(self._file, io.FileIO):
            return mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        self.seek(0)
        return self.read(self.size_bytes)

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
    def identity(self) -> tuple[int, int, int, int, str | None]:
        """Identity of this file as it is now: device, inode, size, time of change, and the member."""
        found = self.stat
        return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, self._member)


class _View(io.RawIOBase):
    """A file that can be closed without closing the file."""

    def __init__(self, file: OpenMember, head: bytes) -> None:
        super().__init__()
        self._file, self._head = file, head

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        at = self._file.tell()
        n = self._file.readinto(memoryview(buffer)) or 0
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
def open_medium(medium: Medium) -> Iterator[MediaFile]:
    """Open a medium for reading, and check before and after that it is the file that was found.

    Raises:
        MediaError: If it cannot be opened, or has changed since it was found, or changes meanwhile.
    """
    place = _place(medium.access or medium.uri)
    if is_remote(place):
        # What is read later is compared with what was found, block by block.
        with faults_told(medium.name), open_found(medium) as file:
            yield file
        return
    with open_found(medium) as file:
        if (file.size_bytes, file.stat.st_mtime_ns) != (medium.size_bytes, medium.mtime_ns):
            raise _changed("since it was found", medium.name)
        yield file
        if _has_changed(medium.uri, cast(os.stat_result, file.stat)):
            raise _changed("while it was read", medium.name)


@contextmanager
def open_uri(
    path_or_uri: str | os.PathLike[str],
    display_name: str | None = None,
    *,
    extent: tuple[int, int] | None = None,
) -> Iterator[MediaFile]:
    """Open a file by path or address, or a member of one by its address.

    Args:
        path_or_uri: What to open.
        display_name: What to call it in a message.
        extent: Where a member of an archive lies, if that is known.

    Raises:
        MediaError: If it cannot be opened, is not a regular file, is empty, or its server does not give it.
    """
    text = os.fspath(path_or_uri)
    place = _place(text)
    name = display_name or (shown(text) if is_remote(place) else text)
    with faults_told(name) if is_remote(place) else nullcontext():
        try:
            file = MediaFile(place, name, member=member_of(text), extent=extent)
        except TransferError as exc:
            raise unreachable(exc, name) from exc
        yield from _opened(file)


@contextmanager
def open_found(medium: Medium) -> Iterator[MediaFile]:
    """Open a medium as a source found it; `open_medium` checks too that it has not changed.

    Raises:
        MediaError: As `open_uri`.
    """
    member = member_of(medium.uri)
    known = (medium.mtime_ns, medium.size_bytes if member is None else None)
    place = _place(medium.access or medium.uri)
    yield from _opened(MediaFile(place, medium.name, member=member, extent=medium.extent, known=known))


def _opened(file: MediaFile) -> Iterator[MediaFile]:
    try:
        if file.size_bytes == 0:
            raise MediaError(
                "the file is empty (0 bytes).", of=file.display_name, todo="Get a fresh copy of it."
            )
        yield file
    finally:
        file.close()


def _place(text: str) -> str:
    if "://" not in text:
        return text
    try:
        return place_of(text)
    except ValueError as exc:
        raise MediaError(
            "addresses of this kind cannot be read.", of=text, todo="Copy the file to this machine first."
        ) from exc


def _open_remote(place: str, known: tuple[int, int | None] | None) -> tuple[io.RawIOBase, PlaceStat]:
    """Open a remote file; of one that was found before, nothing is asked that is known."""
    of = remote_object(place, *known) if known else examine(place)
    file = RemoteFile(of)
    number = int.from_bytes(hashlib.blake2b(place.encode(), digest_size=6).digest(), "big")
    size = of.size_bytes if known else file.size_bytes
    mtime_ns = known[0] if known else file.mtime_ns
    return file, PlaceStat(size or 0, mtime_ns, device_of(place), number)


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


def _has_changed(uri: str, opened: os.stat_result) -> bool:
    """Whether another file is there now, or the file has been written to."""
    try:
        there = os.stat(file_of(uri_to_path(uri)))  # noqa: PTH116 - undecodable names stay as they are
    except OSError:
        return True
    return any(getattr(there, name) != getattr(opened, name) for name in _IDENTITY)


def _changed(when: str, name: str) -> MediaError:
    return MediaError(
        f"the file changed {when}.", of=name, todo="Run the command again when nothing writes to it."
    )
