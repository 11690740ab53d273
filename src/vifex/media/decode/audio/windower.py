"""Turns decoded frames of sound into finished windows, for one request of one medium."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from vifex.media.decode.timing.times import Clock
from vifex.media.sample.base import Part
from vifex.media.sample.limited import limit_sentence
from vifex.media.sample.sound import SoundWindow, SoundWindows
from vifex.values import AudioSpec, Sample
from vifex.values.spread import evenly

__all__ = ["AudioWindower"]

FloatArray = npt.NDArray[np.float32]


class AudioWindower:
    """Resamples sound to one channel at the requested rate and makes samples of its windows.

    Sample k of the grid lies at `origin + k / sample_rate_hz`, `origin` being the time of the very first
    sample. A new run of the resampler starts where the sound does not go on: at the nearest place on the
    grid, at most half a sample off.

    Args:
        number: Of the request.
        spec: What is requested.
        part: The part of the sound that counts.
        clock: Of the stream.
        count: Windows without the limit of their number, where there is one.
    """

    def __init__(
        self, number: int, spec: AudioSpec, part: Part, clock: Clock, count: int | None = None
    ) -> None:
        self.number = number
        self.n_samples = 0
        self.how_limited: str | None = None
        """A sentence about the limit of the number of windows, if it takes effect."""
        most = spec.max_windows
        self._chosen = None
        if most is not None and count is not None and count > most:
            self._chosen = frozenset(evenly(range(count), most))
            self.how_limited = limit_sentence(count, most, "windows")
        self._n_windows = 0
        self._spec, self._part, self._clock = spec, part, clock
        self._origin = Fraction(0)
        self._windows: SoundWindows | None = None
        self._to_float: AudioResampler | None = None
        self._resampler: AudioResampler | None = None
        self._at = 0
        """Place on the grid of the resampler's next sample."""
        self._stop = 0
        """Place where its run ends, by the count of what went in."""

    @property
    def is_over(self) -> bool:
        """Whether nothing later can count."""
        return self._windows is not None and self._windows.is_over

    def feed(self, frame: AudioFrame, start: Fraction, *, is_new: bool) -> Iterator[Sample]:
        """Take the next frame; return the samples that it completes."""
        if is_new:
            yield from self._end_run()
            self._start_run(start)
        assert self._resampler is not None
        assert self._to_float is not None
        end = start + Fraction(frame.samples, frame.sample_rate)
        self._stop = round((end - self._origin) * self._spec.sample_rate_hz)
        for converted in self._to_float.resample(frame):
            yield from self._pass_on(self._resampler.resample(_mixed(converted)))

    def finish(self) -> Iterator[Sample]:
        """Yield the remaining samples after the last frame."""
        if self._windows is None:
            return
        yield from self._end_run()
        for window in self._windows.finish():
            yield from self._sample(window)

    def why_empty(self, end: Fraction) -> str:
        """Return a clause that says why there is no window, for sound that ends at that time."""
        window_s, length_s = self._spec.window_s, float(end - self._origin)
        if self._part.start is not None and self._part.start >= end:
            return f"its sound ends at {float(end):.2f} s, before the part that was asked for"
        if self._part.end is not None and self._part.end <= self._origin:
            return f"its sound starts at {float(self._origin):.2f} s, after the part that was asked for"
        return f"{length_s:.2f} s of sound do not fill a window of {window_s:g} s, and the tail is dropped"

    def _start_run(self, start: Fraction) -> None:
        rate_hz = self._spec.sample_rate_hz
        if self._windows is None:
            self._origin = start
            first, end = self._part.start, self._part.end
            self._windows = SoundWindows(
                self._spec,
                start=0 if first is None else max(0, math.ceil((first - start) * rate_hz)),
                end=None if end is None else max(0, math.ceil((end - start) * rate_hz)),
            )
        # Rounded places may touch: no sample is given twice.
        self._at = max(round((start - self._origin) * rate_hz), self._stop)
        self._to_float = AudioResampler(format="fltp")
        self._resampler = AudioResampler(format="fltp", layout="mono", rate=rate_hz)

    def _end_run(self) -> Iterator[Sample]:
        if self._resampler is not None:
            yield from self._pass_on(self._resampler.resample(None))
            self._resampler = None

    def _pass_on(self, frames: list[AudioFrame]) -> Iterator[Sample]:
        assert self._windows is not None
        for frame in frames:
            samples: FloatArray = frame.to_ndarray()[0][: max(0, self._stop - self._at)]
            for window in self._windows.feed(self._at, samples):
                yield from self._sample(window)
            self._at += len(samples)

    def _sample(self, window: SoundWindow) -> Iterator[Sample]:
        number = self._n_windows
        self._n_windows += 1
        if self._chosen is not None and number not in self._chosen:
            return
        rate_hz, clock = self._spec.sample_rate_hz, self._clock
        start = self._origin + Fraction(window.start, rate_hz)
        self.n_samples += 1
        yield Sample(
            request=self.number,
            ordinal=self.n_samples - 1,
            pixels=window.samples,
            pts=clock.start + round(start / clock.time_base),
            time_base=clock.text,
            t_s=float(start),
            t_start_s=float(start),
            t_end_s=float(start + Fraction(window.n_real, rate_hz)),
        )


def _mixed(frame: AudioFrame) -> AudioFrame:
    """Return the mean of all channels.

    Its time is left out: the count keeps that, and a container's rounded ticks would only disturb.
    """
    array = frame.to_ndarray()
    mono = array if len(array) == 1 else array.mean(axis=0, keepdims=True, dtype=np.float32)
    mixed = AudioFrame.from_ndarray(np.ascontiguousarray(mono), format="fltp", layout="mono")
    mixed.sample_rate = frame.sample_rate
    return mixed
