"""`vifex.remove`, `vifex.prune`, `vifex.label`: changing what a store holds, without computing anything."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vifex.analysis.rows import MediumFacts
from vifex.api.answers.labels import LabelSource, labels_of
from vifex.api.arguments import checked
from vifex.api.stores.changes import ledger_names
from vifex.media.gone import gone_uris
from vifex.media.sources import find
from vifex.store import LabelChange, View, delete_rows, open_store
from vifex.store import relabel as relabel_rows
from vifex.values import InputError, Medium, Outcome
from vifex.values.registry import near
from vifex.values.run_facts import run_facts

__all__ = ["Labelled", "Removed", "label", "prune", "remove"]

_LIBRARIES = ("pylance", "pyarrow")


@dataclass(frozen=True, slots=True)
class Removed:
    """Media that were removed from a store, or would be."""

    store: str
    names: tuple[str, ...]
    """As the ledger names them, sorted, each once."""
    media: int
    """How many media, counted in each view."""
    views: tuple[str, ...]
    """Views that held one of them."""
    dry_run: bool
    """Whether nothing was removed."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Labelled:
    """What became of new labels."""

    store: str
    changed: int
    """Media with another label or split now, counted in each view."""
    views: tuple[str, ...]
    """Views that were changed."""
    notes: tuple[str, ...]
    """Sentences on lines that name no medium, and on media without a label."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@checked("store", "names", "where", "view")
def remove(
    store: str | os.PathLike[str],
    names: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
    *,
    where: str | None = None,
    view: str | None = None,
    dry_run: bool = False,
) -> Removed:
    """Remove media with all their rows. Files are not touched.

    Each medium is there whole or gone, whatever happens meanwhile. The next extraction from their sources
    makes them again.

    Args:
        store: The store.
        names: Names or `file://` addresses of the ledger, or `Path`s of files; one or several.
        where: An SQL filter on the columns of rows; every medium with a row that it matches is removed.
        view: Only from this view; by default from all.
        dry_run: Remove nothing; say what would be removed.

    Raises:
        InputError: If neither names nor a filter is given, no view has one of the names, or the filter is
            wrong. Nothing is removed then.
        StoreError: If there is no such store, or it cannot be written.
    """
    wanted = set(ledger_names(names))
    if not wanted and where is None:
        raise InputError("nothing says which media to remove.", todo="Give names, or a filter with `where=`.")

    def choose(opened: View) -> dict[str, str]:
        chosen = {uri: name for uri, name in _media(opened) if uri in wanted or name in wanted}
        if where is not None:
            rows = opened.to_arrow(["uri", "name"], where)
            chosen |= dict(zip(rows["uri"].to_pylist(), rows["name"].to_pylist(), strict=True))
        return chosen

    found = _chosen(store, view, choose)
    known = {text for chosen in found.values() for pair in chosen.items() for text in pair}
    missing = sorted(wanted - known)
    if missing:
        raise InputError(
            f"the store has no medium {missing[0]!r}.",
            of=os.fspath(store),
            todo=f"{near(missing[0], _first_names(store, view))}`vifex show` counts the media of a store.",
        )
    return _removed(store, found, dry_run=dry_run)


@checked("store", "sources", "view")
def prune(
    store: str | os.PathLike[str],
    sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    *,
    view: str | None = None,
    dry_run: bool = False,
) -> Removed:
    """Remove the media whose files are gone, or that sources no longer name.

    A file that was renamed is gone under its old name; the next extraction adds it under the new one. Media
    on a disk that is not mounted are gone too: look at `dry_run=True` first.

    Args:
        store: The store.
        sources: As for `vifex.extract`. Media that none of them names are removed, whether their files
            exist or not. By default the files decide.
        view: Only from this view; by default from all.
        dry_run: Remove nothing; say what would be removed.

    Raises:
        InputError: If the sources give nothing at all.
        StoreError: If there is no such store, or it cannot be written.
    """
    named = None if sources is None else _named(sources)

    def choose(opened: View) -> dict[str, str]:
        media = dict(_media(opened))
        gone = gone_uris(media) if named is None else media.keys() - named
        return {uri: media[uri] for uri in gone}

    return _removed(store, _chosen(store, view, choose), dry_run=dry_run)


@checked("store", "labels", "view")
def label(store: str | os.PathLike[str], labels: LabelSource, *, view: str | None = None) -> Labelled:
    """Give media the labels and splits of a table. Nothing is computed, and no vector changes.

    Args:
        store: The store.
        labels: A table (`.csv`, `.tsv`, `.jsonl`, `.parquet`) with a column `name`, `path` or `uri` and a
            column `label`, and perhaps `split`; `folder` for the first folder of each name; or a mapping of
            names to labels. Media that it does not name keep what they have.
        view: Only in this view; by default in all.

    Raises:
        InputError: If the labels cannot be used, or name no medium of the store.
        StoreError: If there is no such store, or it cannot be written.
    """
    changed, views, notes = 0, list[str](), list[str]()
    with open_store(store) as opened:
        facts = {name: list(_facts(opened.view(name))) for name in _views(opened.views(), view)}
    for name, media in facts.items():
        if not media:
            continue
        found = labels_of(media, labels)
        notes += [note for note in found.notes if note not in notes]
        changes: dict[str, LabelChange] = {}
        for medium, new, split in zip(media, found.labels, found.splits, strict=True):
            change: LabelChange = {}
            if new is not None and new != medium.label:
                change["label"] = new
            if split is not None and split != medium.split:
                change["split"] = split
            if change:
                changes[medium.uri] = change
        if changes:
            changed += relabel_rows(store, name, changes, run=run_facts(_LIBRARIES))
            views.append(name)
    return Labelled(os.fspath(store), changed, tuple(views), tuple(notes))


def _views(known: Sequence[str], view: str | None) -> list[str]:
    return list(known) if view is None else [view]


def _media(view: View) -> Iterator[tuple[str, str]]:
    """Yield address and name of each medium, also of those without rows."""
    for batch in view.ledger_batches(["uri", "name"]):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _facts(view: View) -> Iterator[MediumFacts]:
    for batch in view.ledger_batches(["medium_id", "uri", "name", "label", "split"]):
        yield from (MediumFacts(*line) for line in zip(*(c.to_pylist() for c in batch.columns), strict=True))


def _first_names(store: str | os.PathLike[str], view: str | None) -> list[str]:
    with open_store(store) as opened:
        return [n for name in _views(opened.views(), view) for n in opened.view(name).first_names()]


def _named(sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> set[str]:
    given = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    found: Iterator[Medium | Outcome] = find([Path(s) if isinstance(s, os.PathLike) else s for s in given])
    return {one.uri if isinstance(one, Medium) else one.medium.uri for one in found}


def _chosen(
    store: str | os.PathLike[str], view: str | None, choose: Callable[[View], dict[str, str]]
) -> dict[str, dict[str, str]]:
    """Return for each view the chosen media: address to name."""
    with open_store(store) as opened:
        return {name: choose(opened.view(name)) for name in _views(opened.views(), view)}


def _removed(store: str | os.PathLike[str], found: dict[str, dict[str, str]], *, dry_run: bool) -> Removed:
    count, views = 0, [name for name, chosen in found.items() if chosen]
    for name in views:
        uris: Collection[str] = found[name]
        if dry_run:
            count += len(uris)
        else:
            count += delete_rows(store, name, uris, run=run_facts(_LIBRARIES))
    names = sorted({name for chosen in found.values() for name in chosen.values()})
    return Removed(os.fspath(store), tuple(names), count, tuple(views), dry_run)
