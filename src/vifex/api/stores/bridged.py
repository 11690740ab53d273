"""Queries by another model than that of the rows, through a bridge."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from vifex.analysis.bridging.bridge import Bridge, BridgeSide, load_bridge
from vifex.api.stores.naming import ModelFinder
from vifex.api.stores.queries import Notice, QueryEncoder
from vifex.search.query import RowQuery, VectorQuery, as_query
from vifex.search.vectors import load_vector
from vifex.store import View as StoredView
from vifex.values import InputError, Recipe

if TYPE_CHECKING:
    from vifex.api.types import OneQuery

__all__ = ["BridgedQueries", "GivenBridge"]

GivenBridge = str | os.PathLike[str] | Bridge
"""A file that `vifex.bridge` wrote, or what it returned."""


@dataclass(frozen=True, slots=True)
class _NewView:
    """What the encoder of queries needs of the new model's view, without its store."""

    name: str
    recipe: Recipe
    kept_files: Path
    _run: str

    @property
    def columns(self) -> list[str]:
        return [spec.column for spec in self.recipe.layers]

    def runs(self) -> dict[int, str]:
        return {0: self._run}


class BridgedQueries:
    """Vectors of queries by the new model of a bridge, mapped to the rows of an old view.

    Args:
        given: The bridge.
        view: The old view.
        column: The column that is searched; may be left out where there is one.
        finder: Finds the new model.

    Raises:
        InputError: If the bridge is for another column or recipe.
    """

    def __init__(self, given: GivenBridge, view: StoredView, column: str | None, finder: ModelFinder) -> None:
        if not isinstance(given, str | os.PathLike | Bridge):
            raise InputError(f"takes a str, a path or a Bridge, got {type(given).__name__}.", option="bridge")
        self._bridge = given if isinstance(given, Bridge) else load_bridge(given)
        self._of = "the bridge" if isinstance(given, Bridge) else os.fspath(given)
        old = self._bridge.old
        if view.recipe.hash != old.recipe.hash:
            raise InputError(
                f"the bridge is for rows of {old.recipe.model}, and another recipe made those of the view "
                f"{view.name!r}.",
                of=self._of,
                todo="Make a bridge for this view with vifex bridge.",
            )
        if column not in (None, old.column, old.layer):
            raise InputError(f"the bridge is for the column {old.column!r}, not for {column!r}.", of=self._of)
        self.column = old.column
        self._encoder = QueryEncoder(
            cast(StoredView, _new_view(self._bridge.new)), finder, of=self._of, source=_no_source
        )

    def vectors(self, queries: Sequence[OneQuery], on_notice: Notice) -> list[npt.NDArray[Any]]:
        """Return the mapped vector `[E]` of each query.

        Raises:
            InputError: If a query is a row of the store, or cannot be used.
        """
        return [self._bridge(self._vector(query, on_notice)[None])[0] for query in queries]

    def close(self) -> None:
        """Free the network."""
        self._encoder.close()

    def _vector(self, given: OneQuery, on_notice: Notice) -> npt.NDArray[Any]:
        new = self._bridge.new
        query = as_query(given)
        if isinstance(query, RowQuery):
            raise InputError(
                "a row of the store has a vector of the old model already.",
                of=f"row:{query.key}",
                todo="Leave the bridge out.",
            )
        if isinstance(query, VectorQuery):
            return load_vector(query.path, size=new.size, column=new.column)
        if not isinstance(query, np.ndarray):
            return self._encoder.vector(query, new.column, on_notice)
        if len(query) != new.size:
            raise InputError(
                f"the query has {len(query)} numbers, and the bridge takes vectors of {new.size}.",
                of=self._of,
                todo=f"Give a vector of the layer {new.layer!r} of {new.recipe.model}.",
            )
        return query


def _new_view(side: BridgeSide) -> _NewView:
    words = {"models": side.model, "weights": side.weights, "cards": side.card}
    run = {name: {side.view: word} for name, word in words.items() if word is not None}
    return _NewView(side.view, side.recipe, Path(), json.dumps(run))


def _no_source(name: str) -> QueryEncoder:
    raise InputError(f"the view {name!r} is not in a bridge.")
