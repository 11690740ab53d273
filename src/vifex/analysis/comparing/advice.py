"""Which layer to store: the best of a comparison, and a smaller one that is as good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vifex.analysis.comparing.table import ComparedLayer, LayerComparison

__all__ = ["Advice", "smaller_layer"]


@dataclass(frozen=True, slots=True, eq=False)
class Advice:
    """Which layer of which model to store, found on a sample of the media."""

    comparison: LayerComparison
    """All layers that were read, the best first. Their figures are of sketches of at most 256 numbers."""
    smaller: ComparedLayer | None
    """The layer with the fewest numbers whose rank may be the first too, if it is smaller than the best."""
    sampled: int
    """How many media were read."""
    media: int
    """How many there are."""
    seconds: float
    """Time that it took."""
    choices: Mapping[str, Any]
    """What stores the best layer: `vifex.extract(media, store, **choices)`."""

    @property
    def best(self) -> ComparedLayer:
        """The layer to store."""
        return self.comparison.best

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "best": {"model": self.best.model, "layer": self.best.layer, "size": self.best.size},
            "smaller": None
            if self.smaller is None
            else {"model": self.smaller.model, "layer": self.smaller.layer, "size": self.smaller.size},
            "choices": {name: value for name, value in self.choices.items() if _is_plain(value)},
            "sampled": self.sampled,
            "media": self.media,
            "seconds": self.seconds,
            "comparison": self.comparison.to_dict(),
        }


def _is_plain(value: Any) -> bool:
    """Whether JSON can hold a choice; a loaded model it cannot."""
    return value is None or isinstance(value, str | int | float | list | tuple)


def smaller_layer(comparison: LayerComparison) -> ComparedLayer | None:
    """Return the smallest layer whose interval of ranks holds the first, if it is smaller than the best."""
    equals = [layer for layer in comparison.layers if layer.rank.low <= 1]
    smallest = min(equals, key=lambda layer: layer.size, default=None)
    return smallest if smallest is not None and smallest.size < comparison.best.size else None
