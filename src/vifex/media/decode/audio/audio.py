"""The sound of a file, decoded once for all requests, with the timestamps of the file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from vifex.media.decode.audio.film_sound import film_parts, sound_frames
from vifex.media.decode.audio.timeline import Timeline
from vifex.media.decode.audio.windower import AudioWindower
from vifex.media.decode.files.container import Opened, open_container
from vifex.media.decode.files.damage import Damage
from vifex.media.decode.files.not_media import refuse_archive, text_error
from vifex.media.decode.files.reasons import Skip
from vifex.media.decode.files.sniff import look
from vifex.media.decode.files.source import MediaFile
from vifex.media.decode.timing.times import Clock
from vifex.media.decode.video.reach import Reach
from vifex.media.sample.base import Part
from vifex.values import DecodeReport, Limits, MediaError, Medium, Sample, ViewRequest

__all__ = ["NO_AUDIO", "read_audio"]

NO_AUDIO: Final = "no audio stream"


def read_audio(
    file: MediaFile,
    medium: Medium,
    requests: Sequence[ViewRequest],
    limits: Limits,
    progress: Callable[[], None],
) -> Generator[Sample, None, DecodeReport]:
    """Decode a file's sound once for all requests; see `vifex.media.read.read`.

    Raises:
        Skip: If it has no sound, like images and animations.
        MediaError: If nothing of it can be decoded.
    """
    counts: list[int | None] = [None] * len(requests)
    if any(r.audio is not None and r.audio.max_windows is not None for r in requests):
        counts = _counts(read_audio(file, medium, _without_limit(requests), limits, progress), len(requests))
    damage = Damage()
    opened = _open(file, limits, damage)
    try:
        clock = _clock(opened)
        span = medium.span
        side = (None, None) if span is None else (span.t_start_s, span.t_end_s)
        windowers = [
            _windower(number, request, side, clock, count)
            for number, (request, count) in enumerate(zip(requests, counts, strict=True))
        ]
        timeline = Timeline(clock, damage)
        unlimited = replace(limits, decoded_frames=sys.maxsize)  # that limit is for images
        film = film_parts(file, opened, limits, progress)
        moved: list[str] = []
        reach = Reach(progress, opened.container)
        for piece in timeline.pieces(sound_frames(opened, film, unlimited, damage, progress, moved)):
            reach.tell(piece.start)
            for windower in windowers:
                yield from windower.feed(piece.frame, piece.start, is_new=piece.is_new)
            if all(windower.is_over for windower in windowers):
                break
        for windower in windowers:
            yield from windower.finish()
        report = _report(medium, opened, windowers, timeline, damage)
        return replace(report, notes=(*report.notes, *moved))
    finally:
        opened.close()


def _open(file: MediaFile, limits: Limits, damage: Damage) -> Opened:
    head = file.head()
    refuse_archive(head, file.display_name)
    kind = look(head)
    if kind == "text":
        raise text_error(head, file.display_name, wanted="sound")
    if kind == "image":
        raise Skip(NO_AUDIO)
    container = open_container(file, limits, damage.opening)
    try:
        if container.format.name.endswith("_pipe") or not len(container.streams.audio):
            raise Skip(NO_AUDIO)
        best: Any = container.streams.best("audio") or container.streams.audio[0]
        # A stream whose codec FFmpeg does not know has no context at all, whatever the types say.
        if getattr(best, "codec_context", None) is None:
            raise MediaError(
                "there is no decoder for its sound.",
                of=file.display_name,
                todo="Convert it with a tool that has one.",
            )
        return Opened(container, best, len(container.streams.audio))
    except BaseException:
        container.close()
        raise


def _clock(opened: Opened) -> Clock:
    """Return the file's clock in ticks of its sound, which may be finer than the start's microseconds."""
    clock, own = Clock.of(opened.container, opened.stream), opened.stream.start_time
    if own is not None and abs(own - clock.start) * clock.time_base < Fraction(1, 1_000_000):
        return replace(clock, start=own)
    return clock


def _windower(
    number: int,
    request: ViewRequest,
    side: tuple[float | None, float | None],
    clock: Clock,
    count: int | None,
) -> AudioWindower:
    assert request.audio is not None
    part = Part.of(side, (request.audio.t_start_s, request.audio.t_end_s))
    return AudioWindower(number, request.audio, part, clock, count)


def _without_limit(requests: Sequence[ViewRequest]) -> list[ViewRequest]:
    return [
        request if request.audio is None else replace(request, audio=replace(request.audio, max_windows=None))
        for request in requests
    ]


def _counts(samples: Iterator[Sample], n_requests: int) -> list[int | None]:
    """Count the windows of each request. Where sound begins and ends only its decoder can tell."""
    counts = [0] * n_requests
    for sample in samples:
        counts[sample.request] += 1
    return list(counts)


def _report(
    medium: Medium, opened: Opened, windowers: Sequence[AudioWindower], timeline: Timeline, damage: Damage
) -> DecodeReport:
    if not timeline.n_frames:
        raise MediaError(
            f"no sound could be decoded: {damage.cause()}.",
            of=medium.name,
            todo="Check the file with a player, or get a fresh copy.",
        )
    empty = [
        (windower.number, windower.why_empty(timeline.end))
        for windower in windowers
        if not windower.n_samples
    ]
    if len(empty) == len(windowers):
        raise MediaError(
            f"no window could be taken: {empty[0][1]}.",
            of=medium.name,
            todo='Ask for another part of it, shorter windows, or `window_tail="pad"`.',
        )
    notes = list(timeline.notes())
    if opened.n_streams > 1:
        notes.append(f"The file has {opened.n_streams} audio streams; stream {opened.stream.index} was read.")
    return DecodeReport(
        kind="audio",
        frames_seen=timeline.n_frames,
        frames_lost=damage.n_lost,
        problems=damage.sentences(),
        notes=tuple(notes),
        taken=tuple((w.number, w.how_limited) for w in windowers if w.how_limited is not None),
        empty=tuple((number, f"No window could be taken: {why}.") for number, why in empty),
    )
