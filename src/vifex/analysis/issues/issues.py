"""What `vifex.issues` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from vifex.search.hits import Hit

__all__ = ["KINDS", "Issue", "Issues"]

KINDS: Final = {
    "exact-copy": "Exact copies across splits or labels",
    "near-copy": "Near copies across splits or labels",
    "label": "Labels that the features contradict",
    "dark": "Dark images",
    "bright": "Bright images",
    "blurred": "Blurred images",
    "odd-shape": "Images of an odd shape",
    "still": "Videos that stand still",
}
"""Kinds of issues, and their headings."""


@dataclass(frozen=True, slots=True)
class Issue:
    """Something about a medium that a person should look at."""

    kind: str
    """`exact-copy`, `near-copy`, `label`, `dark`, `bright`, `blurred`, `odd-shape` or `still`."""
    row: Hit
    """The medium by its first row; `score` is the measure of the issue."""
    note: str
    """What was found, one sentence."""
    other: str | None = None
    """The name of the copy, or the label that is more likely."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "kind": self.kind,
            "name": self.row.name,
            "uri": self.row.uri,
            "medium_id": self.row.medium_id,
            "label": self.row.label,
            "split": self.row.split,
            "measure": self.row.score,
            "other": self.other,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Issues:
    """What a person should look at before training on the media of a view."""

    store: str
    view: str
    column: str
    media: int
    """Media that were looked at."""
    issues: tuple[Issue, ...]
    """By kind, the worst of each first."""
    notes: tuple[str, ...] = ()
    """Sentences on what was not looked at."""

    def counts(self) -> dict[str, int]:
        """Return the number of issues of each kind."""
        return {kind: sum(one.kind == kind for one in self.issues) for kind in KINDS}

    def to_arrow(self) -> pa.Table:
        """Return a table with a row for each issue.

        Returns:
            Columns `kind`, `name`, `uri`, `medium_id`, `label`, `split`, `measure`, `other` and `note`.
        """
        text = ("kind", "name", "uri", "medium_id", "label", "split")
        fields = [*((name, pa.string()) for name in text), ("measure", pa.float64())]
        schema = pa.schema([*fields, ("other", pa.string()), ("note", pa.string())])
        return pa.Table.from_pylist([one.to_dict() for one in self.issues], schema)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "store": self.store,
            "view": self.view,
            "column": self.column,
            "media": self.media,
            "counts": self.counts(),
            "issues": [one.to_dict() for one in self.issues],
            "notes": list(self.notes),
        }
