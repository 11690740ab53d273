"""How long each frame of an animation is shown, as its file states it and as browsers apply it.

Chromium, Firefox and Safari show a frame for 100 ms if it states 10 ms or less: such files were made for
players that could not be as fast, or by encoders without timing.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from vifex.media.decode.files.source import MediaFile

__all__ = ["SHOWN_S", "is_too_short", "stated_delays"]

_TOO_SHORT_S: Final = Fraction(10, 1000)
SHOWN_S: Final = Fraction(100, 1000)
"""Time for which browsers show a frame that states 10 ms or less."""

_MOST_FRAMES: Final = 1_000_000


def is_too_short(delay: Fraction) -> bool:
    """Whether browsers show a frame that states this many seconds for 100 ms."""
    return delay <= _TOO_SHORT_S


def stated_delays(file: MediaFile) -> Sequence[Fraction] | None:
    """Read the seconds that each frame of a GIF or PNG states; `None` for other files.

    FFmpeg replaces short times by others than browsers do.
    """
    head = file.head()
    try:
        if head.startswith(b"GIF8"):
            return _of_gif(file, head)
        if head.startswith(b"\x89PNG"):
            return _of_png(file)
    except (struct.error, IndexError):
        pass
    return None


def _of_png(file: MediaFile) -> list[Fraction]:
    delays: list[Fraction] = []
    at = 8
    while len(delays) < _MOST_FRAMES:
        file.seek(at)
        head = file.read(34)
        if len(head) < 12:
            break
        size, kind = struct.unpack(">I4s", head[:8])
        if kind == b"fcTL":
            above, below = struct.unpack(">HH", head[28:32])
            delays.append(Fraction(above, below or 100))
        at += 12 + size
    return delays


def _of_gif(file: MediaFile, head: bytes) -> list[Fraction]:
    reader = _Buffered(file, 13 + _table_bytes(head[10]))
    delays: list[Fraction] = []
    delay = Fraction(0)
    while len(delays) < _MOST_FRAMES:
        kind = reader.take(1)
        if kind == b"!":
            label = reader.take(1)
            data = reader.blocks()
            if label == b"\xf9" and len(data) >= 4:
                delay = Fraction(int.from_bytes(data[1:3], "little"), 100)
        elif kind == b",":
            flags = reader.take(9)[8]
            reader.take(_table_bytes(flags) + 1)
            reader.blocks()
            delays.append(delay)
            delay = Fraction(0)
        else:
            break
    return delays


def _table_bytes(flags: int) -> int:
    return 3 << (1 + (flags & 7)) if flags & 0x80 else 0


class _Buffered:
    """Bytes of a file one after the other."""

    def __init__(self, file: MediaFile, at: int) -> None:
        self._file = file.buffered()
        self._file.seek(at)

    def take(self, size: int) -> bytes:
        return self._file.read(size)

    def blocks(self) -> bytes:
        """Go through a chain of blocks; return the first."""
        first = b""
        while size := self._file.read(1)[0]:
            data = self._file.read(size)
            first = first or data
        return first
