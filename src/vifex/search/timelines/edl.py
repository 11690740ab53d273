"""`.edl`: an edit decision list in the form CMX 3600, which every editing program reads.

Each moment is a cut (`C`), one after the other from 01:00:00:00 on. Times of the source count its own
frames from its own timecode; times of the record count the frames of the list, whose rate is that of most
of its moments.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vifex.search.timelines.sources import Source
from vifex.search.timelines.timecode import frame_at, nominal_fps, timecode
from vifex.values import InputError

if TYPE_CHECKING:
    from vifex.search.moments.moment import Moment

__all__ = ["write_edl"]

_MOST: Final = 999
"""Events that the three digits of their numbers allow."""
_REEL: Final = 8
"""Characters of the name of a reel."""


def write_edl(path: Path, title: str, moments: Sequence[Moment], sources: Mapping[str, Source]) -> list[str]:
    """Write moments as an edit decision list.

    Args:
        path: The file.
        title: Its title, one line.
        moments: With times, in the order of the list.
        sources: The source of each address.

    Returns:
        Sentences on what the list cannot say.

    Raises:
        InputError: If there are more than 999 moments.
    """
    if len(moments) > _MOST:
        raise InputError(
            f"an EDL holds at most {_MOST} events, and these are {len(moments)} moments.",
            of=str(path),
            todo="Ask for fewer, or write an OTIO file.",
        )
    rates = Counter((sources[m.uri].rate, sources[m.uri].drop) for m in moments)
    (rate, drop), _ = rates.most_common(1)[0] if rates else ((Fraction(25), False), 0)
    lines = [f"TITLE: {_line(title)}", f"FCM: {'DROP FRAME' if drop else 'NON-DROP FRAME'}", ""]
    reels = _reels([sources[m.uri] for m in moments])
    record = 3600 * nominal_fps(rate) if not drop else frame_of_hour(rate)
    for number, moment in enumerate(moments, start=1):
        source = sources[moment.uri]
        first, stop = frames_of(moment, source)
        length = frame_at(float(Fraction(stop - first) / source.rate), rate)
        times = (
            timecode(source.first_frame + first, source.rate, drop=source.drop),
            timecode(source.first_frame + stop, source.rate, drop=source.drop),
            timecode(record, rate, drop=drop),
            timecode(record + max(1, length), rate, drop=drop),
        )
        record += max(1, length)
        track = "V" if not source.has_sound else "AA/V" if source.has_video else "AA"
        lines.append(f"{number:03d}  {reels[source.uri]:<8} {track:<5} C        {' '.join(times)}")
        lines.append(f"* FROM CLIP NAME: {_line(source.name)}")
        lines.append(f"* COMMENT: score {moment.score:.4f}, {float(source.rate):.6g} frames a second")
        lines.append("")
    path.write_text("\r\n".join(lines), encoding="utf-8", errors="backslashreplace", newline="")
    if len(rates) == 1 or not rates:
        return []
    shown = ", ".join(f"{float(r):.6g}" for r, _ in rates)
    return [
        f"the moments have different frame rates ({shown}); the times of each source count its own frames, "
        f"those of the record {float(rate):.6g} a second."
    ]


def frames_of(moment: Moment, source: Source) -> tuple[int, int]:
    """Return the frames `[first, stop)` of a moment, counted from the first of the source; at least one."""
    assert moment.start_s is not None
    assert moment.end_s is not None
    first = frame_at(moment.start_s, source.rate)
    return first, max(first + 1, frame_at(moment.end_s, source.rate))


def frame_of_hour(rate: Fraction) -> int:
    """Return the number of the frame at 01:00:00;00 of drop-frame counting."""
    fps = nominal_fps(rate)
    return 3600 * fps - (fps // 15) * 54


def _reels(sources: Sequence[Source]) -> dict[str, str]:
    """Return a reel's name for each address: letters and digits, at most 8, each one once."""
    reels: dict[str, str] = {}
    for source in sources:
        if source.uri in reels:
            continue
        stem = re.sub(r"[^A-Z0-9]", "", Path(source.name).stem.upper()) or "REEL"
        name, number = stem[:_REEL], 1
        while name in reels.values():
            number += 1
            name = f"{stem[: _REEL - len(str(number))]}{number}"
        reels[source.uri] = name
    return reels


def _line(text: str) -> str:
    return " ".join(text.split())
