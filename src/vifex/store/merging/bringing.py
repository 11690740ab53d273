"""Bringing the rows and entries of a view into another view of the same recipe.

Each commit takes as many media as the rule of the writer says, all of one run. So every medium is in the view
whole or as it was, and a merge that was cut short goes on where it stopped. Rows pass through memory a
thousand at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from vifex.store.commit.changes import LabelChange, relabel_media
from vifex.store.commit.row_places import RowPlaces
from vifex.store.commit.view_tables import ViewTables
from vifex.store.commit.view_writer import CommitRule
from vifex.store.files.faults import BrokenTableError
from vifex.store.merging.comparing import ENTRY_NAMES, Held, Verdict, compare
from vifex.store.merging.deciding import MergeConflict
from vifex.store.reading.view import View
from vifex.store.schema import has_extra, maintenance_entry, row_schema

__all__ = ["MergedMedia", "count", "take_in"]

_LISTED: Final = 1000
"""Conflicts and copies that are named; all are counted."""
_TEXT_BYTES: Final = 300
"""About what a row takes without its vectors."""


@dataclass(slots=True)
class MergedMedia:
    """What became of the media of one view, or would."""

    media: int = 0
    added: int = 0
    rows: int = 0
    """Rows of the media that were added or replaced."""
    same: int = 0
    copies: int = 0
    replaced: int = 0
    left: int = 0
    labelled: int = 0
    """Media of the store that got a label or a split from the other."""
    conflicts: int = 0
    named_conflicts: list[MergeConflict] = field(default_factory=list)
    named_copies: list[tuple[str, str]] = field(default_factory=list)
    """Address of the copy, and of the medium that stays."""
    copied: set[str] = field(default_factory=set, compare=False)
    """Ids of the copies, where `count` has counted."""

    def add(self, verdict: Verdict) -> None:
        """Count one medium."""
        self.media += 1
        setattr(self, _COUNTERS[verdict.choice], getattr(self, _COUNTERS[verdict.choice]) + 1)
        self.rows += verdict.entry["rows"] if _is_brought(verdict) else 0
        self.labelled += _is_relabelled(verdict)
        self.conflicts += len(verdict.conflicts)
        if len(self.named_conflicts) < _LISTED:
            self.named_conflicts += verdict.conflicts
        if verdict.choice == "copy" and verdict.ours and len(self.named_copies) < _LISTED:
            self.named_copies.append((verdict.entry["uri"], verdict.ours["uri"]))


_COUNTERS: Final = {
    "added": "added",
    "same": "same",
    "copy": "copies",
    "replaced": "replaced",
    "left": "left",
}


def count(
    ours: Held | None, source: View, *, copies: bool, wanted: Callable[[str], bool] | None = None
) -> MergedMedia:
    """Count what `take_in` would do; nothing is changed."""
    tally = MergedMedia()
    for verdicts in compare(ours, source, RowPlaces(), copies=copies, wanted=wanted):
        for verdict in verdicts:
            tally.add(verdict)
            if verdict.choice == "copy":
                tally.copied.add(verdict.entry["medium_id"])
    return tally


def take_in(
    tables: ViewTables,
    source: View,
    rule: CommitRule,
    *,
    copies: bool,
    wanted: Callable[[str], bool] | None = None,
) -> MergedMedia:
    """Bring the media of another view in, in commits of their own.

    Args:
        tables: Of the view that takes them in; nothing is gathered.
        source: A view of the same recipe, whose files were checked.
        rule: How many media and bytes make a commit.
        copies: Whether media whose content is there at another address are brought too.
        wanted: Whether a medium, by its id, is brought at all.

    Raises:
        StoreError: If a commit fails; the view stays as it was after the last one.
    """
    tally, places, runs = MergedMedia(), RowPlaces(), source.runs()
    layers = source.recipe.layers
    columns = [spec.column for spec in layers]
    row_bytes = _TEXT_BYTES + sum(spec.size * (2 if spec.dtype == "float16" else 4) for spec in layers)
    ours = Held(
        tables.finished, lambda: tables.ledger.table, lambda: tables.rows.table, tables.places, columns
    )
    for verdicts in compare(ours, source, places, copies=copies, wanted=wanted):
        for verdict in verdicts:
            tally.add(verdict)
        for group in _groups([v for v in verdicts if _is_brought(v)], rule, row_bytes):
            _bring(tables, source, places, group, runs.get(group[0].entry["run"], ""))
        changes = {
            _own_id(v): LabelChange(label=v.label, split=v.split) for v in verdicts if _is_relabelled(v)
        }
        for start in range(0, len(changes), rule.media):
            relabel_media(tables, list(changes)[start : start + rule.media], changes)
    if tally.added or tally.replaced or tally.labelled:
        with tables.failing():
            said = f"merged {tally.added + tally.replaced} media of {source.folder}"
            tables.enter(maintenance_entry(said, tables.recipe_hash))
    return tally


def _is_brought(verdict: Verdict) -> bool:
    return verdict.choice in ("added", "replaced")


def _is_relabelled(verdict: Verdict) -> bool:
    """Return whether a medium that stays as it is gets a label or a split."""
    ours = verdict.ours
    kept = ours is not None and not _is_brought(verdict)
    return ours is not None and kept and (verdict.label, verdict.split) != (ours["label"], ours["split"])


def _own_id(verdict: Verdict) -> str:
    assert verdict.ours is not None
    return str(verdict.ours["medium_id"])


def _groups(verdicts: Sequence[Verdict], rule: CommitRule, row_bytes: int) -> Iterator[list[Verdict]]:
    """Cut media into what one commit takes: of one run, and within the limits of the rule."""
    group: list[Verdict] = []
    size = 0
    for verdict in verdicts:
        other_run = group and verdict.entry["run"] != group[0].entry["run"]
        if group and (other_run or len(group) >= rule.media or size >= rule.size_bytes):
            yield group
            group, size = [], 0
        group.append(verdict)
        size += verdict.entry["rows"] * row_bytes
    if group:
        yield group


def _bring(tables: ViewTables, source: View, places: RowPlaces, group: Sequence[Verdict], run: str) -> None:
    """Commit one group: first the rows, then the entries."""
    with tables.failing():
        with_rows = [v for v in group if v.entry["rows"]]
        extra = has_extra(source.tables[1].schema)
        rows = _rows(source, places, with_rows)
        new = tables.write(rows, extra=extra) if with_rows else []
        tables.change_rows(new, tables.with_rows([v.entry["medium_id"] for v in group]))
        entries: dict[str, list[Any]] = {n: [v.entry[n] for v in group] for n in ENTRY_NAMES if n != "run"}
        entries["label"] = [v.label for v in group]
        entries["split"] = [v.split for v in group]
        entries["recipe_hash"] = [tables.recipe_hash] * len(group)
        with tables.as_run(run):
            tables.enter(entries)
    tables.maintain(at_end=False)


def _rows(source: View, places: RowPlaces, group: Sequence[Verdict]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of some media bit for bit, with the labels that count after merging."""
    changed = {v.entry["medium_id"]: v for v in group if _has_other_labels(v)}
    _, rows = source.tables
    schema, found = row_schema(source.recipe, extra=has_extra(rows.schema)), 0
    for batch in places.scan(rows, schema.names, [v.entry["medium_id"] for v in group]):
        columns = dict(zip(schema.names, batch.columns, strict=True))
        if changed:
            owners = columns["medium_id"].to_pylist()
            for name in ("label", "split"):
                columns[name] = _relabelled(name, owners, columns[name], changed)
        found += batch.num_rows
        yield pa.RecordBatch.from_arrays(list(columns.values()), schema=schema)
    announced = sum(v.entry["rows"] for v in group)
    if found != announced:
        raise BrokenTableError(f"{source.folder} has {found} rows of media whose entries say {announced}")


def _has_other_labels(verdict: Verdict) -> bool:
    return (verdict.label, verdict.split) != (verdict.entry["label"], verdict.entry["split"])


def _relabelled(name: str, owners: Sequence[str], column: pa.Array, changed: dict[str, Verdict]) -> pa.Array:
    """Replace what is the medium's own label; a box may have another one, which stays."""
    values = column.to_pylist()
    for place, owner in enumerate(owners):
        verdict = changed.get(owner)
        if verdict is not None and values[place] == verdict.entry[name]:
            values[place] = getattr(verdict, name)
    return pc.cast(pa.array(values, pa.string()), column.type)
