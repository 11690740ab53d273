"""Tags: names of states of a store, in a small file beside the views.

A tag names for each view the versions of ledger and rows, and the commit with its checksum, by which the
state is proved when it is read. Maintenance keeps these versions. Lance's own tags are not used: nothing
syncs them, and a torn one stops every removal of versions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from vifex.store.files.faults import BrokenTableError, DamagedError, explained
from vifex.store.files.lance_adapter import Table
from vifex.store.files.layout import ViewPaths
from vifex.store.files.places.place import Place
from vifex.store.files.sync import write_aside
from vifex.store.ledger.head import Head, open_rows
from vifex.store.ledger.proving import prove
from vifex.values import StoreError
from vifex.values.registry import near

__all__ = ["Tag", "TaggedView", "find_tag", "read_tags", "tagged_head", "write_tags"]

_NAME: Final = "tags.json"
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class TaggedView:
    """The state of one view."""

    view: str
    """Its name when the tag was made."""
    id: str
    """Of the view; it keeps that when it is renamed."""
    ledger: int
    """Version of the ledger."""
    rows: int
    """Version of the rows."""
    commit: int
    checksum: str
    """Of that commit."""
    n_rows: int
    n_media: int


@dataclass(frozen=True, slots=True)
class Tag:
    """A name for the state of all views of a store."""

    name: str
    made_unix_s: float
    views: tuple[TaggedView, ...]


def read_tags(store: Place) -> list[Tag]:
    """Read the tags of a store, the oldest first.

    Raises:
        DamagedError: If their file does not read.
    """
    path = store / _NAME
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["vifex_tags"] != _FORMAT:
            raise ValueError(f"it has format {data['vifex_tags']!r}")
        return [_tag(entry) for entry in data["tags"]]
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise StoreError("the tags of the store cannot be read.", of=str(path), todo=f"{exc}.") from exc
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise DamagedError(
            f"the tags of the store cannot be read ({exc}).",
            of=str(path),
            todo="Restore that file from a copy, or remove it: then no state is kept by a tag.",
        ) from exc


def write_tags(store: Place, tags: Iterable[Tag]) -> None:
    """Write the tags of a store anew; the caller holds the store's lock."""
    data = {"vifex_tags": _FORMAT, "tags": [asdict(tag) for tag in tags]}
    with explained(store):
        write_aside(store / _NAME, json.dumps(data, indent=1) + "\n")


def find_tag(tags: Sequence[Tag], name: str, *, of: Place) -> Tag:
    """Return the tag of a name.

    Raises:
        StoreError: If there is none.
    """
    for tag in tags:
        if tag.name == name:
            return tag
    known = [tag.name for tag in tags]
    listed = f"It has: {', '.join(known)}." if known else "It has none yet: `vifex tag STORE NAME` makes one."
    raise StoreError(f"the store has no tag {name!r}.", of=str(of), todo=f"{near(name, known)}{listed}")


def tagged_head(paths: ViewPaths, tag: str, tagged: TaggedView) -> Head:
    """Open the tables of a view as a tag names them, and prove that they are what they were.

    Raises:
        DamagedError: If they are not.
    """
    try:
        ledger = Table.open(paths.ledger, tagged.ledger)
        seal = prove(ledger)
        if (seal.commit, seal.checksum, seal.rows_version) != (tagged.commit, tagged.checksum, tagged.rows):
            raise BrokenTableError(f"version {tagged.ledger} of the ledger is of another commit")
        return Head(ledger, open_rows(paths, seal, ledger), seal)
    except BrokenTableError as exc:
        raise DamagedError(
            f"the state of the view {paths.name!r} at the tag {tag!r} does not read ({exc}).",
            of=str(paths.folder),
            todo="Restore the store from a copy, or remove the tag; the present state is not affected.",
        ) from exc


def _tag(entry: dict[str, Any]) -> Tag:
    views = tuple(TaggedView(**view) for view in entry["views"])
    for view in views:
        numbers = (view.ledger, view.rows, view.commit, view.n_rows, view.n_media)
        if not all(isinstance(number, int) for number in numbers):
            raise ValueError("a version that is no number")
    return Tag(str(entry["name"]), float(entry["made_unix_s"]), views)
