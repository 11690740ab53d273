"""Times of a video as people write them: `mm:ss.t` out, seconds or clock times in."""

from __future__ import annotations

import math
import re

__all__ = ["format_time", "parse_time"]

_SECONDS = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)s?")
_CLOCK = re.compile(r"(?:([0-9]+):([0-5]?[0-9])|([0-9]+)):([0-5]?[0-9](?:\.[0-9]*)?)")


def format_time(t_s: float | None) -> str:
    """Write a time as `mm:ss.t`, from an hour on as `hh:mm:ss.t`.

    Args:
        t_s: Seconds; `None` (an image has no time) and what is not finite give the empty string.

    Examples:
        `12.4` gives `00:12.4`, `59.96` gives `01:00.0`, `3723.4` gives `01:02:03.4`.
    """
    if t_s is None or not math.isfinite(t_s):
        return ""
    # Round to tenths first: rounding the seconds alone would write 59.96 as 00:60.0.
    tenths = round(abs(t_s) * 10)
    sign = "-" if t_s < 0 and tenths else ""
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    clock = f"{minutes:02d}:{tenths // 10:02d}.{tenths % 10}"
    return f"{sign}{hours:02d}:{clock}" if hours else f"{sign}{clock}"


def parse_time(text: str) -> float | None:
    """Read `12`, `12.5`, `12.5s`, `mm:ss`, `mm:ss.mmm` or `hh:mm:ss.mmm`.

    Returns:
        Seconds, or `None` where the text is none of these. Minutes without hours may exceed 59.
    """
    plain = _SECONDS.fullmatch(text)
    if plain:
        t_s = float(plain[1])
    else:
        clock = _CLOCK.fullmatch(text)
        if clock is None:
            return None
        hours, minutes = int(clock[1] or 0), int(clock[2] or clock[3])
        t_s = (hours * 60 + minutes) * 60 + float(clock[4])
    return t_s if math.isfinite(t_s) else None
