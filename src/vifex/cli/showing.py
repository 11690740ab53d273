"""`vifex show`: what is in a store, and what failed and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter

from vifex.cli.answers.options import Html, Overwrite
from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import Flag, Json, helped
from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.targets import StorePath
from vifex.cli.wording import as_options

if TYPE_CHECKING:
    from vifex import Store

__all__ = ["show"]

_SHOWN = 30
_OUTCOME = ["name", "uri", "status", "reason", "rows", "lost"]


@helped
def show(
    store: StorePath,
    /,
    *,
    view: str | None = None,
    at: Annotated[str | None, Parameter(metavar="TAG")] = None,
    problems: Flag = False,
    html: Html = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> int:
    """Show what is in a store, and which media failed and why.

    For example:
        vifex show lib.vifex
        vifex show lib.vifex --html lib.html

    Parameters
    ----------
    store
        The store.
    view
        Only this view (default: all).
    at
        Name of a tag: read the store as it was when vifex tag made it.
    problems
        List every medium that is not ok or has a note, not only the first ones.
    html
        Write a page with the collection, the views, samples, problems by reason with their images, and the
        speed of the runs.
    """
    keep_pandas_out()
    from vifex.store import open_store

    if html is not None:
        from vifex.search.files import check_target

        check_target(html, overwrite=overwrite)
    with open_store(store, at=at) as opened:
        store_id, names = opened.id, opened.views()
    if view is not None:
        names = [view]
    kept = None if json or problems else _SHOWN
    described = [_facts(store, name, at, kept) for name in names]
    found = None
    if json or html is not None:
        import vifex

        found = vifex.overview(store, view=view, at=at, html=html, overwrite=overwrite)
    if json and found is not None:
        document = {"store": str(store), "id": store_id, "views": [facts for facts, _ in described]}
        print_json({**document, "overview": found.to_dict()})
        return 0
    print_line(f"{clean(store)}: {len(names)} view{'s' * (len(names) != 1)}")
    for facts, listed in described:
        _print_view(facts, listed, limit=kept)
    if html is not None:
        print_line(f"wrote {clean(html)}", err=True)
    return 0


def _facts(store: Path, view: str, at: str | None, kept: int | None) -> tuple[dict[str, Any], int]:
    """Return what is shown of a view, and how many problems and notes it has; at most `kept` are given."""
    import vifex

    with vifex.open(store, view=view, at=at) as collection:
        problems = collection.ledger(columns=_OUTCOME, where="status <> 'ok'")
        told = "status = 'ok' AND reason <> ''"
        if collection.recipe.imported is not None:  # each medium says of which file its rows are
            told += " AND reason NOT LIKE 'imported from %'"
        notes = collection.ledger(columns=_OUTCOME, where=told)
        facts = {
            "view": view,
            "rows": collection.count_rows(),
            "missing_media": collection.count_missing(),
            "media": _count_statuses(collection),
            "weights": collection.weights,
            "untrained": _is_untrained(store, collection, at),
            "recipe": collection.recipe.to_dict(),
            "columns": _columns(collection),
            "indexes": [one.to_dict() for one in collection.indexes()],
            "problems": problems.slice(0, kept).to_pylist(),
            "notes": notes.slice(0, kept).to_pylist(),
        }
    return facts, problems.num_rows + notes.num_rows


_IMPORTED: Final = {
    "export": "from an export of Vifex, by whose recipe queries are computed",
    "named": "from files; queries are computed by the model that was named",
    "unknown": "from files that do not say which model made the vectors: queries are rows or .npy files",
}


def _count_statuses(collection: Store) -> dict[str, int]:
    found = collection.ledger(columns="status").column(0).value_counts().to_pylist()
    return dict(sorted((pair["values"], pair["counts"]) for pair in found))


def _is_untrained(store: Path, collection: Store, at: str | None) -> bool:
    """Whether a view's numbers, or those that it was made of, come of random weights."""
    import vifex

    fusion, tree = collection.recipe.fusion, collection.recipe.tree
    sources = {i.view for i in fusion.inputs} if fusion else {tree.view} if tree else set()
    for name in sorted(sources & set(collection)):
        with vifex.open(store, view=name, at=at) as source:
            if _is_untrained(store, source, at):
                return True
    return (collection.weights or "").startswith("random:")


def _columns(collection: Store) -> list[dict[str, Any]]:
    return [
        {
            "column": spec.column,
            "layer": spec.layer.name,
            "kind": spec.layer.kind,
            "layer_shape": list(spec.layer.shape),
            "pooling": spec.pooling,
            "shape": list(spec.shape),
            "dtype": spec.dtype,
            "normalized": spec.normalized,
        }
        for spec in collection.recipe.layers
    ]


def _print_view(facts: dict[str, Any], listed: int, *, limit: int | None) -> None:
    from vifex.analysis.overview.choices import choices_of, shape_words

    recipe = facts["recipe"]
    media = ", ".join(f"{n} {status}" for status, n in facts["media"].items()) or "no media yet"
    print_line("")
    print_line(
        f"view {clean(facts['view'])}: {facts['rows']} rows of {sum(facts['media'].values())} media ({media})"
    )
    if facts["missing_media"]:
        print_line(
            f"  gone     {facts['missing_media']} of the media, no longer on disk; their rows stay, and "
            "vifex search --existing leaves them out"
        )
    print_line(f"  model    {clean(recipe['model'])} ({recipe['engine']}, {recipe['precision']})")
    if recipe.get("imported"):
        print_line(f"  imported {_IMPORTED[recipe['imported']['model']]}")
    if facts["untrained"]:
        own = facts["weights"]
        whose = f"its weights are random ({own})" if own else "a view that it was made of has random weights"
        print_line(f"  weights  untrained: {clean(whose)}")
    elif facts["weights"]:
        print_line(f"  weights  {clean(facts['weights'])}")
    for name, words in choices_of(recipe):
        print_line(f"  {name:<8} {clean(words)}")
    print_table(
        ["column", "layer", "kind", "layer shape", "pooling", "stored"],
        [
            [
                c["column"],
                c["layer"],
                c["kind"],
                shape_words(c["layer_shape"]),
                c["pooling"],
                f"{shape_words(c['shape'])} {c['dtype']}{' normalized' * c['normalized']}",
            ]
            for c in facts["columns"]
        ],
    )
    for index in facts["indexes"]:
        print_line(f"  index    {_index(index)}")
    listed_media = [*facts["problems"], *facts["notes"]]
    if listed_media:
        printed = listed_media[:limit]
        print_table(
            ["status", "name", "rows", "why"],
            [[p["status"], p["name"], p["rows"], as_options(p["reason"])] for p in printed],
            right=["rows"],
        )
        if len(printed) < listed:
            print_line(f"... and {listed - len(printed)} more: --problems shows all")


def _index(index: dict[str, Any]) -> str:
    """Describe an approximate index with the recall of the setting that `--approximate` takes for 10 hits."""
    held = index["rows"] - index["rows_not_held"]
    text = f"{clean(index['column'])}: {index['kind']}, {index['metric']}, {held} of {index['rows']} rows"
    aimed = [one for one in index["settings"] if one["recall"] == index["recall"]]
    if aimed:
        found = [f"{one['measured']:.3f} of {one['k']} hits" for one in aimed]
        text += f"; measured recall {', '.join(found)}"
    if index["rows"] != index["measured_rows"]:
        text += f" when the view had {index['measured_rows']} rows; vifex index measures it again"
    return text
