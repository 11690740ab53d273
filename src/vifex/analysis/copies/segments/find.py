"""Copied segments among all videos of a collection: background, candidates, alignment, calibration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vifex.analysis.copies.segments.alignment import Aligned, align
from vifex.analysis.copies.segments.background import Background, measure_background
from vifex.analysis.copies.segments.calibration import LEAST_SCORE, SegmentThreshold, calibrate
from vifex.analysis.copies.segments.evidence import evidence_between, pairs_with_evidence
from vifex.analysis.copies.segments.frames import Frames
from vifex.search.scan.blas import one_blas_thread
from vifex.values.machines import Machines, parts_of

__all__ = ["FoundSegments", "Segment", "find_segments"]

LEAST_SIMILARITY = 0.45
"""Mean cosine similarity of the pairs of frames. Two videos of one subject can be nearer to each other than
chance allows without being copies: two of the night sky reach 0.39."""
STILL_SIMILARITY = 0.7
"""The same where nothing moves: a fixed camera before a scene of one kind. Every moment is then as like every
other one, and a segment is long and strong by its length alone."""
STILL_SHARE = 0.8
"""Nothing moves if one video reversed in time scores at least this part of the score."""
_SENT_FROM = 64
"""Pairs of videos from which it pays to send the frames to other machines."""
WEAKER_BY = 0.03
"""By how much less cosine similarity a segment is left out whose span has a stronger copy in that video."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A span of one video that shows the same as a span of another."""

    a: int
    """The medium of the first span, by its number."""
    b: int
    a_start_s: float
    a_end_s: float
    b_start_s: float
    b_end_s: float
    speed: float
    """Seconds of the second video per second of the first."""
    score: float
    """Sum of the evidence of its frames."""
    similarity: float
    """Mean cosine similarity of its pairs of frames."""
    frames: int
    """How many sampled frames of the first span have a match."""
    false_alarms: float
    """How many segments with such a score chance is expected to make in the whole collection."""


@dataclass(frozen=True, slots=True)
class FoundSegments:
    """All segments, the strongest first, and the calibration of their threshold."""

    segments: tuple[Segment, ...]
    calibration: SegmentThreshold


def find_segments(
    frames: Frames,
    *,
    false_alarms: float = 0.05,
    least_s: float = 1.0,
    confirmed: Callable[[Segment], bool] = lambda _: False,
    on_progress: Callable[[int, int], None] | None = None,
    machines: Machines | None = None,
) -> FoundSegments:
    """Find the copied segments between all videos, or between those of two stores.

    Args:
        frames: Sampled frames of at least two videos.
        false_alarms: How many false segments are allowed in the whole collection, on average.
        least_s: Shorter segments are left out, in seconds of the first video.
        confirmed: Says of a segment below the threshold that it is a copy all the same.
        on_progress: Called with how many pairs of candidates are aligned, and how many there are.
        machines: Other machines, which align the candidates where there are many.
    """
    background = measure_background(frames)
    pairs = pairs_with_evidence(frames, background, LEAST_SCORE, machines)
    aligned, reversed_ = _aligned(
        frames, background, pairs, on_progress or (lambda _done, _of: None), machines
    )
    forwards = np.array([max((one.score for one in found), default=0.0) for found in aligned])
    half = np.random.default_rng(0).random(len(pairs)) < 0.5
    calibration = calibrate(forwards, reversed_, half, pairs=_count_pairs(frames), false_alarms=false_alarms)
    segments = [
        _segment(frames, a, b, one, calibration)
        for (a, b), found in zip(pairs, aligned, strict=True)
        for one in found
    ]
    turned = dict(zip(pairs, reversed_.tolist(), strict=True))
    kept = [
        one
        for one in segments
        if _is_copy(one, turned[one.a, one.b], calibration.least_score, least_s) or confirmed(one)
    ]
    kept.sort(key=lambda segment: (-segment.score, segment.a, segment.b, segment.a_start_s))
    return FoundSegments(tuple(_first_choices(kept, confirmed)), calibration)


def _is_copy(one: Segment, reversed_score: float, least_score: float, least_s: float) -> bool:
    is_long = one.a_end_s - one.a_start_s >= least_s
    is_still = reversed_score >= STILL_SHARE * one.score
    least = STILL_SIMILARITY if is_still else LEAST_SIMILARITY
    return is_long and one.score >= least_score and one.similarity >= least


def _first_choices(segments: Sequence[Segment], confirmed: Callable[[Segment], bool]) -> Iterator[Segment]:
    """Leave out segments of a span that is clearly more alike to another span of the same video.

    A copied span of a scene that hardly moves resembles the whole scene of the original, but no other part of
    it as much as its own.

    Args:
        segments: The strongest first.
        confirmed: Says of a segment that it stays.
    """
    chosen: dict[tuple[int, int], list[Segment]] = {}
    for one in segments:
        stronger = chosen.setdefault((one.a, one.b), [])
        if any(_is_beside(one, other) for other in stronger) and not confirmed(one):
            continue
        stronger.append(one)
        yield one


def _is_beside(one: Segment, stronger: Segment) -> bool:
    spans = (
        ((one.a_start_s, one.a_end_s), (stronger.a_start_s, stronger.a_end_s)),
        (
            (one.b_start_s, one.b_end_s),
            (stronger.b_start_s, stronger.b_end_s),
        ),
    )
    shared = max(_shared(mine, theirs) for mine, theirs in spans)
    return shared >= 0.5 and one.similarity < stronger.similarity - WEAKER_BY


def _shared(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return how much of a span lies in another, 0 to 1."""
    return max(0.0, min(one[1], other[1]) - max(one[0], other[0])) / (one[1] - one[0])


def _aligned(
    frames: Frames,
    background: Background,
    pairs: Sequence[tuple[int, int]],
    on_progress: Callable[[int, int], None] | None,
    machines: Machines | None,
) -> tuple[list[list[Aligned]], npt.NDArray[np.float64]]:
    """Align each pair of videos; return the segments of each, and the best score of its reversed second."""
    shared = (frames, background, pairs)
    each: Iterator[tuple[slice, list[tuple[list[Aligned], float]]]]
    if machines is None or len(pairs) < _SENT_FROM:
        single = (slice(number, number + 1) for number in range(len(pairs)))
        each = ((part, _align_some(*shared, part)) for part in single)
    else:
        each = machines.each(_align_some, shared, parts_of(len(pairs), 1, machines.width))
    aligned: list[list[Aligned]] = [[] for _ in pairs]
    reversed_, done = np.zeros(len(pairs)), 0
    # The products of one pair are small: threads would only wait for each other.
    with one_blas_thread():
        for part, found in each:
            for number, (segments, score) in zip(range(part.start, part.stop), found, strict=True):
                aligned[number], reversed_[number] = segments, score
            done += len(found)
            if on_progress is not None:
                on_progress(done, len(pairs))
    return aligned, reversed_


def _align_some(
    frames: Frames, background: Background, pairs: Sequence[tuple[int, int]], part: slice, _threads: int = 1
) -> list[tuple[list[Aligned], float]]:
    with one_blas_thread():
        return [_both_ways(frames, background, a, b) for a, b in pairs[part]]


def _both_ways(frames: Frames, background: Background, a: int, b: int) -> tuple[list[Aligned], float]:
    """Align two videos, and the first with the reversed second; return the segments and the decoy's score."""
    evidence = evidence_between(frames, background, frames.of(a), frames.of(b))
    t_a, t_b = frames.t_s[frames.of(a)], frames.t_s[frames.of(b)]
    step_s = max(frames.step_s(a), frames.step_s(b))
    turned = align(
        evidence[:, ::-1].copy(), t_a, t_b[-1] - t_b[::-1], step_s=step_s, least=LEAST_SCORE, most=1
    )
    found = align(evidence, t_a, t_b, step_s=step_s, least=LEAST_SCORE)
    return found, max((one.score for one in turned), default=0.0)


def _count_pairs(frames: Frames) -> int:
    first = frames.media_of_first
    if first is None:
        return frames.media * (frames.media - 1) // 2
    return first * (frames.media - first)


def _segment(frames: Frames, a: int, b: int, one: Aligned, calibration: SegmentThreshold) -> Segment:
    (a_first, a_last), (b_first, b_last) = one.spans
    rows, columns = one.path.rows + frames.starts[a], one.path.columns + frames.starts[b]
    similarity = np.einsum("nd,nd->n", frames.unit[rows], frames.unit[columns])
    speed = one.line.speed
    t_a, t_b = frames.t_s[frames.of(a)], frames.t_s[frames.of(b)]
    # A span begins half a sampling step before its first frame, alike in both, but not before its video.
    half = min(frames.step_s(a), frames.step_s(b) / speed) / 2
    before = max(0.0, min(half, float(t_a[a_first]), float(t_b[b_first]) / speed))
    return Segment(
        a=a,
        b=b,
        a_start_s=float(t_a[a_first]) - before,
        a_end_s=float(t_a[a_last]) + half,
        b_start_s=float(t_b[b_first]) - before * speed,
        b_end_s=float(t_b[b_last]) + half * speed,
        speed=speed,
        score=one.score,
        similarity=float(similarity.mean()),
        frames=one.matches,
        false_alarms=calibration.false_alarms(one.score),
    )
