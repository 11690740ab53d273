"""`vifex.recommend`: what to see next."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from vifex.analysis.recommending.history import read_history
from vifex.analysis.recommending.page import write_recommendation_page
from vifex.analysis.recommending.recommendations import Recommendations, recommend_media
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

__all__ = ["recommend"]


@checked("store", "history", "model", "output", "html")
def recommend(
    store: str | os.PathLike[str] | Store | View,
    history: str | os.PathLike[str] | Sequence[str | Mapping[str, Any]],
    *,
    count: int = 10,
    diversity: float = 0.2,
    half_life_days: float | None = 30.0,
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
) -> Recommendations:
    """Recommend media that suit a history and are unlike each other, with the reason for each.

    A medium is compared by the mean direction of its rows. Its relevance is the mean of the three largest
    products of weight and cosine over what was liked, less the same over what was disliked. What is in the
    history, and what is equal to it up to a cosine of 0.999, is never recommended.

    Args:
        store: A store or a view; or media, which are extracted into a store in the cache first.
        history: What was seen: a CSV, TSV, JSON, JSON Lines or Parquet file with a field `name` (or `path`,
            `uri`, `medium_id`) and, if they are known, `time` (seconds since 1970 or ISO 8601) and `weight`
            (1 by default, below 0 for a dislike); a text file with a name on each line; or a list of names
            or of mappings with these fields.
        count: Number of media at most.
        diversity: 0 gives the order of relevance; up to 1, media that are unlike those before come first.
        half_life_days: Age, before the newest item of the history, at which an item counts half; `None`
            ignores times.
        output: A CSV or Parquet file for the recommendations.
        html: A page with the recommendations.
        overwrite: Whether these files may be replaced.
        view: A view of the store; by default its only one, or `main`.
        column: A layer's column; may be left out where there is one.
        where: An SQL filter over the columns: only media with such rows are recommended.
        model: The model that media are extracted with.
        on_outcome: Called for each medium that was skipped, failed or is partial, where media are extracted.
        on_notice: Called with what a user must know; by default it is a `UserWarning`.
        **choices: For the extraction of media, as for `vifex.extract`, e.g. `fps`.

    Raises:
        VifexError: If no item of the history is in the store, nothing is left to recommend, a choice is out
            of range, or a file cannot be written.

    Source: Carbonell and Goldstein, SIGIR 1998 (maximal marginal relevance; lambda is 1 - `diversity`).
    """
    if output is not None:
        check_table_target(output, overwrite=overwrite)
    if html is not None:
        check_target(html, overwrite=overwrite)
    items = read_history(history)
    refuse_choices(store, choices)
    given = opened(store, view=view, model=model, choices=choices, on_outcome=on_outcome, on_notice=on_notice)
    with given as found:
        result = recommend_media(
            read_rows(found._stored, column),
            items,
            store=name_of(store, found),
            among=None if where is None else found._stored.places(where),
            count=count,
            diversity=diversity,
            half_life_days=half_life_days,
        )
        if output is not None:
            write_table(output, result.table, overwrite=overwrite)
        if html is not None:
            write_recommendation_page(html, result, thumbnails(found), overwrite=overwrite)
    return result
