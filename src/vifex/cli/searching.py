"""`vifex search`: the rows nearest to a query."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.targets import named_file
from vifex.cli.wording import as_options

if TYPE_CHECKING:
    from vifex import Hit

__all__ = ["search"]

_COUNTED = 20_000
"""Up to how many rows a search looks at every medium of the view, which takes some 0.1 s for as many."""


def search(
    store: Path,
    query: str,
    /,
    *,
    k: Annotated[int, Parameter(name=["-k", "--count"])] = 10,
    metric: str = "cosine",
    where: str | None = None,
    existing: Annotated[bool, Parameter(negative=())] = False,
    column: str | None = None,
    view: str = "main",
    model: Annotated[str | None, Parameter(name=["--model", "-m"])] = None,
    weights: str | None = None,
    card: Path | None = None,
    trust_code: Annotated[bool, Parameter(negative=())] = False,
    html: Annotated[Path | None, Parameter(converter=named_file)] = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Print the stored rows nearest to a query, exactly.

    Parameters
    ----------
    store
        The store.
    query
        An image, a video and time (clip.mp4@00:12), row:KEY, a .npy file with a vector, or words
        where the view's model has a text tower; text:WORDS where they look like a file.
    k
        How many hits.
    metric
        cosine or dot: higher is nearer; l2: lower is nearer.
    where
        An SQL filter over the columns, e.g. "t_s >= 10 AND label = 'cat'".
    existing
        Leave out rows of media that are gone from disk.
    column
        The layer's column; may be left out where there is one.
    view
        The view that is searched.
    model
        The model that made the view, where it is a file or code: such a model is not loaded because a
        store names it.
    weights
        For --model: the file of weights, or random:SEED, that made the view.
    card
        For --model: its card, where it does not stand beside the model.
    trust_code
        Open a .pt or .pt2 file, which runs code that it holds.
    html
        Write a contact sheet with images and times to this file, which must not lie in a store.
    overwrite
        Replace the contact sheet's file if it exists.
    json
        Print as JSON.
    """
    import vifex
    from vifex.search.files import check_target
    from vifex.search.gone import gone_uris

    if html is not None:
        check_target(html, overwrite=overwrite)
    notes: list[str] = []
    opened = vifex.open(store, view=view, model=model, weights=weights, card=card, trust_code=trust_code)
    with opened as collection:
        hits = collection.search(
            query,
            k,
            column=column,
            metric=metric,
            where=where,
            existing=existing,
            on_notice=notes.append,
        )
        gone = sorted(gone_uris(h.uri for h in hits))
        missing = len(collection.missing()) if collection.count_rows() <= _COUNTED else None
        if html is not None:
            collection.contact_sheet(html, hits, query=query, metric=metric, overwrite=overwrite)
    for note in notes:
        print_line(f"vifex: {clean(as_options(note))}", err=True)
    if json:
        print_json(
            {
                "store": str(store),
                "view": view,
                "query": query,
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
    told = []
    if gone:
        told.append(f"{gone} of the media of these hits")
    if missing:
        told.append(f"{missing} of the media of the view")
    if told:
        hint = "" if existing else "; --existing leaves their rows out"
        print_line(f"gone from disk: {', '.join(told)}{hint}.", err=True)


def _print_hits(hits: list[Hit], metric: str) -> None:
    from vifex.search.times import format_time

    if not hits:
        print_line("No row answers this query; a filter with --where may be too narrow.")
        return
    print_table(
        ["rank", metric, "time", "name", "label", "key"],
        [[h.rank, f"{h.score:.4f}", format_time(h.t_s), h.name, h.label or "", h.key] for h in hits],
        right=["rank", metric, "time"],
    )
