"""`vifex search`: the rows nearest to a query."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

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
from vifex.cli.targets import as_typed, named_file

if TYPE_CHECKING:
    from vifex import Hit

__all__ = ["search"]

_COUNTED = 20_000
"""Rows of a view up to which a search looks for all its media on disk. That many take about 0.1 s."""


@helped
def search(
    store: Path,
    query: Annotated[Path | str, Parameter(converter=as_typed)],
    /,
    *,
    k: Annotated[int, Parameter(name=["-k", "--count"], group=QUERY)] = 10,
    view: Annotated[str, Parameter(group=QUERY)] = "main",
    column: Annotated[str | None, Parameter(group=QUERY)] = None,
    where: Annotated[str | None, Parameter(group=QUERY)] = None,
    metric: Annotated[str, Parameter(group=QUERY)] = "cosine",
    existing: Annotated[Flag, Parameter(group=QUERY)] = False,
    approximate: Annotated[Flag, Parameter(group=QUERY)] = False,
    recall: Annotated[float | None, Parameter(group=QUERY)] = None,
    bridge: Annotated[Path | None, Parameter(group=QUERY)] = None,
    html: Annotated[Path | None, Parameter(converter=named_file, group=OUTPUT)] = None,
    overwrite: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    json: Json = False,
    model: Annotated[str | None, Parameter(name=["--model", "-m"], group=MODEL)] = None,
    weights: Weights = None,
    card: CardFile = None,
    trust_code: TrustCode = False,
    device: Device = None,
) -> int:
    """Print the stored rows nearest to a query; the search is exact unless an index is asked for.

    For example:
        vifex search lib.vifex photo.jpg
        vifex search lib.vifex clip.mp4@00:12 -k 20 --where "label = 'cat'"
        vifex search lib.vifex "a red car at night" --html hits.html

    Parameters
    ----------
    store
        The store.
    query
        An image, a video with a time (clip.mp4@00:12), row:KEY, a .npy file with a vector, or words if the
        view's model has a text tower. text:WORDS is for words that look like a file.
    k
        Number of hits.
    view
        The view that is searched.
    column
        Column of the layer. It may be left out if the view has one layer.
    where
        An SQL filter over the columns, e.g. "t_s >= 10 AND label = 'cat'".
    metric
        cosine or dot (higher is nearer), or l2 (lower is nearer).
    existing
        Leave out rows of media that no longer exist on disk.
    approximate
        Use the index that vifex index made, and say the recall that was measured of it. It may miss rows.
        Without an index that fits the search is exact.
    recall
        As --approximate, with an index of which at least this recall was measured, e.g. 0.95.
    bridge
        A file of vifex bridge: the query is computed by its new model, and --model names that one.
    html
        Write a contact sheet with images and times to this file. It must not be inside a store.
    overwrite
        Replace the contact sheet if it exists.
    model
        The model that made the view, if it is a file or code. Vifex does not load such a model only because a
        store names it.
    """
    keep_pandas_out()
    import vifex
    from vifex.search.files import check_target
    from vifex.search.gone import gone_uris

    if html is not None:
        check_target(html, overwrite=overwrite)
    notes: list[str] = []
    opened = vifex.open(
        store, view=view, model=model, weights=weights, card=card, trust_code=trust_code, device=device
    )
    with opened as collection:
        hits = collection.search(
            str(query),
            k,
            column=column,
            metric=metric,
            where=where,
            existing=existing,
            approximate=approximate,
            recall=recall,
            bridge=bridge,
            on_notice=notes.append,
        )
        gone = sorted(gone_uris(h.uri for h in hits))
        missing = len(collection.missing()) if collection.count_rows() <= _COUNTED else None
        if html is not None:
            collection.contact_sheet(html, hits, query=str(query), metric=metric, overwrite=overwrite)
    for note in notes:
        print_notice(note)
    if json:
        print_json(
            {
                "store": str(store),
                "view": view,
                "query": str(query),
                "metric": metric,
                "notes": notes,
                "hits": [h.to_dict() for h in hits],
                "gone": gone,
                "missing_media": missing,
            }
        )
    else:
        _print_hits(hits, metric)
        _print_gone(len(gone), missing, existing=existing)
        if html is not None:
            print_line(f"contact sheet: {clean(html)}")
    return 0


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


def _print_hits(hits: list[Hit], metric: str) -> None:
    from vifex.search.times import format_time

    if not hits:
        print_line("No row matches; the filter of --where may be too narrow.")
        return
    print_table(
        ["rank", metric, "time", "name", "label", "key"],
        [[h.rank, f"{h.score:.4f}", format_time(h.t_s), h.name, h.label or "", h.key] for h in hits],
        right=["rank", metric, "time"],
    )
