"""How a view was made from other views: vectors that were fused, or levels of a tree."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

__all__ = ["MATCHES", "Fusion", "FusionInput", "Match", "SourceEntry", "Tree", "TreeLevel", "hash_of_sources"]

Match = Literal["row", "mean"]
MATCHES: Final = ("row", "mean")

TreeLevel = Literal["video", "scene", "shot"]

SourceEntry = tuple[str, int]
"""The id of a view and the number of the commit that made a medium's newest entry there."""


def hash_of_sources(entries: Sequence[SourceEntry | None]) -> str:
    """Return the `spec_hash` of a medium in a derived view: 128 bits in hex over its entries in the inputs.

    Args:
        entries: One for each input of the view; `None` where the input has no entry of the medium.
    """
    text = json.dumps([None if e is None else list(e) for e in entries], separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class FusionInput:
    """One of the vectors that a row was fused from."""

    view: str
    recipe_hash: str
    """Hash of that view's recipe."""
    column: str
    size: int
    """Length of the vector."""
    match: Match = "row"
    """`row`: the row of the same medium, box and time; `mean`: the mean of all rows of the medium."""


@dataclass(frozen=True, slots=True)
class Fusion:
    """How several vectors become one."""

    method: str
    """Name in the registry of fusions: `concat`, `sum`, `weighted`, `pca`, `gated`, `attention`."""
    inputs: tuple[FusionInput, ...]
    """The first is the base: its rows are the rows of the fused view."""
    unit: bool = True
    """Whether each input was scaled to length 1 first."""
    within_s: float = 0.5
    """How far apart, in seconds, rows may be that do not overlap in time and are still matched."""
    weights: tuple[float, ...] | None = None
    """One for each input, as given; `None` where all are equal or the method learns them."""
    parameters_sha256: str | None = None
    """Hash of the file of learned numbers that the view keeps."""

    def __post_init__(self) -> None:
        if len(self.inputs) < 2:
            raise ValueError(f"a fusion needs at least 2 inputs, got {len(self.inputs)}")
        if any(i.match not in MATCHES for i in self.inputs) or self.inputs[0].match != "row":
            raise ValueError("the base is matched by row, others by row or mean")
        if not (math.isfinite(self.within_s) and self.within_s >= 0):
            raise ValueError(f"within_s must be at least 0, got {self.within_s}")
        if self.weights is not None and len(self.weights) != len(self.inputs):
            raise ValueError(f"{len(self.inputs)} inputs and {len(self.weights)} weights")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` gives an equal fusion back."""
        said = asdict(self)
        said["inputs"] = [asdict(i) for i in self.inputs]
        said["weights"] = None if self.weights is None else list(self.weights)
        return said

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Fusion:
        """Read what `to_dict` wrote, also after a trip through JSON."""
        weights = data["weights"]
        return cls(
            **{
                **data,
                "inputs": tuple(FusionInput(**i) for i in data["inputs"]),
                "weights": None if weights is None else tuple(weights),
            }
        )


@dataclass(frozen=True, slots=True)
class Tree:
    """Which level of the tree of shots, scenes and video a view holds, and how the tree was built."""

    view: str
    """The view whose rows are the leaves."""
    recipe_hash: str
    column: str
    level: TreeLevel
    pooling: str = "mean"
    radius: int = 5
    factor: float = 3.0
    least: float = 0.05
    shortest: int = 1
    similar: float = 0.8

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)
