"""What becomes of one medium where one store takes in another.

The rules, in the order in which they count:

- A medium that the store does not have is added.
- A medium whose content the store has at another address is a copy and is left out.
- Of a medium that both have, a finished result wins over a failed one.
- Of two finished results that of the newer file counts, and of one file the better one: `ok`, then `partial`.
- Where neither is better, the store keeps what it has.
- The store keeps its label and its split; where it has none, it takes those of the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

__all__ = ["Choice", "Entry", "MergeConflict", "choose", "label_conflicts", "labels_of_both"]

Choice = Literal["added", "same", "copy", "replaced", "left"]
"""`same`: both have it and agree; `replaced`: the other's result counts now; `left`: the store's own does."""

Entry = Mapping[str, Any]
"""One entry of a ledger, by the names of its columns."""

_RANK: Final = {"ok": 3, "partial": 2, "skipped": 1, "failed": 0}


@dataclass(frozen=True, slots=True)
class MergeConflict:
    """One thing in which two stores differ over a medium that both have."""

    name: str
    uri: str
    what: str
    """`status`, `file` (it changed between both), `content`, `spec` (boxes), `rows`, `label` or `split`."""
    ours: str
    """What the store had."""
    theirs: str
    """What the other store has."""
    kept: Literal["ours", "theirs"]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def choose(ours: Entry, theirs: Entry, *, derived: bool) -> tuple[Choice, MergeConflict | None]:
    """Choose between two results for one medium.

    Args:
        ours: Newest entry of the store that takes the other in.
        theirs: Newest entry of the other.
        derived: Whether the view was made from other views. Then `spec_hash` names commits of one store.
    """
    found = _difference(ours, theirs, derived=derived)
    if found is None:
        return "same", None
    what, words = found
    wins = _wins(ours, theirs)
    conflict = MergeConflict(
        theirs["name"], theirs["uri"], what, words(ours), words(theirs), "theirs" if wins else "ours"
    )
    return "replaced" if wins else "left", conflict


def label_conflicts(ours: Entry, theirs: Entry) -> Iterator[MergeConflict]:
    """Yield in what the labels of two entries contradict each other."""
    for what in ("label", "split"):
        if None not in (ours[what], theirs[what]) and ours[what] != theirs[what]:
            yield MergeConflict(theirs["name"], theirs["uri"], what, ours[what], theirs[what], "ours")


def labels_of_both(ours: Entry, theirs: Entry) -> tuple[str | None, str | None]:
    """Return the label and the split that a medium has after merging."""
    label, split = (theirs[n] if ours[n] is None else ours[n] for n in ("label", "split"))
    return label, split


def _difference(ours: Entry, theirs: Entry, *, derived: bool) -> tuple[str, Any] | None:
    """Return what differs first between two results, and what gives the words for it."""
    if (ours["status"] == "failed") != (theirs["status"] == "failed"):
        return "status", lambda entry: entry["status"]
    if (ours["mtime_ns"], ours["size_bytes"]) != (theirs["mtime_ns"], theirs["size_bytes"]):
        return "file", _file
    if ours["status"] != theirs["status"]:
        return "status", lambda entry: entry["status"]
    contents = {ours["content_hash"], theirs["content_hash"]}
    if len(contents) == 2 and "" not in contents:
        return "content", lambda entry: entry["content_hash"]
    if not derived and ours["spec_hash"] != theirs["spec_hash"]:
        return "spec", lambda entry: entry["spec_hash"]
    return ("rows", lambda entry: str(entry["rows"])) if ours["rows"] != theirs["rows"] else None


def _wins(ours: Entry, theirs: Entry) -> bool:
    """Return whether the other store's result counts."""
    if (ours["status"] == "failed") != (theirs["status"] == "failed"):
        return bool(ours["status"] == "failed")
    if ours["mtime_ns"] != theirs["mtime_ns"]:
        return bool(theirs["mtime_ns"] > ours["mtime_ns"])
    return _RANK[theirs["status"]] > _RANK[ours["status"]]


def _file(entry: Entry) -> str:
    changed = datetime.fromtimestamp(entry["mtime_ns"] / 1e9, UTC)
    return f"{entry['size_bytes']} bytes of {changed:%Y-%m-%d %H:%M:%S}"
