"""What compression gained and lost, as frozen values: the table that `vifex compress` prints and writes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from vifex.extraction.bench.fidelity import Fidelity
from vifex.extraction.bench.measured import Rate

__all__ = ["Compression", "Fidelity", "Rate", "Side"]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two networks."""

    parameters: int | None
    """Weights and biases; `None` for a graph file, whose constants are not all weights."""
    multiplications: int | None
    """For one image; `None` for a graph file."""
    file_bytes: int
    """Of the graph's files, `.xml` and `.bin` together."""
    precision: str
    """The arithmetic in which speed and features were measured."""
    images_per_s: Rate
    """Of the network alone: median and quartiles of rounds that alternate with those of the other network."""
    accuracy: float | None = None
    """Part of the labelled images whose class has the largest output; `None` without labels."""


@dataclass(frozen=True, slots=True)
class Compression:
    """What was done, and the figures before and after."""

    model: str
    """Name of the uncompressed network."""
    output: str
    """The graph's file."""
    method: str
    """In words, e.g. `pruned to 0.5 of its multiplications`."""
    before: Side
    after: Side
    fidelity: tuple[Fidelity, ...] = ()
    """For each layer that is extracted by default, how near the features are to the uncompressed ones."""
    images: int = 0
    """Images on which features and accuracy were compared; none of them served for recovery."""
    epochs: int = 0
    """Epochs of recovery."""
    cores: int = 0
    rounds: int = 0
    changes: dict[str, Any] = field(default_factory=dict)
    """Channels of each group before and after, or the rank of each layer."""

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)
