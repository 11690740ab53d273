"""Members of a tar archive: where each lies. Headers are read, what lies between them is not."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from functools import lru_cache
from typing import BinaryIO, Final, cast

from vifex.media.members.member import ArchiveMember
from vifex.media.places import open_place, stat_place
from vifex.media.remote.errors import TransferError

__all__ = ["find", "members"]

_BLOCK: Final = 512
_HEADER_BYTES: Final = 1 << 20
"""A header, with the long names and fields that belong to it, has fewer bytes."""
_FAILURES: Final = (tarfile.TarError, OSError, ValueError, EOFError, OverflowError, RecursionError)
"""What `tarfile` raises over headers that are damaged, or made to do harm."""


_OTHER: Final = {
    tarfile.SYMTYPE: "a link, and links in archives are not followed",
    tarfile.LNKTYPE: "a link, and links in archives are not followed",
    tarfile.CHRTYPE: "not a regular file but a device",
    tarfile.BLKTYPE: "not a regular file but a device",
    tarfile.FIFOTYPE: "not a regular file but a named pipe",
}


def members(path: str) -> Iterator[ArchiveMember]:
    """Yield the members of an archive in their order, without folders.

    The last one may be a problem of the archive as a whole: it ends too early, or it is damaged.
    """
    size = stat_place(path).st_size
    # Without a buffer, which would read what lies between the headers too.
    with _Headers(open_place(path)) as file:
        try:
            with tarfile.open(fileobj=cast(BinaryIO, file), mode="r:", errorlevel=2) as archive:
                yield from _members(archive, size)
                end = archive.offset
        except TransferError:
            raise
        except _FAILURES as exc:
            yield ArchiveMember("", problem=_why(exc, file.tell(), size))
            return
        file.seek(end)
        block = file.read(_BLOCK)
        if not block:
            problem = "the archive has no end mark; members after the last one may be missing"
        elif len(block) < _BLOCK:
            problem = "the archive ends too early; later members are missing"
        elif block.strip(b"\0"):
            problem = f"the archive is damaged at byte {end:,}; later members are missing"
        else:
            return
        yield ArchiveMember("", problem=problem)


class _Headers(io.RawIOBase):
    """A file of which headers are read; one that claims to be huge is refused and takes no memory."""

    def __init__(self, file: io.RawIOBase) -> None:
        super().__init__()
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= _HEADER_BYTES:
            raise tarfile.ReadError("a header is too large")
        return self._file.read(size) or b""

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
        super().close()


def _members(archive: tarfile.TarFile, size: int) -> Iterator[ArchiveMember]:
    while (info := archive.next()) is not None:
        if info.size < 0 or archive.offset <= info.offset:
            # A negative size leads back to a header that was read, and on for ever.
            raise tarfile.ReadError("a member has a negative size")
        archive.members = []  # type: ignore[attr-defined]  # it would keep them all
        if info.isdir():
            continue
        if not info.name:
            yield ArchiveMember("", problem="a member has no name")
        elif info.type in _OTHER:
            yield ArchiveMember(info.name, problem=_OTHER[info.type], is_other=True)
        elif info.issparse() or not info.isreg():
            yield ArchiveMember(info.name, problem="of a kind that is not read", is_other=True)
        elif info.offset_data + info.size > size:
            yield ArchiveMember(info.name, problem="the archive ends before the member does")
        else:
            yield ArchiveMember(info.name, info.size, (info.offset_data, info.size))


def _why(exc: Exception, at: int, size: int) -> str:
    if at >= size - _BLOCK or "end of data" in str(exc):
        return "the archive ends too early; later members are missing"
    return f"the archive is damaged near byte {at:,}; later members are missing"


def find(path: str, name: str) -> tuple[int, int]:
    """Return where a member lies: offset and number of bytes.

    Raises:
        KeyError: If there is no such member.
    """
    stat = stat_place(path)
    found = _places(path, stat.st_size, stat.st_mtime_ns).get(name)
    if found is None:
        raise KeyError("the archive has no such member")
    return found


@lru_cache(maxsize=4)
def _places(path: str, size: int, mtime_ns: int) -> dict[str, tuple[int, int]]:
    places: dict[str, tuple[int, int]] = {}
    for one in members(path):
        if one.extent is not None:
            places.setdefault(one.name, one.extent)
    return places
