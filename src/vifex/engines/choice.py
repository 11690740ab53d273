"""The engine that was chosen for a model, and the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vifex.values import Model

__all__ = ["EngineChoice"]


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """A model as an engine runs it, and the reason for that engine."""

    model: Model
    """With `engine` set: the model itself, or a converted file under its card and the hash of its weights."""
    why: str = ""
    """Why torch runs it, if torch runs it on a CPU."""
    checked: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By layer: the worst `cosine` between the two engines and the largest `difference` as a part of the
    largest value, in fp32, as they were measured when the network was converted."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a run's record."""
        found: dict[str, Any] = {"engine": self.model.engine}
        if self.why:
            found["why"] = self.why
        if self.checked:
            found["worst_cosine"] = min(m["cosine"] for m in self.checked.values())
            found["worst_difference"] = max(m["difference"] for m in self.checked.values())
        return found
