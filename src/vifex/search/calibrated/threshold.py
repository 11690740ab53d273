"""The score from which a row matches a query, measured on the rows of the store itself.

Rows of different media are mostly unrelated, so they show how near unrelated media come by chance. For a
sample of rows, one of a medium, the largest cosine to each other medium is taken. By Fisher's transformation
(the inverse hyperbolic tangent) their largest values are about those of a normal distribution. It is fitted
to two quantiles. With 100 media or more these are 0.9 and 0.98: media of one subject make the tail heavier
than the middle shows, and copies, which are in every real collection, change nothing as long as they are less
than a fiftieth of all pairs. With fewer media one copy of each is more than that, so the median and the 0.9
quantile are taken. A query without a match meets all `M` media of the store. Its best one stays below the
`1 - 0.01 / M` quantile in at least 99 of 100 cases, by Bonferroni's inequality; that is the threshold.

The figure holds for queries that have nothing to do with the store. Media of the same subject as one in the
store are not unrelated, and may reach the threshold. `benchmarks/nothing_matches.py` measures both.

Source of the transformation: Fisher, Biometrika 10 (1915).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vifex.search.columns import one_column
from vifex.search.moments.frames import read_frames
from vifex.search.scan.blocks import mapped_blocks, read_blocks
from vifex.values import InputError

if TYPE_CHECKING:
    from vifex.store import View

__all__ = ["ScoreThreshold", "measure_threshold"]

Floats = npt.NDArray[np.floating[Any]]

FALSE_MATCHES: Final = 0.01
_QUANTILE: Final = 0.9
_FAR_QUANTILE: Final = 0.98
_MANY_MEDIA: Final = 100
_LEAST_MEDIA: Final = 10
_MOST_QUERIES: Final = 500
_MOST_ROWS: Final = 200_000
_SEED: Final = 0
_NEARLY_ONE: Final = 1.0 - 1e-6
"""Larger cosines are rounding; Fisher's transformation of 1 is infinite."""


@dataclass(frozen=True, slots=True)
class ScoreThreshold:
    """The cosine from which a row matches a query by image, and how it was found."""

    score: float
    """A row with a smaller one does not match."""
    column: str
    false_matches: float
    """Share of unrelated queries that have a row above it, at most, by the fit."""
    media: int
    """Media of the view."""
    queries: int
    """Rows that were taken as queries, each of another medium."""
    rows: int
    """Rows of other media that they were compared with."""
    median: float
    """Of the cosines to the nearest row of each other medium."""
    upper: float
    """Their 0.9 quantile."""
    far: float | None
    """Their 0.98 quantile; `None` with fewer than 100 media, where it is not used."""

    @property
    def how(self) -> str:
        """How it was found, in a sentence."""
        quantiles = f"{self.median:.3f} (median) and {self.upper:.3f} (0.9 quantile)"
        if self.far is not None:
            quantiles = f"{self.upper:.3f} (0.9 quantile) and {self.far:.3f} (0.98 quantile)"
        return (
            f"a match scores {self.score:.4f} or more: {self.queries} rows taken as queries come as near as "
            f"{quantiles} to other media, so about "
            f"{self.false_matches:.0%} of unrelated queries reach that score among {self.media} media."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, under the names of the fields, and `how`."""
        return asdict(self) | {"how": self.how}


def measure_threshold(view: View, column: str | None = None) -> ScoreThreshold:
    """Measure the score that queries without a match stay below.

    Memory: at most 500 x 200,000 cosines are made, a block at a time. It takes about a second for 200,000
        rows.

    Args:
        view: The view.
        column: Feature column; `None` means the only one.

    Raises:
        InputError: If the view has fewer than 10 media, or their rows are all alike.
    """
    column = one_column(view, column)
    frames = read_frames(view)
    media, first_rows = len(frames.media), np.append(frames.first_row, len(frames.places))[frames.first_frame]
    if media < _LEAST_MEDIA:
        raise InputError(
            f"the view has {media} media, and the score of a match is measured on {_LEAST_MEDIA} or more.",
            of=view.name,
            todo="Give the lowest score as a number.",
        )
    rng = np.random.default_rng(_SEED)
    chosen = _some_media(first_rows, rng)
    asked = rng.permutation(chosen)[:_MOST_QUERIES]
    queries = rng.integers(first_rows[asked], first_rows[asked + 1])
    best = _best_cosines(view, column, np.sort(queries), first_rows, chosen)
    z = np.arctanh(np.clip(best[np.isfinite(best)], -_NEARLY_ONE, _NEARLY_ONE))
    if not len(z):
        raise InputError("no row has a direction.", of=view.name, todo="Give the lowest score as a number.")
    middle, upper, far = np.tanh(np.quantile(z, [0.5, _QUANTILE, _FAR_QUANTILE]))
    return ScoreThreshold(
        score=round(_highest(z, media), 6),
        column=column,
        false_matches=FALSE_MATCHES,
        media=media,
        queries=len(queries),
        rows=int((first_rows[chosen + 1] - first_rows[chosen]).sum()),
        median=round(float(middle), 6),
        upper=round(float(upper), 6),
        far=round(float(far), 6) if media >= _MANY_MEDIA else None,
    )


def _highest(z: Floats, media: int) -> float:
    """Return the cosine that the best of so many unrelated media stays below in 99 of 100 cases.

    Args:
        z: Transformed cosines to single media.
        media: How many a query meets.
    """
    normal = NormalDist()
    low, high = (_QUANTILE, _FAR_QUANTILE) if media >= _MANY_MEDIA else (0.5, _QUANTILE)
    at_low, at_high = np.quantile(z, [low, high])
    spread = (at_high - at_low) / (normal.inv_cdf(high) - normal.inv_cdf(low))
    beyond = normal.inv_cdf(1 - FALSE_MATCHES / media) - normal.inv_cdf(high)
    return float(np.tanh(at_high + spread * beyond))


def _some_media(first_rows: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Choose media by chance until they have 200,000 rows, rising; at least 10."""
    order = rng.permutation(len(first_rows) - 1)
    rows = np.cumsum(first_rows[order + 1] - first_rows[order])
    return np.sort(order[: max(_LEAST_MEDIA, int(np.searchsorted(rows, _MOST_ROWS, side="right")))])


def _best_cosines(
    view: View,
    column: str,
    queries: npt.NDArray[np.int64],
    first_rows: npt.NDArray[np.int64],
    chosen: npt.NDArray[np.int64],
) -> Floats:
    """Return the largest cosine of each query to each of some media.

    Args:
        view: The view.
        column: Feature column.
        queries: Places of rows, rising.
        first_rows: `[M + 1]`: place of the first row of each medium, and the number of rows.
        chosen: Media, rising.

    Returns:
        float32 `[Q, C]`; -inf for a query's own medium and for rows without a direction.
    """
    places = np.concatenate([np.arange(first_rows[m], first_rows[m + 1]) for m in chosen])
    units = _units(_rows_at(view, column, queries))
    best = np.full((len(queries), len(chosen)), -np.inf, np.float32)
    starts = np.concatenate([[0], np.cumsum(first_rows[chosen + 1] - first_rows[chosen])])
    at = 0
    for rows in _blocks(view, column, places):
        cosines = units @ _units(rows).T
        cosines[np.isnan(cosines)] = -np.inf
        low, high = np.searchsorted(starts, [at, at + len(rows) - 1], side="right") - 1
        cuts = np.maximum(starts[low : high + 1] - at, 0)
        highest = np.maximum.reduceat(cosines, cuts, axis=1)
        best[:, low : high + 1] = np.maximum(best[:, low : high + 1], highest)
        at += len(rows)
    own = np.searchsorted(chosen, np.searchsorted(first_rows, queries, side="right") - 1)
    best[np.arange(len(queries)), own] = -np.inf
    return best


def _rows_at(view: View, column: str, places: npt.NDArray[np.int64]) -> Floats:
    return np.concatenate(list(_blocks(view, column, places)))


def _blocks(view: View, column: str, places: npt.NDArray[np.int64]) -> Any:
    """Yield the rows at some places, rising, as float32."""
    mapped = view.mapped(column)
    if mapped is not None:
        for block in mapped_blocks(mapped, places):
            yield block.rows.astype(np.float32)
        return
    for block in read_blocks(view, column):
        low, high = np.searchsorted(places, [block.first, block.first + len(block.rows)])
        if low < high:
            yield block.rows[places[low:high] - block.first].astype(np.float32)


def _units(rows: Floats) -> Floats:
    with np.errstate(all="ignore"):
        units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    units[~np.isfinite(units).all(axis=1)] = np.nan
    return np.asarray(units, np.float32)
