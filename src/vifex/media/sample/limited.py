"""An upper limit of the samples of a medium: those that are left are spread evenly over all.

How many samples there are must be known before the first of them, so a sampler is run over the times of the
frames once without any pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

from vifex.media.sample.base import Part, Pick, Sampler
from vifex.media.sample.registry import make
from vifex.media.sample.single import SingleFrames
from vifex.values import Sampling
from vifex.values.spread import evenly

__all__ = ["Limited", "count_picks", "limit_sentence", "make_limited"]


class Limited:
    """Passes on some of the picks of another sampler.

    Args:
        inner: The other sampler.
        most: Picks that are passed on at most.
        count: How many the other sampler gives; should there be more, the limit holds all the same.
    """

    def __init__(self, inner: Sampler, most: int, count: int) -> None:
        self._inner = inner
        self._left = most
        self._most = most
        self._chosen = None if count <= most else frozenset(evenly(range(count), most))
        self._n_seen = 0
        self._is_single = isinstance(inner, SingleFrames)
        self._picks: list[Pick] = []
        self.oldest = 0
        self.only_key_frames = bool(getattr(inner, "only_key_frames", False))

    @property
    def n_passed(self) -> int:
        """Picks that were passed on."""
        return self._most - self._left

    def feed(self, index: int, start: Fraction, end: Fraction) -> bool:
        """Take the next frame; return whether its pixels must be kept."""
        is_taken = self._inner.feed(index, start, end)
        self._picks += filter(self._passes, self._inner.ready())
        self.oldest = self._inner.oldest
        # A window may still be left out when its last frame comes.
        return bool(self._picks) if self._is_single else is_taken

    def ready(self) -> Iterator[Pick]:
        """Yield each pick that the frames so far complete, once."""
        picks, self._picks = self._picks, []
        yield from picks

    def finish(self) -> Iterator[Pick]:
        """Yield the remaining picks after the last frame."""
        yield from filter(self._passes, self._inner.finish())

    def why_empty(self, n_frames: int, end: Fraction) -> str:
        """Explain why there is no sample."""
        return self._inner.why_empty(n_frames, end)

    def _passes(self, pick: Pick) -> bool:
        number = self._n_seen
        self._n_seen += 1
        is_chosen = self._left > 0 and (self._chosen is None or number in self._chosen)
        self._left -= is_chosen
        return is_chosen


def make_limited(sampling: Sampling, part: Part, duration: Fraction | None, count: int | None) -> Sampler:
    """Make the sampler of a request for one video, with its limit.

    Args:
        sampling: Of the request.
        part: The part of the video to sample.
        duration: Seconds, for samplers that need them.
        count: Samples of the video without the limit; needed where the sampling has one.
    """
    sampler = make(sampling, part, duration)
    if sampling.max_frames is None:
        return sampler
    assert count is not None
    return Limited(sampler, sampling.max_frames, count)


def count_picks(
    sampling: Sampling, part: Part, duration: Fraction | None, frames: Iterable[tuple[Fraction, Fraction]]
) -> int:
    """Count what a sampler takes of frames that are on screen in these intervals, without the limit."""
    sampler = make(sampling, part, duration)
    count = 0
    for index, (start, end) in enumerate(frames):
        sampler.feed(index, start, end)
        count += sum(1 for _ in sampler.ready())
        if part.is_over(end):
            break
    return count + sum(1 for _ in sampler.finish())


def limit_sentence(count: int, most: int, what: str = "frames", n_taken: int | None = None) -> str:
    """Return a sentence about a limit that took effect; of a damaged medium fewer are taken than it lets."""
    n_taken = most if n_taken is None else n_taken
    return f"Of {count:,} sampled {what} {n_taken:,} were taken, spread evenly (`max_frames={most}`)."
