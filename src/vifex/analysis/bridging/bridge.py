"""A bridge: a map from a new model's vectors to the rows of an old one, with its measured recall."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from vifex.analysis.bridging.fitting import LinearMap, Method, fit_map, no_map
from vifex.analysis.bridging.recall import BridgeRecall, measure_recall
from vifex.analysis.rows import FloatMatrix
from vifex.evaluation.statistics.bootstrap import Interval
from vifex.search.files import written_whole
from vifex.values import InputError, Recipe

__all__ = ["Bridge", "BridgeSide", "PairedVectors", "fit_bridge", "load_bridge", "save_bridge"]

Ints = npt.NDArray[np.int64]

_FORMAT: Final = 1
_TEST_SHARE: Final = 0.2
_LEAST: Final = 10
"""Media that both sides must have."""


@dataclass(frozen=True, slots=True)
class BridgeSide:
    """One of the two columns that a bridge joins."""

    view: str
    column: str
    recipe: Recipe
    model: str | None = None
    """The words by which the model was loaded; `None` if no run says."""
    weights: str | None = None
    card: str | None = None

    @property
    def layer(self) -> str:
        """The name of the column's layer."""
        return next(spec.layer.name for spec in self.recipe.layers if spec.column == self.column)

    @property
    def size(self) -> int:
        """Numbers of a vector."""
        return next(spec.size for spec in self.recipe.layers if spec.column == self.column)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "view": self.view,
            "column": self.column,
            "recipe": self.recipe.to_dict(),
            "model": self.model,
            "weights": self.weights,
            "card": self.card,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> BridgeSide:
        """Read what `to_dict` wrote."""
        return cls(**{**data, "recipe": Recipe.from_dict(data["recipe"])})


@dataclass(frozen=True, slots=True, eq=False)
class Bridge:
    """A map from vectors of a new model to those of an old one, so that old rows can be searched.

    The recall was measured on held-out media with a map of the others; the map itself is of all of them.
    """

    old: BridgeSide
    new: BridgeSide
    map: LinearMap
    method: Method
    pairs: int
    """Rows that both sides have."""
    media: int
    """How many media these rows are of."""
    queries: int
    """Held-out rows that were searched for."""
    rows: int
    """Old rows among which they were searched."""
    recall: BridgeRecall
    baseline: BridgeRecall
    """The same without a map."""
    baseline_is: Literal["identity", "random projection"]

    @property
    def is_better(self) -> bool:
        """Whether the recall at the smallest K is beyond the interval of the baseline."""
        k = min(self.recall.at)
        return self.recall.at[k].low > self.baseline.at[k].high

    def __call__(self, vectors: npt.NDArray[Any]) -> FloatMatrix:
        """Map vectors `[N, D]` of the new model to unit vectors `[N, E]` among the old rows, float32."""
        return self.map(vectors)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the map and the recipes."""
        sides = {
            name: {"model": side.recipe.model, "view": side.view, "layer": side.layer, "size": side.size}
            for name, side in (("old", self.old), ("new", self.new))
        }
        return {
            **sides,
            "method": self.method,
            "pairs": self.pairs,
            "media": self.media,
            "queries": self.queries,
            "rows": self.rows,
            "recall": self.recall.to_dict(),
            "baseline": self.baseline.to_dict(),
            "baseline_is": self.baseline_is,
            "is_better": self.is_better,
        }


@dataclass(frozen=True, slots=True, eq=False)
class PairedVectors:
    """Unit vectors of rows that both sides have, and further old rows."""

    new: FloatMatrix
    """`[P, D]`."""
    old: FloatMatrix
    """`[P, E]`."""
    media: Ints
    """`[P]`: number of the medium of each row."""
    more: FloatMatrix
    """`[M, E]`: old rows that the new side lacks; they are searched too."""


def fit_bridge(
    old: BridgeSide,
    new: BridgeSide,
    rows: PairedVectors,
    *,
    method: Literal["auto"] | Method = "auto",
    resamples: int = 1000,
    seed: int = 0,
) -> Bridge:
    """Fit a map on a part of the media, measure it on the others, then fit it on all.

    Raises:
        InputError: If there are fewer than 10 media, or the sizes do not allow the method.
    """
    media = np.unique(rows.media)
    if len(media) < _LEAST:
        raise InputError(
            f"a map needs rows of at least {_LEAST} media that both sides have, and these have {len(media)}.",
            todo="Extract some of the old media with the new model.",
        )
    if method == "procrustes" and old.size != new.size:
        raise InputError(
            f"a rotation needs vectors of one size, and these have {new.size} and {old.size} numbers.",
            option="method",
            todo='Use `method="ridge"`.',
        )
    held = _held_out(rows.media, media, seed)
    chosen: Method = _best(rows, ~held, seed) if method == "auto" else method
    fitted = fit_map(rows.new[~held], rows.old[~held], chosen)
    nothing = no_map(new.size, old.size, seed=seed)
    searched = np.concatenate([rows.old, rows.more])
    recall, baseline = (
        measure_recall(
            one(rows.new[held]),
            np.flatnonzero(held),
            searched,
            rows.media[held],
            resamples=resamples,
            seed=seed,
        )
        for one in (fitted, nothing)
    )
    return Bridge(
        old=old,
        new=new,
        map=fit_map(rows.new, rows.old, chosen),
        method=chosen,
        pairs=len(rows.new),
        media=len(media),
        queries=int(held.sum()),
        rows=len(searched),
        recall=recall,
        baseline=baseline,
        baseline_is="identity" if old.size == new.size else "random projection",
    )


def _held_out(owners: Ints, media: Ints, seed: int) -> npt.NDArray[np.bool_]:
    count = max(2, round(len(media) * _TEST_SHARE))
    return np.isin(owners, np.random.default_rng(seed).permutation(media)[:count])


def _best(rows: PairedVectors, train: npt.NDArray[np.bool_], seed: int) -> Method:
    """Choose the method on media of the training part alone."""
    if rows.new.shape[1] != rows.old.shape[1]:
        return "ridge"
    owners = rows.media[train]
    held = _held_out(owners, np.unique(owners), seed + 1)
    new, old = rows.new[train], rows.old[train]
    kinds: tuple[Method, ...] = ("ridge", "procrustes")
    cosine = {
        kind: float(np.einsum("nd,nd->n", fit_map(new[~held], old[~held], kind)(new[held]), old[held]).mean())
        for kind in kinds
    }
    return max(kinds, key=lambda kind: cosine[kind])


def save_bridge(bridge: Bridge, path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Write a bridge to a file in NumPy's npz format. Nothing in it is pickled.

    Raises:
        InputError: If the file cannot be written, or exists and may not be replaced.
    """
    facts = {
        "vifex_bridge": _FORMAT,
        "old": bridge.old.to_dict(),
        "new": bridge.new.to_dict(),
        "method": bridge.method,
        "pairs": bridge.pairs,
        "media": bridge.media,
        "queries": bridge.queries,
        "rows": bridge.rows,
        "recall": bridge.recall.to_dict(),
        "baseline": bridge.baseline.to_dict(),
        "baseline_is": bridge.baseline_is,
    }
    text = np.frombuffer(json.dumps(facts, sort_keys=True).encode(), np.uint8)
    with written_whole(path, overwrite=overwrite) as aside, aside.open("wb") as file:
        np.savez(file, facts=text, matrix=bridge.map.matrix, offset=bridge.map.offset)


def load_bridge(path: str | os.PathLike[str]) -> Bridge:
    """Read a bridge.

    Raises:
        InputError: If the file is none.
    """
    if not Path(path).is_file():
        raise InputError("there is no such file.", of=os.fspath(path), todo="Make it with vifex bridge.")
    try:
        with np.load(path, allow_pickle=False) as file:
            facts = json.loads(file["facts"].tobytes())
            matrix, offset = file["matrix"], file["offset"]
        if facts.pop("vifex_bridge") != _FORMAT:
            raise InputError(
                "a newer Vifex wrote this bridge.", of=os.fspath(path), todo="Make it anew with this one."
            )
        made = Bridge(
            old=BridgeSide.from_dict(facts.pop("old")),
            new=BridgeSide.from_dict(facts.pop("new")),
            recall=_recall(facts.pop("recall")),
            baseline=_recall(facts.pop("baseline")),
            map=LinearMap(matrix, offset),
            **facts,
        )
        if matrix.shape != (made.new.size, made.old.size) or offset.shape != (made.old.size,):
            raise ValueError("the map has another shape than its columns")
    except InputError:
        raise
    except Exception as exc:  # what a file that is no bridge raises is not one kind
        raise InputError(
            "this file is no bridge.", of=os.fspath(path), todo="Give a file that vifex bridge wrote."
        ) from exc
    return made


def _recall(data: dict[str, Any]) -> BridgeRecall:
    return BridgeRecall(
        {int(k): Interval(**one) for k, one in data["at"].items()}, Interval(**data["overlap"])
    )
