"""A video that continues in another stream of its file: the streams in sequence, each opened separately.

Only a stream that starts where the other ends is followed, by its position in the file. Two programmes that
run in parallel, or two cameras, are never joined.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from av.container import InputContainer

from vifex.media.decode.files.container import Opened, open_container, pick_stream
from vifex.media.decode.files.log import Log
from vifex.media.decode.files.reasons import Skip
from vifex.media.decode.files.source import MediaFile
from vifex.media.decode.timing.tracks import Track, find_tracks
from vifex.values import Limits

__all__ = ["Leg", "open_legs"]

_SLACK_BYTES: Final = 1 << 16
"""How far a stream may begin before the one that it follows has ended: a muxer's delay."""
_SHARE: Final = 0.05
"""The same, as a share of the shorter one."""


@dataclass(frozen=True, slots=True)
class Leg:
    """A part of a file, in bytes, in which the video has one id and one kind."""

    track: Track
    start: int
    end: int


class Window:
    """A part of an open file that FFmpeg reads like a whole file."""

    def __init__(self, file: MediaFile, start: int, end: int) -> None:
        self.display_name = file.display_name
        self._whole = file
        self._start, self._size = start, end - start
        self._at = 0

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes."""
        self._whole.seek(self._start + self._at)
        data = self._whole.read(max(0, min(size, self._size - self._at)))
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Seek to a position in the ."""
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def tell(self) -> int:
        """Return where the next read starts."""
        return self._at


def open_legs(container: InputContainer, file: MediaFile, limits: Limits, log: Log) -> Opened:
    """Choose the video stream, and find the streams that it continues and that continue it.

    Args:
        container: The whole file, open; closed here if a part of it is opened in its place.
        file: The file.
        limits: Limits per medium.
        log: Takes FFmpeg's messages.

    Raises:
        Skip: If there is no video stream anywhere in the file.
        MediaError: If there is no decoder for it.
    """
    tracks = _tracks_of(file, container.format.name)
    try:
        opened = pick_stream(container, file)
    except Skip:
        if not tracks:
            raise
        opened = None
    if opened is None:
        chosen = max(tracks, key=lambda t: t.last - t.first)
    else:
        same = [t for t in tracks if t.id == opened.stream.id]
        if not same:
            return opened
        chosen = same[0]
    chain = _chain(tracks, chosen)
    if opened is not None and len(chain) == 1:
        return opened
    known = {stream.id for stream in container.streams.video}
    start_us = container.start_time or 0
    starts = [0 if chain[0].id in known else chain[0].open_at, *(t.open_at for t in chain[1:])]
    # Up to the next one's tables there may still be sound of this one.
    ends = [*(max(t.last, later.open_at) for t, later in pairwise(chain)), file.size_bytes]
    legs = [Leg(*parts) for parts in zip(chain, starts, ends, strict=True)]
    container.close()
    first, *rest = [_opener(file, leg, limits, log) for leg in legs]
    whole = first()
    whole.start_us = start_us
    whole.n_streams = len({t.id for t in tracks} - {t.id for t in chain}) + 1
    whole.later = tuple(rest)
    whole.is_late = opened is None
    return whole


_FOUND: Final[dict[tuple[int, int, int, int, str | None], list[Track]]] = {}
_MOST_KEPT: Final = 64


def _tracks_of(file: MediaFile, format_name: str) -> list[Track]:
    """Scan a file once, however often it is opened: a contact sheet opens it for each hit."""
    if file.identity not in _FOUND:
        while len(_FOUND) >= _MOST_KEPT:
            del _FOUND[next(iter(_FOUND))]
        at = file.tell()  # where the open container goes on reading
        _FOUND[file.identity] = find_tracks(file, format_name)
        file.seek(at)
    return _FOUND[file.identity]


def _opener(file: MediaFile, leg: Leg, limits: Limits, log: Log) -> Callable[[], Opened]:
    def open_leg() -> Opened:
        window = Window(file, leg.start, leg.end)
        container = open_container(window, limits, log)
        try:
            opened = pick_stream(container, file)
            for stream in container.streams.video:
                if stream.id == leg.track.id and getattr(stream, "codec_context", None) is not None:
                    opened.stream = stream
        except BaseException:
            container.close()
            raise
        return opened

    return open_leg


def _chain(tracks: Sequence[Track], chosen: Track) -> list[Track]:
    """Return the tracks in sequence of which a track is a part."""
    chain = [chosen]
    for track in tracks:
        if track.first > chosen.first and _follows(chain[-1], track):
            chain.append(track)
    for track in sorted(tracks, key=lambda t: -t.last):
        if track.first < chosen.first and _follows(track, chain[0]):
            chain.insert(0, track)
    return chain


def _follows(before: Track, after: Track) -> bool:
    overlap = before.last - after.first
    shorter = min(before.last - before.first, after.last - after.first)
    return overlap <= min(_SLACK_BYTES, shorter * _SHARE)
