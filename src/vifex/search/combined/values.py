"""Combined queries as values. Their parts are queries of any kind: paths, words, images, vectors.

Scores of different queries are not comparable: words are far from every image. So parts are compared by
height: 0 is the median row of the store, 1 the best row of the store for that part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vifex.values import InputError

__all__ = ["AllOf", "AnyOf", "Combined", "MeanOf", "Then", "Without", "match_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Without:
    """Rows near to one query that are not nearer to another: `A NOT B`."""

    wanted: Any
    """The query whose scores are given."""
    unwanted: Any
    """A row whose height is larger for this query is left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Then:
    """A moment of one query, then a moment of another in the same medium: `A THEN WITHIN 5s B`.

    The second begins after the first and at the latest `within_s` after the first has ended. Longer sequences
    are `Then(Then(a, b), c)`.
    """

    first: Any
    second: Any
    within_s: float | None = None
    """Seconds from the end of the first to the start of the second; `None` for any time."""

    def __post_init__(self) -> None:
        if self.within_s is not None and not (self.within_s >= 0 and math.isfinite(self.within_s)):
            raise InputError(f"takes seconds from 0 on, got {self.within_s:g}.", option="within_s")


@dataclass(frozen=True, slots=True, eq=False)
class MeanOf:
    """Rows near to the mean of the vectors of some queries; for cosine each is scaled to length 1 first."""

    queries: Sequence[Any]

    def __post_init__(self) -> None:
        _check(self.queries)


@dataclass(frozen=True, slots=True, eq=False)
class AnyOf:
    """Rows near to any of some queries: the score is the largest height."""

    queries: Sequence[Any]

    def __post_init__(self) -> None:
        _check(self.queries)


@dataclass(frozen=True, slots=True, eq=False)
class AllOf:
    """Rows near to all of some queries: the score is the smallest height."""

    queries: Sequence[Any]

    def __post_init__(self) -> None:
        _check(self.queries)


Combined = Then | Without | MeanOf | AnyOf | AllOf


def match_of(queries: Sequence[Any], match: str) -> Any:
    """Combine queries by the word `mean`, `any` or `all`; a single one stays as it is."""
    kinds = {"mean": MeanOf, "any": AnyOf, "all": AllOf}
    if match not in kinds:
        raise InputError(f"takes one of {', '.join(kinds)}, got {match!r}.", option="match")
    return queries[0] if len(queries) == 1 else kinds[match](list(queries))


def _check(queries: object) -> None:
    if isinstance(queries, str) or not isinstance(queries, Sequence) or not queries:
        raise InputError("a combined query takes a list of queries, at least one.")
