"""Moments of a view: spans of media that answer a query, as values, files and clips."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy.typing as npt

from vifex.api.arguments import checked
from vifex.api.notices import tell
from vifex.api.types import Query
from vifex.media.gone import gone_uris
from vifex.search.calibrated.kept import kept_threshold
from vifex.search.calibrated.threshold import ScoreThreshold
from vifex.search.combined.values import MeanOf
from vifex.search.moments.finding import MomentSearch, find_moments
from vifex.search.moments.moment import Moment
from vifex.search.query import TextQuery, as_query
from vifex.search.timelines.cutting import CutClip, cut_moments
from vifex.search.timelines.export import export_moments
from vifex.values import InputError

if TYPE_CHECKING:
    from vifex.api.stores.view import View

__all__ = ["MomentMethods"]


class MomentMethods(ABC):
    """What a view can do with moments."""

    @abstractmethod
    def _meant(self) -> View:
        """Return the view that the methods work on."""

    @checked("query")
    def moments(
        self,
        query: Query,
        k: int = 10,
        *,
        column: str | None = None,
        metric: str = "cosine",
        where: str | None = None,
        existing: bool = False,
        by: Literal["moment", "medium"] = "moment",
        drop: float = 0.5,
        gap_s: float = 0.0,
        min_score: float | Literal["auto"] | None = None,
        on_notice: Callable[[str], None] | None = None,
    ) -> list[Moment]:
        """Find the spans of media that answer a query: neighbouring rows with scores near their best one.

        A moment takes in the rows before and after its best row, the peak, as long as their scores do not
        fall by more than `drop` of the peak's height above the median row of the view. With 0.5 that is the
        full width at half maximum. A span ends where its last row ends: at the start of the medium's next
        row, at most one usual step later. An image is a moment without times.

        Args:
            query: As for `search`; also a combined one, such as `vifex.Then(a, b, within_s=5)` or the text
                `"a.jpg THEN WITHIN 5s b.jpg"`.
            k: How many moments at most; how many media where they are grouped by medium.
            column: A layer's column; may be left out where there is one.
            metric: `cosine`, `dot` or `l2`.
            where: An SQL filter over the columns.
            existing: Whether media that are gone from disk are left out.
            by: `moment`, or `medium`: the media with the best moments, and of each the moments whose peaks
                lie within `drop` of its best one, in the order of time.
            drop: Share of a peak's height that a row of its moment may lie below it, 0 to 1.
            gap_s: Seconds of rows that fall short which a moment bridges.
            min_score: The worst score that a row of a moment may have; with `l2` the largest distance, and
                for queries that combine several by `any`, `all` or `then` the lowest height, 0 to 1. `auto`
                is what `score_threshold` measures, for each part of the query.
            on_notice: Called with what must be known of the answer; by default it is a `UserWarning`.

        Returns:
            The moments, the nearest first.

        Raises:
            InputError: If a query, the column, the filter or a choice cannot be used.
        """
        view = self._meant()

        def embed(parsed: Any) -> npt.NDArray[Any]:
            return view._encoder.vector(parsed, column, on_notice)

        limits = self._limits(min_score, column, metric)
        wanted = MomentSearch(k, column, metric, where, by, drop, gap_s, **limits)
        keep = (lambda uri: not gone_uris([uri])) if existing else None
        return find_moments(view._stored, query, wanted, embed=embed, keep=keep)

    @checked()
    def score_threshold(self, column: str | None = None) -> ScoreThreshold:
        """Measure the cosine from which a row matches a query by image, on the rows of the view itself.

        Rows of other media show how near unrelated media come by chance. The threshold is the score that the
        best of all media stays below in 99 of 100 queries without a match. It is measured once for each
        commit of the view and kept in the cache folder.

        Args:
            column: A layer's column; may be left out where there is one.

        Raises:
            InputError: If the view has fewer than 10 media.
        """
        return kept_threshold(self._meant()._stored, column)

    def _limits(self, min_score: float | str | None, column: str | None, metric: str) -> dict[str, Any]:
        """Return the options of a search that leave out what is no match."""
        if min_score != "auto":
            return {"min_score": min_score}
        if metric != "cosine":
            raise InputError(
                f"`auto` is measured for the metric cosine, and this is {metric}.", option="min_score"
            )
        threshold = self.score_threshold(column).score

        def least_of(query: Any) -> float:
            parts = query.queries if isinstance(query, MeanOf) else [query]
            if any(isinstance(as_query(part), TextQuery) for part in parts):
                raise InputError(
                    "the score of a match is measured for images, and words have scores of another size.",
                    todo="Give the lowest score for words as a number.",
                )
            return threshold

        return {"least_of": least_of}

    @checked()
    def export_moments(
        self,
        path: str | os.PathLike[str],
        moments: Sequence[Moment],
        *,
        overwrite: bool = False,
        on_notice: Callable[[str], None] | None = None,
    ) -> None:
        """Write moments for an editing program or a table.

        Args:
            path: The file: `.edl` (CMX 3600), `.otio` (OpenTimelineIO) or `.csv`. It may not lie in a store.
            moments: From `moments`.
            overwrite: Whether an existing file is replaced.
            on_notice: Called with what was left out, e.g. images; by default it is a `UserWarning`.

        Raises:
            InputError: If the suffix names no format, or the file cannot be written.
        """
        for note in export_moments(path, moments, title=self._meant()._folder.name, overwrite=overwrite):
            tell(note, on_notice)

    @checked()
    def cut(
        self,
        folder: str | os.PathLike[str],
        moments: Sequence[Moment],
        *,
        exact: bool = False,
        overwrite: bool = False,
        on_notice: Callable[[str], None] | None = None,
    ) -> list[CutClip]:
        """Cut moments out of their sources, a file each.

        Streams are copied: nothing is lost, and a clip begins at the last keyframe before its moment.

        Args:
            folder: Where the clips go; it is made where it is missing, and may not lie in a store.
            moments: From `moments`.
            exact: Whether frames and sound are encoded anew (H.264 and AAC), so that a clip begins and ends
                with its moment.
            overwrite: Whether existing files are replaced.
            on_notice: Called with what could not be cut; by default it is a `UserWarning`.

        Returns:
            The clips, with the times at which they really begin and end.

        Raises:
            InputError: If the folder cannot be written, or a file exists.
        """
        cuts, problems = cut_moments(folder, moments, exact=exact, overwrite=overwrite)
        for problem in problems:
            tell(problem, on_notice)
        return cuts
