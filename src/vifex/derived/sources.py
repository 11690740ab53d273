"""A stored view as the source of another view: its rows by medium, and what its ledger says of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.store import MediaIndex, View
from vifex.values import InputError, LayerSpec, Medium
from vifex.values.fusion import SourceEntry, hash_of_sources
from vifex.values.registry import near
from vifex.values.rows import ROW_NAMES

__all__ = ["FACTS", "ROWS_AT_ONCE", "MadeFrom", "SourceView", "split_name"]

Array = npt.NDArray[Any]

ROWS_AT_ONCE: Final = 4096
"""Largest number of rows whose vectors are in memory at the same time."""

FACTS: Final = tuple(name for name in ROW_NAMES if name != "key")
"""The columns of a row besides its key and its vectors."""

_MEDIUM: Final = ("medium_id", "uri", "name", "size_bytes", "mtime_ns", "label", "split")


@dataclass(frozen=True, slots=True)
class MadeFrom(Medium):
    """A medium of a view that is made from other views.

    It is the source's medium, so it has its id, whose span is not known here. What a manifest says of a
    medium elsewhere is given here by the entries of the sources: if one of them is new, the rows are computed
    again.
    """

    id: str = ""
    entries: tuple[SourceEntry | None, ...] = ()
    """The medium's newest entry in each source; `None` where it has none."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "medium_id", self.id)

    @property
    def spec_hash(self) -> str:
        """Return the hash of the source entries."""
        return hash_of_sources(self.entries)


class SourceView:
    """A feature column of a view, read by medium.

    Args:
        view: An open view.
        column: A feature column of it.
    """

    def __init__(self, view: View, column: str) -> None:
        self.view = view
        self.name = view.name
        self.column = column
        self.spec: LayerSpec = next(s for s in view.recipe.layers if s.column == column)
        self.media = MediaIndex(view)
        self._mean: tuple[str, npt.NDArray[np.float32]] | None = None

    def beside(self, column: str) -> SourceView:
        """Return another column of the same state of the same view."""
        twin = copy(self)
        twin.column = column
        twin._mean = None
        twin.spec = next(s for s in self.view.recipe.layers if s.column == column)
        return twin

    def described(self) -> Iterator[dict[str, Any]]:
        """Yield id, address, name, size, time of change, label and split of each medium.

        They come in the order of the commits of their newest entries.
        """
        for batch in self.view.ledger_batches(_MEDIUM):
            yield from batch.to_pylist()

    def entry_of(self, medium_id: str) -> SourceEntry | None:
        """Name the newest entry of a medium; nothing else in the store has this name."""
        known = self.media.find(medium_id)
        return None if known is None else (self.view.id, known.commit)

    def places(self, medium_id: str) -> Array:
        """Return the places of the rows of a medium in the view, int64."""
        return self.media.places(medium_id)

    def facts(self, places: Array) -> pa.Table:
        """Read the columns `FACTS` of some rows."""
        return self.view.take(places.tolist(), FACTS).combine_chunks()

    def vectors(self, places: Array) -> npt.NDArray[np.float32]:
        """Read vectors, float32 `[len(places), D]`; `places` may repeat."""
        once, back = np.unique(places, return_inverse=True)
        if not len(once):
            return np.empty((0, self.spec.size), np.float32)
        column = self.view.take(once.tolist(), [self.column]).column(0).combine_chunks()
        flat = column.flatten().to_numpy(zero_copy_only=False)
        return np.asarray(flat, dtype=np.float32).reshape(len(once), self.spec.size)[back]

    def mean(self, medium_id: str) -> npt.NDArray[np.float32]:
        """Average the rows of a medium that has some, float32 `[D]`; the last result is cached."""
        if self._mean is None or self._mean[0] != medium_id:
            places, total = self.places(medium_id), np.zeros(self.spec.size, np.float64)
            for start in range(0, len(places), ROWS_AT_ONCE):
                total += self.vectors(places[start : start + ROWS_AT_ONCE]).sum(axis=0, dtype=np.float64)
            self._mean = medium_id, (total / max(1, len(places))).astype(np.float32)
        return self._mean[1]


def split_name(text: str, views: Sequence[str]) -> tuple[str, str | None]:
    """Read `VIEW` or `VIEW:COLUMN`; a view's own name may hold colons.

    Raises:
        InputError: If there is no such view.
    """
    if text in views:
        return text, None
    view, colon, column = text.rpartition(":")
    if colon and view in views:
        return view, column
    raise InputError(
        f"the store has no view {view or text!r}.",
        todo=f"{near(view or text, list(views))}It has: {', '.join(views) or 'none'}.",
    )
