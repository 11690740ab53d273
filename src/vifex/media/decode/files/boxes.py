"""The MP4 and QuickTime boxes that PyAV does not expose: a track's size and its first sample entry.

Only headers are read, by seeking, up to a fixed number of boxes. What does not parse is treated as not
stated; FFmpeg reads the file itself and reports what is wrong with it. Source: ISO/IEC 14496-12.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vifex.media.decode.files.source import MediaFile

__all__ = ["VideoTrack", "video_track"]

_MAX_BOXES: Final = 4096
"""Boxes looked at in one other box, or in the file."""
_MAX_ENTRY_BYTES: Final = 1 << 16
_ENTRY_FIELDS: Final = 86
"""Bytes of a visual sample entry before the boxes in it, its own header included."""


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """What a track says of its images."""

    width_px: int
    """As stored."""
    height_px: int
    display: tuple[int, int]
    """Width and height of the track on screen, in 1/65536 pixels."""
    boxes: dict[bytes, bytes]
    """Contents of the boxes in the sample entry, the first of each type."""


def video_track(file: MediaFile, track_id: int) -> VideoTrack | None:
    """Find a track by its number, which is FFmpeg's id of a stream; `None` if it is not there.

    The file is left at another position.
    """
    try:
        for moov in _inside(file, 0, file.size_bytes, b"moov"):
            for start, end in _inside(file, *moov, b"trak"):
                track = _track(file, start, end, track_id)
                if track is not None:
                    return track
    except (OSError, IndexError, struct.error):
        pass
    return None


def _track(file: MediaFile, start: int, end: int, track_id: int) -> VideoTrack | None:
    header = next(_inside(file, start, end, b"tkhd"), None)
    if header is None:
        return None
    fields = _bytes(file, *header)
    number, display = (20, 88) if fields[0] == 1 else (12, 76)
    if struct.unpack_from(">I", fields, number)[0] != track_id:
        return None
    places = [(start, end)]
    for name in (b"mdia", b"minf", b"stbl", b"stsd"):
        places = [place for outer in places for place in _inside(file, *outer, name)][:1]
    if not places:
        return None
    entry = _bytes(file, places[0][0] + 8, places[0][1])
    size = struct.unpack_from(">I", entry)[0]
    width, height = struct.unpack_from(">HH", entry, 32)
    size_on_screen: tuple[int, int] = struct.unpack_from(">II", fields, display)
    return VideoTrack(width, height, size_on_screen, _boxes(entry[_ENTRY_FIELDS:size]))


def _boxes(data: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    at = 0
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        if size < 8:
            break
        found.setdefault(name, data[at + 8 : at + size])
        at += size
    return found


def _bytes(file: MediaFile, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(max(0, min(end - start, _MAX_ENTRY_BYTES)))


def _inside(file: MediaFile, start: int, end: int, wanted: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of the contents of each box of a type between two places in the file."""
    for _ in range(_MAX_BOXES):
        if start + 8 > end:
            return
        file.seek(start)
        size, name = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            (size,), header = struct.unpack(">Q", file.read(8)), 16
        elif size == 0:
            size = end - start
        if size < header:
            return
        if name == wanted:
            yield start + header, min(start + size, end)
        start += size
