"""Events of decoding: full slots, finished media, and media that are read again."""

from __future__ import annotations

from dataclasses import dataclass

from vifex.extraction.decoders.protocol import Finished
from vifex.values import Medium
from vifex.values.sample_facts import SampleFacts

__all__ = ["Ended", "Event", "Filled", "InWork", "Retried"]


@dataclass(frozen=True, slots=True)
class Filled:
    """A slot with samples, full or not; it is the receiver's until it is freed."""

    request: int
    slot: int
    attempts: tuple[int, ...]
    """One number for each sample. Samples of an attempt that was given up belong to nothing."""
    facts: SampleFacts


@dataclass(frozen=True, slots=True)
class Ended:
    """Attempts are over. `Filled` slots with their samples may still follow; `counts` says how many
    samples."""

    finished: Finished


@dataclass(frozen=True, slots=True)
class Retried:
    """A decoder died before it reported on a medium, which is read again under a new number."""

    before: int
    now: int


Event = Filled | Ended | Retried


@dataclass(frozen=True, slots=True)
class InWork:
    """A medium that a decoder is reading."""

    medium: Medium
    at_s: float
    """Seconds of its own time that were reached; 0 for an image."""
    end_s: float | None
    """Where its decoding ends, where that is known."""
    spent_s: float
    """What it took so far, waiting for slots not counted."""
