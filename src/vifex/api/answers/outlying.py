"""`vifex.outliers` and `vifex.unusual_moments`: what is unlike the rest of a collection or of a video."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Unpack

from vifex.analysis.outliers.outliers import Outliers, find_outliers
from vifex.analysis.outliers.page import write_outlier_page, write_time_page
from vifex.analysis.outliers.time_lines import TimeLines, find_time_lines
from vifex.analysis.rows import read_rows
from vifex.analysis.tables import check_table_target, write_table
from vifex.api.answers.given import opened
from vifex.api.answers.shown import name_of, refuse_choices, thumbnails
from vifex.api.arguments import checked
from vifex.api.views import Choices
from vifex.search.files import check_target
from vifex.values import Outcome

if TYPE_CHECKING:
    from vifex.api.models.loaded import LoadedModel
    from vifex.api.stores.store import Store
    from vifex.api.stores.view import View

__all__ = ["outliers", "unusual_moments"]


@checked("store", "model", "output", "html")
def outliers(
    store: str | os.PathLike[str] | Store | View,
    *,
    count: int = 50,
    method: Literal["lof", "distance"] = "lof",
    neighbours: int = 20,
    seed: int = 0,
    output: str | os.PathLike[str] | None = None,
    html: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    view: str | None = None,
    column: str | None = None,
    where: str | None = None,
    model: str | os.PathLike[str] | LoadedModel | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
    **choices: Unpack[Choices],
) -> Outliers:
    """Find the rows that are farthest from the others, by cosine distances to their nearest rows.

    Above 50,000 rows the neighbours are looked for in a sample of that size.

    Args:
        store: A store or a view; or media, which are extracted into a store in the cache first.
        count: Number of rows to return; the scores of all rows are in `scores`.
        method: What rows are ordered by. `lof`: the local outlier factor, which compares the density around a
            row with that around its neighbours. `distance`: the mean distance to the neighbours.
        neighbours: Number of nearest rows that count, 1 to one less than the rows.
        seed: Seed of the draw of the sample.
        output: A CSV or Parquet file for the scores of all rows.
        html: A page with the outliers.
        overwrite: Whether these files may be replaced.
        view: A view of the store; by default its only one, or `main`.
        column: A layer's column; may be left out where there is one.
        where: An SQL filter over the columns.
        model: The model that media are extracted with.
        on_outcome: Called for each medium that was skipped, failed or is partial, where media are extracted.
        on_notice: Called with what a user must know; by default it is a `UserWarning`.
        **choices: For the extraction of media, as for `vifex.extract`, e.g. `fps`.

    Raises:
        VifexError: If the rows cannot be read or compared, a choice is out of range, or a file cannot be
            written.

    Source: Breunig et al., SIGMOD 2000 (LOF); Angiulli and Pizzuti, PKDD 2002 (distance).
    """
    _check_files(output, html, overwrite=overwrite)
    refuse_choices(store, choices)
    given = opened(store, view=view, model=model, choices=choices, on_outcome=on_outcome, on_notice=on_notice)
    with given as found:
        result = find_outliers(
            read_rows(found._stored, column, where=where),
            store=name_of(store, found),
            count=count,
            method=method,
            neighbours=neighbours,
            seed=seed,
        )
        if output is not None:
            write_table(output, result.scores, overwrite=overwrite)
        if html is not None:
            write_outlier_page(html, result, thumbnails(found), overwrite=overwrite)
    return result


@checked("store", "model", "output", "html")
def unusual_moments(
    store: str | os.PathLike[str] | Store | View,
    *,
    z: float = 3.5,
    least: float = 0.02,
    gap_s: float = 2.0,
    output: str | os.PathLike[str] | None = None,
    html: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    view: str | None = None,
    column: str | None = None,
    where: str | None = None,
    model: str | os.PathLike[str] | LoadedModel | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
    **choices: Unpack[Choices],
) -> TimeLines:
    """Find the moments of each video that are unlike the rest of it.

    The novelty of a row is its mean cosine distance to the nearest tenth of the other rows of its medium:
    what lasts longer than about a tenth of a video is ordinary. A row is unusual if the modified z-score of
    its novelty is at least `z`. A medium needs 10 rows with times.

    Args:
        store: A store or a view; or media, which are extracted into a store in the cache first.
        z: Smallest modified z-score of an unusual row, above 0.
        least: Smallest difference of its novelty to the median of the medium, a cosine distance.
        gap_s: Unusual rows with at most this many seconds between them form one span.
        output: A CSV or Parquet file for the spans.
        html: A page with a time line for each medium.
        overwrite: Whether these files may be replaced.
        view: A view of the store; by default its only one, or `main`.
        column: A layer's column; may be left out where there is one.
        where: An SQL filter over the columns.
        model: The model that media are extracted with.
        on_outcome: Called for each medium that was skipped, failed or is partial, where media are extracted.
        on_notice: Called with what a user must know; by default it is a `UserWarning`.
        **choices: For the extraction of media, as for `vifex.extract`, e.g. `fps`.

    Raises:
        VifexError: If no medium has enough rows, a choice is out of range, or a file cannot be written.

    Source: Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993 (modified z-score).
    """
    _check_files(output, html, overwrite=overwrite)
    refuse_choices(store, choices)
    given = opened(store, view=view, model=model, choices=choices, on_outcome=on_outcome, on_notice=on_notice)
    with given as found:
        rows = read_rows(found._stored, column, where=where)
        result = find_time_lines(rows, store=name_of(store, found), z=z, least=least, gap_s=gap_s)
        if output is not None:
            write_table(output, result.spans, overwrite=overwrite)
        if html is not None:
            write_time_page(html, result, thumbnails(found), overwrite=overwrite)
    return result


def _check_files(
    output: str | os.PathLike[str] | None, html: str | os.PathLike[str] | None, *, overwrite: bool
) -> None:
    if output is not None:
        check_table_target(output, overwrite=overwrite)
    if html is not None:
        check_target(html, overwrite=overwrite)
