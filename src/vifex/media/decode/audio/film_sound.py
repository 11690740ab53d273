"""The sound of a video whose images continue in another stream or after a join.

Sound is moved in time exactly as the images are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from av.audio.frame import AudioFrame

from vifex.media.decode.files.container import Opened
from vifex.media.decode.files.damage import Damage
from vifex.media.decode.files.log import Log
from vifex.media.decode.files.reasons import Skip
from vifex.media.decode.files.source import MediaFile
from vifex.media.decode.timing.continuity import PacketClock, SoundClock, has_joins
from vifex.media.decode.timing.times import survey
from vifex.media.decode.video.packets import decoded
from vifex.media.decode.video.video import StillInside, open_video
from vifex.values import Limits, MediaError

__all__ = ["FilmPart", "film_parts", "sound_frames"]

_MAY_FALL: Final = frozenset({"flv", "live_flv", "matroska,webm"})
"""Formats that FFmpeg reads on behind a join, the clock starting anew; their sound goes on by itself."""


@dataclass(frozen=True, slots=True)
class FilmPart:
    """One of the streams under which a video's images go on."""

    open: Callable[[], Opened]
    shift: Fraction
    """Seconds by which all of it is moved."""
    offsets: tuple[Fraction, ...]
    """Seconds by which it is moved more, behind each join within it."""


def film_parts(
    file: MediaFile, opened: Opened, limits: Limits, progress: Callable[[], None]
) -> list[FilmPart]:
    """Describe how the images of a file go on; empty where it has none, or one clock for all.

    Args:
        file: The file; its place is kept.
        opened: The same, as it was opened for its sound.
        limits: Limits per medium.
        progress: Called for each packet of the images, all of which are read.
    """
    if not has_joins(opened.container):
        return []
    at = file.tell()
    try:
        film = open_video(file, limits, Log())
    except (Skip, StillInside, MediaError):
        return []
    finally:
        file.seek(at)
    try:
        most_gap = round(10 / film.clock.time_base)
        time_base = film.clock.time_base
        later = film.later
        whole = survey(film.container, film.stream, progress)
        parts = [FilmPart(lambda: open_video(file, limits, Log()), Fraction(0), whole.offsets)]
    finally:
        film.close()
        file.seek(at)
    for open_next in later:
        leg = open_next()
        try:
            found = survey(leg.container, leg.stream, progress)
        finally:
            leg.close()
            file.seek(at)
        shift = whole.shift_of(found, most_gap)
        parts.append(FilmPart(open_next, shift * time_base, found.offsets))
        whole = whole.joined(found, most_gap)
    return parts if len(parts) > 1 or parts[0].offsets else []


def sound_frames(
    opened: Opened,
    parts: Sequence[FilmPart],
    limits: Limits,
    damage: Damage,
    progress: Callable[[], None],
    notes: list[str],
) -> Iterator[AudioFrame]:
    """Decode a file's sound with times that go on where those of its images do.

    Args:
        opened: The file, with its sound as the stream.
        parts: How the images go on.
        limits: As in `decoded`.
        damage: Counts what is lost.
        progress: Called for each packet.
        notes: Takes a sentence if times are not the file's own.
    """
    frames: Any
    if not parts:
        can_fall = has_joins(opened.container) or opened.container.format.name in _MAY_FALL
        own = PacketClock(opened.container, opened.stream, jumps=False) if can_fall else None
        frames = decoded(opened, limits, damage, progress, opened.clock, packet_clock=own)
        for frame in frames:
            if own is not None and own.n_joins and not notes:
                notes.append("Its clock restarts within the file; sound continues from where it ended.")
            yield frame
        return
    notes.append("Its clock jumps within the file; sound was moved as the images were.")
    for part in parts:
        leg = part.open()
        try:
            sound: Any = leg.container.streams.best("audio")
            if sound is None or getattr(sound, "codec_context", None) is None:
                continue
            heard = Opened(leg.container, sound, 1)
            shift = round(part.shift / sound.time_base)
            clock = SoundClock(sound, part.offsets)
            frames = decoded(heard, limits, damage, progress, opened.clock, packet_clock=clock)
            for frame in frames:
                if frame.pts is not None:
                    frame.pts += shift
                yield frame
        finally:
            leg.close()
