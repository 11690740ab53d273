"""Windows of sound: those that a network takes, and those that a view wants."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Final, Literal

__all__ = ["AudioInput", "AudioSpec", "AudioTail"]

_MAX_SAMPLES: Final = 1 << 28
"""Samples in one window: more than any network takes, and too few to overflow."""

AudioTail = Literal["drop", "pad", "repeat"]
"""What becomes of a last window that the sound does not fill.

`drop` leaves it out; `pad` fills it with silence; `repeat` says its sound again as often as it fits whole,
then fills with silence.
"""


@dataclass(frozen=True, slots=True)
class AudioInput:
    """What a network for sound takes: one channel of float32 samples, -1 to 1, windows of one length."""

    sample_rate_hz: int
    window_s: float
    """Length of one input, seconds; of a network that takes any length, the one that is used by default."""
    max_window_s: float | None = None
    """Longest input that it takes; `None` for any."""
    tail: AudioTail = "pad"
    """What its own library does with sound that is too short, or the nearest to it."""

    def __post_init__(self) -> None:
        _check(self.sample_rate_hz, self.window_s)
        if self.max_window_s is not None and self.window_s > self.max_window_s:
            raise ValueError(f"window_s {self.window_s} is above max_window_s {self.max_window_s}")

    @property
    def window_samples(self) -> int:
        """Samples in one input."""
        return round(self.window_s * self.sample_rate_hz)

    def to_dict(self) -> dict[str, object]:
        """Plain values for a card."""
        return {k: v for k, v in asdict(self).items() if v is not None}


@dataclass(frozen=True, slots=True)
class AudioSpec:
    """Windows of sound as a view wants them: float32 `[window_samples]`, mono, -1 to 1, resampled.

    The first window starts with the first sample (at or after `t_start_s`), the next ones every `hop_s`.
    """

    sample_rate_hz: int
    window_s: float
    hop_s: float
    channels: Literal["mono"] = "mono"
    """The mean of all channels. (FFmpeg would make one of two channels 3 dB louder, beyond -1 to 1.)"""
    tail: AudioTail = "pad"
    t_start_s: float | None = None
    t_end_s: float | None = None
    max_windows: int | None = None
    """Windows of one medium at most; of more those are taken that are spread evenly over all."""

    def __post_init__(self) -> None:
        _check(self.sample_rate_hz, self.window_s)
        if not math.isfinite(self.hop_s * self.sample_rate_hz) or round(self.hop_s * self.sample_rate_hz) < 1:
            raise ValueError(f"hop_s must be at least one sample, got {self.hop_s}")
        if self.t_start_s is not None and self.t_end_s is not None and self.t_end_s <= self.t_start_s:
            raise ValueError(f"sound must end after it starts, got {self.t_start_s} s to {self.t_end_s} s")

    @property
    def window_samples(self) -> int:
        """Samples in one window."""
        return round(self.window_s * self.sample_rate_hz)

    @property
    def hop_samples(self) -> int:
        """Samples from one window's first to the next one's."""
        return round(self.hop_s * self.sample_rate_hz)

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        said = asdict(self)
        if self.max_windows is None:  # it came later: the hash of older recipes must stay
            del said["max_windows"]
        return said


def _check(sample_rate_hz: int, window_s: float) -> None:
    if not 1 <= sample_rate_hz <= _MAX_SAMPLES:
        raise ValueError(f"sample_rate_hz must be from 1 to {_MAX_SAMPLES}, got {sample_rate_hz}")
    if not math.isfinite(window_s * sample_rate_hz) or round(window_s * sample_rate_hz) < 1:
        raise ValueError(f"window_s must be at least one sample, got {window_s}")
    if window_s * sample_rate_hz > _MAX_SAMPLES:
        raise ValueError(f"window_s must be at most {_MAX_SAMPLES} samples, got {window_s}")
