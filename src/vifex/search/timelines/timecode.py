"""SMPTE timecode: numbers of frames as `hh:mm:ss:ff`, with drop-frame counting for 29.97 and 59.94 Hz.

Drop-frame counting leaves out the numbers of the first frames (two at 29.97) of every minute but each
tenth, so that the timecode keeps up with the clock. No frame is lost. Source: SMPTE ST 12-1.
"""

from __future__ import annotations

import re
from fractions import Fraction

__all__ = ["can_drop", "frame_at", "frame_number", "nominal_fps", "timecode"]

_CODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d)")
_NTSC = Fraction(1000, 1001)


def nominal_fps(rate: Fraction) -> int:
    """Return the frames that a second of timecode counts, e.g. 30 at 29.97."""
    return max(1, round(rate))


def can_drop(rate: Fraction) -> bool:
    """Return whether drop-frame counting is defined for a rate: 30000/1001 and its multiples."""
    fps = nominal_fps(rate)
    return fps % 30 == 0 and abs(rate - fps * _NTSC) < Fraction(1, 1000)


def frame_at(t_s: float, rate: Fraction) -> int:
    """Return the number of the frame whose start is nearest to a time."""
    return round(Fraction(t_s).limit_denominator(1_000_000) * rate)


def timecode(frame: int, rate: Fraction, *, drop: bool) -> str:
    """Write the number of a frame as timecode, after 24 hours from zero again.

    Args:
        frame: From 0.
        rate: Frames a second.
        drop: Whether drop-frame counting is used; the last separator is `;` then.

    Examples:
        Frame 1800 at 30000/1001 is `00:01:00;02` with drop-frame counting, `00:01:00:00` without.
    """
    fps = nominal_fps(rate)
    if drop:
        frame = _with_dropped(frame, fps)
    seconds, frames = divmod(frame, fps)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours % 24:02d}:{minutes:02d}:{seconds:02d}{';' if drop else ':'}{frames:02d}"


def frame_number(code: str, rate: Fraction) -> tuple[int, bool] | None:
    """Read a timecode, e.g. of a camera's file.

    Returns:
        The number of the frame, and whether the code is of drop-frame counting; `None` if it is no timecode.
    """
    found = _CODE.fullmatch(code.strip())
    if found is None:
        return None
    hours, minutes, seconds, frames = (int(found[i]) for i in (1, 2, 3, 5))
    fps = nominal_fps(rate)
    drop = found[4] != ":" and can_drop(rate)
    total = 60 * hours + minutes
    number = (60 * total + seconds) * fps + frames
    return (number - _per_minute(fps) * (total - total // 10) if drop else number), drop


def _per_minute(fps: int) -> int:
    """Return how many numbers are left out in a minute: 2 at 29.97, 4 at 59.94."""
    return fps // 15


def _with_dropped(frame: int, fps: int) -> int:
    """Add the numbers that are left out before a frame."""
    per_minute = _per_minute(fps)
    minute = 60 * fps - per_minute
    tens, rest = divmod(frame, 10 * minute + per_minute)
    dropped = 9 * per_minute * tens
    if rest >= per_minute:
        dropped += per_minute * ((rest - per_minute) // minute)
    return frame + dropped
