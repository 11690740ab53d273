"""Members of a zip archive: where each lies, and what packed ones unpack to."""

from __future__ import annotations

import lzma
import stat as modes
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO, Final, cast

from vifex.media.members.member import ArchiveMember
from vifex.media.places import is_remote, open_buffered, stat_place

__all__ = ["PackedMember", "find", "members"]

_IN_MEMORY_BYTES: Final = 64 << 20
"""A larger member is unpacked into a file without a name."""
_MOST_TIMES: Final = 200
"""Media do not pack to less than this part of their size; what does is made to fill the disk."""
_TOGETHER_BYTES: Final = 1 << 30
"""What all packed members of an archive may unpack to, whatever its size."""
_UNREADABLE: Final = (
    zipfile.BadZipFile,
    NotImplementedError,
    struct.error,
    ValueError,
    OverflowError,
    IndexError,
)
"""What `zipfile` raises over a directory or a member that is damaged, or made to do harm."""
_LOCAL: Final = struct.Struct("<4s22xHH")
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class PackedMember:
    """A member that must be unpacked to be read."""

    path: str
    name: str
    size_bytes: int

    def unpack(self) -> BinaryIO:
        """Return what it unpacks to.

        Raises:
            OSError: If it is damaged, or larger than the archive says.
        """
        out = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - the caller closes it
        try:
            stat = stat_place(self.path)
            archive, infos = _archive(self.path, stat.st_size, stat.st_mtime_ns)
            with archive.open(infos[self.name]) as packed:
                while chunk := packed.read(_CHUNK):
                    out.write(chunk)
                    if out.tell() > self.size_bytes:
                        raise OSError("the member is larger than the archive says")
        except (*_UNREADABLE, zlib.error, lzma.LZMAError, EOFError, RuntimeError) as exc:
            out.close()
            raise OSError(f"the member is damaged: {str(exc).rstrip('.')}") from exc
        except BaseException:
            out.close()
            raise
        out.seek(0)
        return cast(BinaryIO, out)


def members(path: str) -> Iterator[ArchiveMember]:
    """Yield the members of an archive in the order of its directory, without folders.

    Raises:
        OSError: If it is no zip archive, or its directory is damaged.
    """
    with open_buffered(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                infos = archive.infolist()
        except _UNREADABLE as exc:
            raise OSError("the archive has no readable directory; it is damaged or ends too early") from exc
        size, packed, unpacked = stat_place(path).st_size, 0, 0
        for info in infos:
            if info.filename.endswith("/"):
                continue
            packed += info.compress_size
            unpacked += info.file_size if info.compress_type != zipfile.ZIP_STORED else 0
            # Where a member lies is in its own header: that is one request for each of a remote archive.
            found = _member(info, None if is_remote(path) else file)
            if found.problem is None and packed > size:
                problem = "the members before it have as many bytes as the archive: they overlap"
                found = ArchiveMember(found.name, problem=problem)
            elif found.problem is None and unpacked > max(_TOGETHER_BYTES, _MOST_TIMES * size):
                problem = (
                    f"the archive unpacks to more than {_MOST_TIMES} times its size, as none of media does"
                )
                found = ArchiveMember(found.name, problem=problem)
            yield found


def _member(info: zipfile.ZipInfo, file: BinaryIO | None) -> ArchiveMember:
    name = info.filename
    if not name:
        return ArchiveMember("", problem="a member has no name")
    if modes.S_ISLNK(info.external_attr >> 16):
        return ArchiveMember(name, problem="a link, and links in archives are not followed", is_other=True)
    if info.flag_bits & 1:
        return ArchiveMember(name, problem="the member is encrypted")
    if info.compress_type == zipfile.ZIP_STORED and file is None:
        return ArchiveMember(name, info.file_size)
    if info.compress_type == zipfile.ZIP_STORED and file is not None:
        file.seek(info.header_offset)
        head = file.read(_LOCAL.size)
        if len(head) < _LOCAL.size or head[:4] != b"PK\x03\x04":
            return ArchiveMember(name, problem="the archive is damaged where this member should be")
        _, n_name, n_extra = _LOCAL.unpack(head)
        return ArchiveMember(
            name, info.file_size, (info.header_offset + _LOCAL.size + n_name + n_extra, info.file_size)
        )
    if info.file_size > max(_IN_MEMORY_BYTES, _MOST_TIMES * info.compress_size):
        times = info.file_size // max(1, info.compress_size)
        return ArchiveMember(
            name,
            problem=f"it unpacks to {info.file_size:,} bytes, {times:,} times its size, as no medium does",
        )
    return ArchiveMember(name, info.file_size)


def find(path: str, name: str) -> tuple[int, int] | PackedMember:
    """Return where a member lies, or how it is unpacked.

    Raises:
        KeyError: If there is no such member.
        OSError: If it cannot be read; the message says why.
    """
    stat = stat_place(path)
    _, infos = _archive(path, stat.st_size, stat.st_mtime_ns)
    info = infos.get(name)
    if info is None:
        raise KeyError("the archive has no such member")
    with open_buffered(path) as file:
        found = _member(info, file)
    if found.problem:
        raise OSError(found.problem)
    return found.extent or PackedMember(path, name, found.size_bytes)


@lru_cache(maxsize=4)
def _archive(path: str, size: int, mtime_ns: int) -> tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]:
    """Open an archive; of two members of one name the first counts, unlike in `zipfile`."""
    try:
        archive = zipfile.ZipFile(open_buffered(path) if is_remote(path) else path)
    except _UNREADABLE as exc:
        raise OSError("the archive has no readable directory; it is damaged or ends too early") from exc
    return archive, {info.filename: info for info in reversed(archive.infolist())}
