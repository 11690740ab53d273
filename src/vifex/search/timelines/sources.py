"""What an editing program must know of a source: its frame rate, its timecode, its length."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from vifex.media.decode.files.container import open_container, pick_stream
from vifex.media.decode.files.log import Log
from vifex.media.decode.files.source import open_uri
from vifex.media.read import Skip
from vifex.search.timelines.timecode import can_drop, frame_number
from vifex.values import Limits, MediaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer

    from vifex.search.moments.moment import Moment

__all__ = ["Source", "opened_source", "sources_of"]

_WITHOUT_RATE: Final = Fraction(25)
"""Frames a second that sound is counted in where nothing else is."""
_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """A file as an editing program sees it."""

    uri: str
    name: str
    rate: Fraction
    """Frames a second; of sound alone 25."""
    first_frame: int
    """Number of its first frame by its own timecode; 0 without one."""
    drop: bool
    """Whether its timecode is of drop-frame counting."""
    duration_s: float | None
    has_video: bool
    has_sound: bool


def sources_of(moments: Sequence[Moment]) -> tuple[dict[str, Source], list[str]]:
    """Read the sources of moments.

    Returns:
        The source of each address, and a sentence for each that cannot be read.
    """
    found: dict[str, Source] = {}
    problems: list[str] = []
    for moment in moments:
        if moment.start_s is None or moment.uri in found:
            continue
        try:
            with opened_source(moment.uri, moment.name) as (container, start_us):
                found[moment.uri] = _source(container, moment, start_us)
        except (MediaError, OSError) as exc:
            problem = f"{moment.name}: {exc.what if isinstance(exc, MediaError) else exc}"
            problems.extend([problem] if problem not in problems else [])
    return found, problems


@contextmanager
def opened_source(uri: str, name: str) -> Iterator[tuple[InputContainer, int]]:
    """Open a file by its address, and return where its clock starts, in microseconds.

    Raises:
        MediaError: If it cannot be opened.
    """
    with open_uri(uri, display_name=name) as file:
        container = open_container(file, Limits(), Log())
        try:
            try:
                clock = pick_stream(container, file).clock
                start_us = int(clock.start * clock.time_base * _US)
            except Skip:
                start_us = int(container.start_time or 0)
            yield container, start_us
        finally:
            container.close()


def _source(container: InputContainer, moment: Moment, start_us: int) -> Source:
    video = container.streams.best("video")
    rate = getattr(video, "average_rate", None) or getattr(video, "guessed_rate", None)
    rate = Fraction(rate) if rate else _WITHOUT_RATE
    codes = [container.metadata.get("timecode"), *(s.metadata.get("timecode") for s in container.streams)]
    read = (frame_number(code, rate) for code in codes if code)
    first_frame, drop = next((one for one in read if one is not None), (0, can_drop(rate)))
    duration = container.duration
    return Source(
        uri=moment.uri,
        name=moment.name,
        rate=rate,
        first_frame=first_frame,
        drop=drop,
        duration_s=None if duration is None else duration / _US,
        has_video=video is not None,
        has_sound=bool(container.streams.audio),
    )
