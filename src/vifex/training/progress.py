"""How far a run is, as a value."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TrainingMoment"]


@dataclass(frozen=True, slots=True)
class TrainingMoment:
    """How far a run is, for display."""

    epoch: int
    epochs: int
    step: int
    steps: int
    """Of an epoch."""
    examples_per_s: float
    left_s: float | None
    """Seconds until the end, as far as the last steps tell."""
    figures: dict[str, float]
    """Of this epoch so far."""
