"""Files by their places: the path of a local file, or the address by which a remote one is read."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, TextIO, cast

from vifex.media.counted import only_counted
from vifex.media.remote.addresses import device_of, is_remote, name_of, path_of, public
from vifex.values.media import path_to_uri, uri_to_path

__all__ = [
    "PlaceStat",
    "base_name",
    "file_of",
    "is_remote",
    "open_buffered",
    "open_place",
    "open_text",
    "place_of",
    "shown",
    "stat_named",
    "stat_place",
    "uri_of",
    "written",
]

_BUFFER_BYTES: Final = 1 << 16
_TOP_VERSION = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class PlaceStat:
    """Facts of a remote file under the names that those of a local one have."""

    st_size: int
    st_mtime_ns: int
    st_dev: int
    st_ino: int


def place_of(uri: str) -> str:
    """Return the place of the file that an address names, or in which its member lies.

    Raises:
        ValueError: If it is neither local nor of a known scheme.
    """
    return uri.partition("#")[0] if is_remote(uri) else uri_to_path(uri)


def uri_of(place: str) -> str:
    """Return the address of a place as it is stored, without secrets."""
    return public(place) if is_remote(place) else path_to_uri(place)


def shown(place: str) -> str:
    """Return a place as messages show it, without secrets."""
    return public(place) if is_remote(place) else place


def written(place: str) -> str:
    """Return the path of a place, whose end says what kind of file it is."""
    return path_of(place) if is_remote(place) else place


def base_name(place: str) -> str:
    """Return the last part of a place's path."""
    return name_of(place) if is_remote(place) else os.path.basename(place)  # noqa: PTH119


def file_of(place: str) -> str:
    """Return the file whose size and time of change stand for a place.

    Of a Lance table, which is a folder, it is the manifest of the newest version; else the place itself.
    """
    if not place.lower().endswith(".lance") or is_remote(place):
        return place
    try:
        names = os.listdir(os.path.join(place, "_versions"))  # noqa: PTH118, PTH208
    except OSError:
        return place
    stems = [name.removesuffix(".manifest") for name in names if name.endswith(".manifest")]
    # New names count down from 2 ** 64 - 1, older ones up from 1.
    versions = {min(int(stem), _TOP_VERSION - int(stem)): stem for stem in stems if stem.isdigit()}
    if not versions:
        return place
    return os.path.join(place, "_versions", f"{versions[max(versions)]}.manifest")  # noqa: PTH118


def open_place(place: str) -> io.RawIOBase:
    """Open a file for reading, without a buffer.

    Raises:
        OSError: If it cannot be opened. Of a remote file nothing is read yet.
    """
    if not is_remote(place):
        return open(place, "rb", buffering=0)  # noqa: PTH123
    from vifex.media.remote.file import RemoteFile
    from vifex.media.remote.objects import remote_object

    return RemoteFile(remote_object(place))


def open_buffered(place: str) -> BinaryIO:
    """Open a file for reading, with a buffer.

    Raises:
        OSError: If it cannot be opened.
    """
    if not is_remote(place):
        return open(place, "rb")  # noqa: PTH123
    return cast(BinaryIO, io.BufferedReader(cast(Any, open_place(place)), _BUFFER_BYTES))


def open_text(place: str, newline: str | None = None) -> TextIO:
    """Open a file as UTF-8 text; other bytes become surrogates.

    Raises:
        OSError: If it cannot be opened.
    """
    if not is_remote(place):
        return open(place, encoding="utf-8-sig", errors="surrogateescape", newline=newline)  # noqa: PTH123
    return io.TextIOWrapper(open_buffered(place), "utf-8-sig", "surrogateescape", newline)


def stat_named(place: str) -> os.stat_result | PlaceStat:
    """Return the facts of a remote file that a source names, as its server tells them now.

    While sources are only counted the server is not asked, and the facts are zeros.

    Raises:
        OSError: If it cannot be examined.
    """
    if only_counted.get():
        return PlaceStat(0, 0, device_of(place), 0)
    return stat_place(place, is_fresh=True)


def stat_place(place: str, *, is_fresh: bool = False) -> os.stat_result | PlaceStat:
    """Return the facts of a file.

    Args:
        place: Its path or address.
        is_fresh: Whether a remote file is asked for them, although they may be known.

    Raises:
        OSError: If it cannot be examined.
    """
    if not is_remote(place):
        return os.stat(file_of(place))  # noqa: PTH116
    from vifex.media.remote.objects import examine, remote_object

    found = (examine(place) if is_fresh else remote_object(place)).stat()
    return PlaceStat(found.size_bytes or 0, found.mtime_ns, device_of(place), 0)
