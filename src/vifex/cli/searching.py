"""`vifex search`: the rows nearest to a query."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from cyclopts import Group, Parameter

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import (
    MODEL,
    OUTPUT,
    QUERY,
    CardFile,
    Device,
    Flag,
    Json,
    TrustCode,
    Weights,
    helped,
)
from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.reporting import print_notice
from vifex.cli.targets import StorePath, as_typed, named_file

if TYPE_CHECKING:
    from vifex import CutClip, Hit, Moment

__all__ = ["search"]

_MOMENTS: Final = Group.create_ordered("Moments")

_COUNTED = 20_000
"""Rows of a view up to which a search looks for all its media on disk. That many take about 0.1 s."""


@helped
def search(
    store: StorePath,
    query: Annotated[Path | str, Parameter(converter=as_typed)],
    /,
    *queries: Annotated[str, Parameter(show=False)],
    match: Annotated[Literal["mean", "any", "all"], Parameter(group=QUERY)] = "mean",
    k: Annotated[int, Parameter(name=["-k", "--count"], group=QUERY)] = 10,
    view: Annotated[str, Parameter(group=QUERY)] = "main",
    at: Annotated[str | None, Parameter(group=QUERY, metavar="TAG")] = None,
    column: Annotated[str | None, Parameter(group=QUERY)] = None,
    where: Annotated[str | None, Parameter(group=QUERY)] = None,
    metric: Annotated[str, Parameter(group=QUERY)] = "cosine",
    min_score: Annotated[str | None, Parameter(group=QUERY, metavar="SCORE|auto")] = None,
    existing: Annotated[Flag, Parameter(group=QUERY)] = False,
    approximate: Annotated[Flag, Parameter(group=QUERY)] = False,
    recall: Annotated[float | None, Parameter(group=QUERY)] = None,
    bridge: Annotated[Path | None, Parameter(group=QUERY)] = None,
    spans: Annotated[Flag, Parameter(group=_MOMENTS)] = False,
    by: Annotated[Literal["moment", "medium"] | None, Parameter(group=_MOMENTS)] = None,
    drop: Annotated[float, Parameter(group=_MOMENTS)] = 0.5,
    gap: Annotated[float, Parameter(group=_MOMENTS)] = 0.0,
    export: Annotated[Path | None, Parameter(converter=named_file, group=_MOMENTS)] = None,
    cut: Annotated[Path | None, Parameter(group=_MOMENTS)] = None,
    exact: Annotated[Flag, Parameter(group=_MOMENTS)] = False,
    html: Annotated[Path | None, Parameter(converter=named_file, group=OUTPUT)] = None,
    overwrite: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    json: Json = False,
    model: Annotated[str | None, Parameter(name=["--model", "-m"], group=MODEL)] = None,
    weights: Weights = None,
    card: CardFile = None,
    trust_code: TrustCode = False,
    device: Device = None,
) -> int:
    """Print the stored rows nearest to a query, or the moments of videos that answer it.

    The search is exact unless an index is asked for.

    For example:
        vifex search lib.vifex photo.jpg
        vifex search lib.vifex clip.mp4@00:12 -k 20 --where "label = 'cat'"
        vifex search lib.vifex "a red car at night" --html hits.html
        vifex search lib.vifex clip.mp4@00:12 --spans --export hits.edl
        vifex search lib.vifex "door.jpg THEN WITHIN 5s car.jpg" --cut clips
        vifex search lib.vifex a.jpg b.jpg c.jpg --match mean --min-score auto

    Several queries after each other are combined by --match.

    Parameters
    ----------
    store
        The store.
    query
        An image, a video with a time (clip.mp4@00:12), row:KEY, a .npy file with a vector, or words if the
        view's model has a text tower. text:WORDS is for words that look like a file.
        photo.jpg#xywh=10,20,200,150 is a part of an image. A NOT B and A THEN WITHIN 5s B combine queries;
        words in double quotes are text.
    match
        How several queries are combined: by the mean of their vectors, or rows near to any or to all of them.
    k
        Number of hits, of moments, or of media with --by medium.
    view
        The view that is searched.
    at
        Name of a tag: read the store as it was when vifex tag made it.
    column
        Column of the layer. It may be left out if the view has one layer.
    where
        An SQL filter over the columns, e.g. "t_s >= 10 AND label = 'cat'".
    metric
        cosine or dot (higher is nearer), or l2 (lower is nearer).
    min_score
        The worst score of a match. auto measures on the store's own rows what queries without a match stay
        below in 99 of 100 cases.
    existing
        Leave out rows of media that no longer exist on disk.
    approximate
        Use the index that vifex index made, and say the recall that was measured of it. It may miss rows.
        Without an index that fits the search is exact.
    recall
        As --approximate, with an index of which at least this recall was measured, e.g. 0.95.
    bridge
        A file of vifex bridge: the query is computed by its new model, and --model names that one.
    spans
        Merge neighbouring rows of a medium into moments with a start and an end.
    by
        moment, or medium for the media with the best moments and the moments of each (default: moment).
    drop
        Share of the height of a peak above the median row by which a row of its moment may be lower.
    gap
        Seconds of rows that fall short which a moment bridges.
    export
        Write the moments to this file for an editing program: .edl, .otio or .csv.
    cut
        Cut the moments out of their sources into this folder. Streams are copied, so a clip begins at the
        keyframe before its moment.
    exact
        Encode the clips of --cut anew, so that they begin and end with their moments.
    html
        Write a contact sheet with images and times to this file. It must not be inside a store.
    overwrite
        Replace files that exist.
    model
        The model that made the view, if it is a file or code. Vifex does not load such a model only because a
        store names it.
    """
    keep_pandas_out()
    import vifex
    from vifex.media.gone import gone_uris
    from vifex.media.places import shown
    from vifex.search.combined.evaluate import meaning
    from vifex.search.combined.values import match_of
    from vifex.search.files import check_target
    from vifex.search.timelines.export import check_moments_file
    from vifex.values import InputError

    if html is not None:
        check_target(html, overwrite=overwrite)
    if export is not None:
        check_moments_file(export)
        check_target(export, overwrite=overwrite)
    words = [str(query), *queries]
    asked = match_of(words, match)
    of_moments = spans or bool(by or export or cut) or isinstance(meaning(asked), vifex.Then)
    notes: list[str] = []
    opened = vifex.open(
        store, view=view, at=at, model=model, weights=weights, card=card, trust_code=trust_code, device=device
    )
    choices: dict[str, Any] = {
        "column": column,
        "metric": metric,
        "where": where,
        "existing": existing,
        "min_score": _least(min_score),
        "on_notice": notes.append,
    }
    cuts: list[CutClip] = []
    moments: list[Moment] = []
    found: list[Hit] | list[Moment] = moments
    with opened as collection:
        threshold = collection.score_threshold(column) if min_score == "auto" else None
        if of_moments:
            if approximate or recall is not None:
                notes.append("moments come from the scores of all rows, so the search was exact.")
            if bridge is not None:
                raise InputError(
                    "moments are not searched by a bridge.", option="bridge", todo="Leave it out."
                )
            found = moments = collection.moments(asked, k, by=by or "moment", drop=drop, gap_s=gap, **choices)
        else:
            more: dict[str, Any] = {"approximate": approximate, "recall": recall, "bridge": bridge}
            found = collection.search(asked, k, **more, **choices)
        gone = sorted(gone_uris(h.uri for h in found))
        missing = len(collection.missing()) if collection.count_rows() <= _COUNTED else None
        if html is not None:
            collection.contact_sheet(html, found, query=asked, metric=metric, overwrite=overwrite)
        if export is not None:
            collection.export_moments(export, moments, overwrite=overwrite, on_notice=notes.append)
        if cut is not None:
            cuts = collection.cut(cut, moments, exact=exact, overwrite=overwrite, on_notice=notes.append)
    if threshold is not None and not json:
        notes.insert(0, threshold.how)
    for note in notes:
        print_notice(note)
    if json:
        print_json(
            {
                "store": str(store),
                "view": view,
                "query": shown(str(query)),
                **({"queries": [shown(word) for word in words], "match": match} if queries else {}),
                "metric": metric,
                **({"threshold": threshold.to_dict()} if threshold is not None else {}),
                "notes": notes,
                ("moments" if of_moments else "hits"): [h.to_dict() for h in found],
                **({"cuts": [one.to_dict() for one in cuts]} if cut is not None else {}),
                "gone": gone,
                "missing_media": missing,
            }
        )
        return 0
    _print_found(found, metric, is_limited=min_score is not None)
    _print_gone(len(gone), missing, existing=existing)
    _print_cuts(cuts)
    for what, path in (("contact sheet", html), ("moments", export)):
        if path is not None:
            print_line(f"{what}: {clean(path)}")
    return 0


def _least(text: str | None) -> float | str | None:
    """Read the value of --min-score."""
    if text is None or text == "auto":
        return text
    try:
        return float(text)
    except ValueError:
        from vifex.values import InputError

        raise InputError(f"takes a number or auto, got {text!r}.", option="min_score") from None


def _print_gone(gone: int, missing: int | None, *, existing: bool) -> None:
    """Describe how many media are gone: among the hits, and in the view where it is small."""
    parts = []
    if gone:
        parts.append(f"{gone} of the media of these hits")
    if missing:
        parts.append(f"{missing} of the media of the view")
    if parts:
        hint = "" if existing else "; --existing leaves their rows out"
        print_line(f"gone from disk: {', '.join(parts)}{hint}.", err=True)


def _print_found(found: list[Hit] | list[Moment], metric: str, *, is_limited: bool) -> None:
    import vifex
    from vifex.search.times import format_time

    if not found:
        print_line(
            "Nothing matches." if is_limited else "No row matches; the filter of --where may be too narrow."
        )
        return
    moments = [one for one in found if isinstance(one, vifex.Moment)]
    if moments:
        print_table(
            ["rank", "score", "start", "end", "rows", "name", "label", "key"],
            [_moment_row(part, moment) for moment in moments for part in (moment.parts or (moment,))],
            right=["rank", "score", "start", "end", "rows"],
        )
        return
    print_table(
        ["rank", metric, "time", "name", "label", "key"],
        [
            [h.rank, f"{h.score:.4f}", format_time(h.t_s), h.name, h.label or "", h.key]
            for h in found
            if isinstance(h, vifex.Hit)
        ],
        right=["rank", metric, "time"],
    )


def _moment_row(part: Moment, whole: Moment) -> list[object]:
    from vifex.search.times import format_time

    times = (format_time(part.start_s), format_time(part.end_s))
    best = part.best
    return [whole.rank, f"{part.score:.4f}", *times, part.rows, best.name, best.label or "", best.key]


def _print_cuts(cuts: list[CutClip]) -> None:
    from vifex.search.times import format_time

    if not cuts:
        return
    print_table(
        ["clip", "starts", "ends", "moment starts"],
        [
            [clean(c.path), format_time(c.start_s), format_time(c.end_s), format_time(c.asked_start_s)]
            for c in cuts
        ],
        right=["starts", "ends", "moment starts"],
    )
