"""How a view that was imported from files came by what its recipe says."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, cast

__all__ = ["Imported"]

Source = Literal["export", "named", "unknown"]
_SOURCES: Final = ("export", "named", "unknown")


@dataclass(frozen=True, slots=True)
class Imported:
    """Set in the recipe of a view whose vectors were read from files, not computed."""

    model: Source
    """What says how the vectors were made: the recipe in an `export` of Vifex, the model that the user has
    `named`, or nothing: then it is `unknown`."""

    def __post_init__(self) -> None:
        if self.model not in _SOURCES:
            raise ValueError(f"the model is known by {', '.join(_SOURCES)}, not by {self.model!r}")

    @property
    def knows_model(self) -> bool:
        """Whether a query can be computed as the rows were."""
        return self.model != "unknown"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Imported:
        """Read what `to_dict` wrote."""
        return cls(cast(Source, data["model"]))
