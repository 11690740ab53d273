"""What a bench found, as frozen values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from vifex.extraction.bench.fidelity import Fidelity

__all__ = ["Bench", "Measured", "Rate"]


@dataclass(frozen=True, slots=True)
class Rate:
    """Samples (images, frames or clips) per second over all rounds: median and quartiles."""

    p25: float
    median: float
    p75: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found of one precision."""

    precision: str
    """As it was asked for."""
    resolved: str | None = None
    """As it ran, e.g. `int8+bf16`; `None` where it cannot run."""
    why_not: str | None = None
    """Why it cannot run here: a sentence."""
    batch: int | None = None
    """Inputs in a batch, as a run has them at this precision; `None` where it cannot run."""
    requests: int | None = None
    """Batches in flight."""
    inference: Rate | None = None
    """The network alone."""
    pipeline: Rate | None = None
    """Decoding and network together; `None` without media."""
    fidelity: tuple[Fidelity, ...] = ()
    """Against fp32, a layer each; none without media."""


@dataclass(frozen=True, slots=True)
class Bench:
    """All that a bench found."""

    model: str
    cores: int
    rounds: int
    seconds: float
    """Of each measurement, all its rounds together."""
    media: int
    """Media that gave samples; 0 where the images were made up."""
    samples: int
    """Over how many of their samples fidelity was measured."""
    held_out: bool
    """Whether int8 learned its ranges from other samples of the media than these."""
    precisions: tuple[Measured, ...]
    fast_decode: tuple[Fidelity, ...]
    """Of decoding `fast` against `exact`, in fp32, a layer each; none without media."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)
