"""The Matroska and WebM elements that PyAV does not expose: what video tracks state about their images.

Only headers are read, by seeking, up to a fixed number of elements. What does not parse is treated as not
stated; FFmpeg reads the file itself and reports what is wrong with it. Source: RFC 8794 and RFC 9559.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from vifex.media.decode.files.source import MediaFile

__all__ = ["VideoElements", "video_tracks"]

_MAX_ELEMENTS: Final = 4096
"""Elements looked at in one other element."""
_MAX_BYTES: Final = 4096
"""Largest element that is read, in bytes."""

_SEGMENT, _TRACKS, _TRACK, _CLUSTER = 0x18538067, 0x1654AE6B, 0xAE, 0x1F43B675
_SEEK_HEAD, _SEEK, _SEEK_ID, _SEEK_POSITION = 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
_TRACK_TYPE, _VIDEO = 0x83, 0xE0
_MAPPING, _MAPPING_TYPE, _MAPPING_DATA = 0x41E4, 0x41E7, 0x41ED


@dataclass(frozen=True, slots=True)
class VideoElements:
    """What a video track says."""

    video: dict[int, int] = field(default_factory=dict)
    """Unsigned integers of its element Video, by their ids."""
    mappings: dict[int, bytes] = field(default_factory=dict)
    """Extra data of its BlockAdditionMappings, by their types."""


class _Broken(Exception):
    """What was read is not EBML."""


def video_tracks(file: MediaFile) -> list[VideoElements]:
    """List the video tracks in the order of the file; the file is left at another position."""
    found: list[VideoElements] = []
    try:
        place = _tracks_place(file)
        for name, start, end in _elements(file, *place) if place else ():
            if name == _TRACK:
                track = _track(file, start, end)
                if track is not None:
                    found.append(track)
    except (OSError, _Broken):
        pass
    return found


def _tracks_place(file: MediaFile) -> tuple[int, int] | None:
    """Find the element Tracks: before the first cluster, or where the list of places says."""
    segment = next((e for e in _elements(file, 0, file.size_bytes) if e[0] == _SEGMENT), None)
    if segment is None:
        return None
    _, first, last = segment
    listed = None
    for name, start, end in _elements(file, first, last):
        if name == _TRACKS:
            return start, end
        if name == _SEEK_HEAD and listed is None:
            listed = _listed_position(file, start, end)
        if name == _CLUSTER:
            break
    if listed is None:
        return None
    found = next(_elements(file, first + listed, last), None)
    return found[1:] if found is not None and found[0] == _TRACKS else None


def _listed_position(file: MediaFile, start: int, end: int) -> int | None:
    for name, *place in _elements(file, start, end):
        if name == _SEEK:
            entry = {inner: _number(file, a, b) for inner, a, b in _elements(file, *place)}
            if entry.get(_SEEK_ID) == _TRACKS:
                return entry.get(_SEEK_POSITION)
    return None


def _track(file: MediaFile, start: int, end: int) -> VideoElements | None:
    kind, track = 0, VideoElements()
    for name, a, b in _elements(file, start, end):
        if name == _TRACK_TYPE:
            kind = _number(file, a, b)
        elif name == _VIDEO:
            track.video.update({i: _number(file, x, y) for i, x, y in _elements(file, a, b) if y - x <= 8})
        elif name == _MAPPING:
            mapping = {i: (x, y) for i, x, y in _elements(file, a, b)}
            if _MAPPING_TYPE in mapping and _MAPPING_DATA in mapping:
                track.mappings[_number(file, *mapping[_MAPPING_TYPE])] = _bytes(file, *mapping[_MAPPING_DATA])
    return track if kind == 1 else None


def _elements(file: MediaFile, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield id, start and end of the contents of each element between two places in the file."""
    for _ in range(_MAX_ELEMENTS):
        if start >= end:
            return
        file.seek(start)
        head = file.read(12)
        name, used = _variable(head, 0, keep_marker=True)
        size, used = _variable(head, used)
        is_unknown = size == (1 << 7 * (used - _length(head[0]))) - 1
        inner = start + used
        stop = end if is_unknown else min(inner + size, end)
        yield name, inner, stop
        start = stop


def _length(first: int) -> int:
    """Return the length of a variable-size integer by its first byte."""
    return 9 - first.bit_length()


def _variable(data: bytes, at: int, *, keep_marker: bool = False) -> tuple[int, int]:
    """Read a variable-size integer; return it and the position after it."""
    if at >= len(data) or not data[at] or at + _length(data[at]) > len(data):
        raise _Broken
    length = _length(data[at])
    value = int.from_bytes(data[at : at + length], "big")
    return value if keep_marker else value & ((1 << 7 * length) - 1), at + length


def _number(file: MediaFile, start: int, end: int) -> int:
    return int.from_bytes(_bytes(file, start, min(end, start + 8)), "big")


def _bytes(file: MediaFile, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(max(0, min(end - start, _MAX_BYTES)))
