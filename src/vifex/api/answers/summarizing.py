"""`vifex.summarize`: the shots of a video and the frames that stand for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Unpack

from vifex.analysis.rows import FeatureRows, read_rows
from vifex.analysis.summaries.page import write_summary_page
from vifex.analysis.summaries.summary import Summary, summarize_rows
from vifex.analysis.tables import check_table_target, write_table
from vifex.api.answers.given import opened
from vifex.api.answers.shown import name_of, refuse_choices, thumbnails
from vifex.api.arguments import checked
from vifex.api.stores.item import find_entry
from vifex.api.views import Choices
from vifex.search.files import check_target
from vifex.search.hits import sql_text
from vifex.values import InputError, Outcome
from vifex.values.registry import near

if TYPE_CHECKING:
    from vifex.api.models.loaded import LoadedModel
    from vifex.api.stores.store import Store
    from vifex.api.stores.view import View

__all__ = ["summarize"]


@checked("video", "medium", "model", "output", "shots", "html")
def summarize(
    video: str | os.PathLike[str] | Store | View,
    *,
    medium: str | os.PathLike[str] | None = None,
    count: int | None = None,
    coverage: float | None = None,
    radius: int = 5,
    factor: float = 3.0,
    least: float = 0.05,
    shortest: int = 1,
    output: str | os.PathLike[str] | None = None,
    shots: str | os.PathLike[str] | None = None,
    html: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    view: str | None = None,
    column: str | None = None,
    model: str | os.PathLike[str] | LoadedModel | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
    **choices: Unpack[Choices],
) -> Summary:
    """Find the shots of a video and choose key frames that stand for all of it.

    Key frames are chosen one by one. Each is the row that most reduces the mean cosine distance of all rows,
    weighted by their seconds, to the nearest key frame. Times are those of the stored rows: the more rows a
    second has, the more exact are the cuts.

    Args:
        video: A video or a sound, which is extracted into a store in the cache first, as densely as
            `vifex.extract` does or as `fps` says; or a store or a view.
        medium: Name, path or medium_id of the medium in a store; may be left out where there is one.
        count: Number of key frames at most. By default it is the number of shots.
        coverage: Stop as soon as the key frames explain this share of the spread, above 0 and at most 1. The
            spread is the mean cosine distance to the single best frame.
        radius: Gaps on both sides that a cut is compared with.
        factor: How many times their median the cosine distance at a cut must be.
        least: Cosine distance that a cut must have in any case.
        shortest: Rows of the shortest shot.
        output: A CSV or Parquet file for the key frames.
        shots: A CSV or Parquet file for the shots.
        html: A page with key frames and shots.
        overwrite: Whether these files may be replaced.
        view: A view of the store; by default its only one, or `main`.
        column: A layer's column; may be left out where there is one.
        model: The model that the video is extracted with.
        on_outcome: Called where the video was skipped, failed or is partial.
        on_notice: Called with what a user must know; by default it is a `UserWarning`.
        **choices: For the extraction of the video, as for `vifex.extract`, e.g. `fps`.

    Raises:
        VifexError: If the medium cannot be found or has no times, a choice is out of range, or a file cannot
            be written.

    Source: Nemhauser, Wolsey and Fisher, Mathematical Programming 14, 1978 (greedy choice);
        `vifex.tree` (shots).
    """
    for table in (output, shots):
        if table is not None:
            check_table_target(table, overwrite=overwrite)
    if html is not None:
        check_target(html, overwrite=overwrite)
    refuse_choices(video, choices)
    given = opened(video, view=view, model=model, choices=choices, on_outcome=on_outcome, on_notice=on_notice)
    with given as found:
        store = name_of(video, found)
        result = summarize_rows(
            _rows(found, medium, column, store),
            store=store,
            count=count,
            coverage=coverage,
            radius=radius,
            factor=factor,
            least=least,
            shortest=shortest,
        )
        if output is not None:
            write_table(output, result.frames_table, overwrite=overwrite)
        if shots is not None:
            write_table(shots, result.shots_table, overwrite=overwrite)
        if html is not None:
            write_summary_page(html, result, thumbnails(found), overwrite=overwrite)
    return result


def _rows(view: View, medium: str | os.PathLike[str] | None, column: str | None, store: str) -> FeatureRows:
    """Read the rows of one medium that are whole frames or windows."""
    if medium is not None:
        wanted = find_entry(view._stored, os.fspath(medium), store)["medium_id"]
    else:
        wanted = _only_medium(view, store)
    of_medium = f"medium_id = {sql_text(wanted)}"
    if view.count_rows(of_medium) and not view.count_rows(f"{of_medium} AND x0 IS NULL"):
        raise InputError(
            "its rows are regions, and a summary is of whole frames.",
            of=store,
            todo="Use a view without regions.",
        )
    return read_rows(view._stored, column, where=f"{of_medium} AND x0 IS NULL")


def _only_medium(view: View, store: str) -> str:
    ledger = view.ledger(columns=["medium_id", "name", "status", "reason"])
    with_rows = [one for one in ledger.to_pylist() if one["status"] in ("ok", "partial")]
    if len(with_rows) == 1:
        return str(with_rows[0]["medium_id"])
    if not with_rows and ledger.num_rows == 1:
        only = ledger.to_pylist()[0]
        raise InputError(f"it has no rows: {only['status']}, {only['reason']}", of=only["name"])
    names = [one["name"] for one in with_rows[:4]]
    raise InputError(
        f"there are {len(with_rows)} media, so one must be named.",
        of=store,
        todo=f"{near('', names)}Name one with `medium=`, e.g. {', '.join(names)}." if names else None,
    )
