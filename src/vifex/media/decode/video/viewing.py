"""Serves all requests for one video or animation, frame by frame, and reports what was learned on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from vifex.media.decode.files.damage import Damage
from vifex.media.decode.images.cached_image import CachedImage, share_pixels
from vifex.media.decode.video.sample_builder import SampleBuilder, TimedFrame
from vifex.media.sample.base import Part
from vifex.media.sample.listed import part_of_times, unmet
from vifex.values import DecodeReport, MediaError, Medium, Sample, ViewRequest

__all__ = ["Viewing", "part_of"]


def part_of(medium: Medium, request: ViewRequest) -> Part:
    """Return the part of a video that a request covers: where its span and the medium's overlap."""
    span = medium.span
    sides = (None, None) if span is None else (span.t_start_s, span.t_end_s)
    both = Part.of(sides, (request.sampling.t_start_s, request.sampling.t_end_s))
    return part_of_times(request.sampling, both)


class Viewing:
    """Feeds the builders of all requests and counts."""

    def __init__(
        self,
        medium: Medium,
        requests: Sequence[ViewRequest],
        damage: Damage,
        duration: Fraction | None,
        counts: Sequence[int | None] = (),
    ) -> None:
        """Start a video.

        Args:
            medium: Which one.
            requests: All that are served.
            damage: Takes what is lost.
            duration: Seconds, for samplers that need them.
            counts: For each request its samples without the limit of their number, where it has one.
        """
        self._medium = medium
        self._damage = damage
        self._builders = [
            SampleBuilder(number, request, medium.boxes, part_of(medium, request), duration, damage, count)
            for number, (request, count) in enumerate(
                zip(requests, counts or [None] * len(requests), strict=True)
            )
        ]
        self._share_pixels = share_pixels(requests)
        self._n_frames = 0
        self._end = Fraction(0)
        self._size = (0, 0)
        self.notes: list[str] = []
        self.choices: list[str] = []

    def show(self, timed_frame: TimedFrame) -> Iterator[Sample]:
        """Give the next frame to all requests; return the samples that it completes."""
        if self._n_frames == 0:
            self._size = timed_frame.image.size
        self._n_frames += 1
        self._end = max(self._end, timed_frame.end)
        if self._share_pixels:
            timed_frame = replace(timed_frame, image=CachedImage(timed_frame.image))
        for builder in self._builders:
            yield from builder.feed(timed_frame)

    def finish(self) -> Iterator[Sample]:
        """Yield the remaining samples after the last frame."""
        for builder in self._builders:
            yield from builder.finish()

    def is_over(self, timed_frame: TimedFrame) -> bool:
        """Return whether no request needs later frames."""
        return all(t.part.is_over(timed_frame.end) for t in self._builders)

    def report(self) -> DecodeReport:
        """Return the report.

        Raises:
            MediaError: If there is no sample for any request.
        """
        damage, of = self._damage, self._medium.name
        if self._n_frames == 0:
            raise _no_frames(damage, of)
        for builder in self._builders:
            missing = unmet(builder.request.sampling, builder.part, self._n_frames, self._end)
            if missing:
                damage.other(missing)
        empty = [
            (t.number, t.why_empty(self._n_frames, self._end)) for t in self._builders if not t.n_samples
        ]
        if len(empty) == len(self._builders):
            why = damage.others[0].rstrip(".") if damage.others else empty[0][1]
            if damage.n_unconverted:
                why = f"none of {damage.n_unconverted:,} frames could be turned into RGB"
            raise MediaError(
                f"no sample could be taken: {why}.",
                of=of,
                todo='Ask for another part of it, shorter clips, or `tail="pad"`.',
            )
        return DecodeReport(
            kind="video",
            width_px=self._size[0],
            height_px=self._size[1],
            frames_seen=self._n_frames,
            frames_lost=damage.n_lost,
            problems=damage.sentences(),
            notes=tuple(self.notes),
            choices=tuple(self.choices),
            taken=tuple((t.number, how) for t in self._builders if (how := t.how_taken()) is not None),
            empty=tuple((number, f"No sample could be taken: {why}.") for number, why in empty),
        )


def _no_frames(damage: Damage, of: str) -> MediaError:
    if damage.n_timeless and not damage.n_undecoded:
        return MediaError(
            "its frames carry no times.",
            of=of,
            todo="Give its frame rate, e.g. `assume_fps=25`.",
        )
    return MediaError(
        f"no frame could be decoded: {damage.cause()}.",
        of=of,
        todo="Check the file with a player, or get a fresh copy.",
    )
