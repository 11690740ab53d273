"""The writer of one view: it gathers finished media and commits them, first the rows, then the ledger.

The order makes commits safe. Rows are written as fragments and synced, and their manifest is committed and
synced. Only then are the entries that name this version of the rows appended and synced. The next writer
removes what no entry names after a crash.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypedDict, TypeVar

import pyarrow as pa

from vifex.store import maintenance as maintenance
from vifex.store.checkpoints import checkpoint
from vifex.store.faults import explained
from vifex.store.finished import FinishedMedia
from vifex.store.lance_adapter import Fragment
from vifex.store.layout import StoreInfo, ViewPaths
from vifex.store.ledger import commits_since_maintenance, file_sums, runs_of, seal, take_entries
from vifex.store.recovery import recover
from vifex.store.row_places import RowPlaces
from vifex.store.schema import (
    LEDGER_SCHEMA,
    Entries,
    deleted_entries,
    maintenance_entry,
    media_entries,
    relabelled_entries,
    row_schema,
)
from vifex.store.sums import LEDGER
from vifex.values import Outcome, Recipe, StoreError

__all__ = ["CommitRule", "LabelChange", "Spilled", "ViewWriter"]


@dataclass(frozen=True, slots=True)
class CommitRule:
    """When gathered media are committed: at the first of these limits."""

    media: int = 2048
    size_bytes: int = 64 << 20
    seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Spilled:
    """Rows of one unfinished medium that are on disk and not committed."""

    medium_id: str
    rows: int
    fragments: tuple[Fragment, ...]


class LabelChange(TypedDict, total=False):
    """What is to change of a medium's label and split; `None` takes it away."""

    label: str | None
    split: str | None


@dataclass(frozen=True, slots=True)
class _Finished:
    outcome: Outcome
    spilled: Spilled | None


P = ParamSpec("P")
T = TypeVar("T")


def _in_turn(method: Callable[Concatenate[ViewWriter, P], T]) -> Callable[Concatenate[ViewWriter, P], T]:
    """Let a method of a writer wait for the one that another thread is in."""

    @functools.wraps(method)
    def call(self: ViewWriter, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._turn:
            return method(self, *args, **kwargs)

    return call


class ViewWriter:
    """Appends finished media to one view.

    One thread is the committer. Another one may close the writer when a run is cut short: it waits for the
    commit that goes on, as two at once would have the same number.
    """

    def __init__(
        self, info: StoreInfo, paths: ViewPaths, recipe: Recipe, *, run: str, rule: CommitRule
    ) -> None:
        self.recipe = recipe
        self.name = paths.name
        self._info = info
        self._run_text = run
        self._rule = rule
        self._hash = recipe.hash
        self._schema = row_schema(recipe)
        with explained(info.path):
            self._rows, self._ledger, self._seal = recover(paths)
            self._run = next((n for n, text in runs_of(self._ledger.table).items() if text == run), 0)
            self._finished = FinishedMedia(lambda: self._ledger.table)
            self._since_maintenance = commits_since_maintenance(self._ledger.table, self._seal)
        self._places = RowPlaces()
        self._gathered: dict[str, _Finished] = {}
        self._gathered_rows: list[pa.RecordBatch] = []
        self._gathered_bytes = 0
        self._gathered_since = 0.0
        self._open_spills: dict[str, Spilled] = {}
        self._state = "open"
        self._turn = threading.RLock()

    def __enter__(self) -> ViewWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def is_busy(self) -> bool:
        """Whether another thread is adding or committing."""
        if not self._turn.acquire(blocking=False):
            return True
        self._turn.release()
        return False

    def finished(self) -> FinishedMedia:
        """Return the newest committed entry of each medium by its id; it follows this writer's commits."""
        return self._finished

    @_in_turn
    def add(
        self, outcome: Outcome, rows: pa.RecordBatch | None = None, spilled: Spilled | None = None
    ) -> None:
        """Add a finished medium with all its rows: the spilled ones, then the given ones.

        They replace the rows that the medium had before, in the same commit. The medium is safe once it is
        committed; this call commits when the rule says so.

        Raises:
            StoreError: If a commit fails; the store stays as it was after the last one.
            ValueError: If rows and outcome do not fit together.
        """
        given = (rows.num_rows if rows is not None else 0) + (spilled.rows if spilled else 0)
        if given != outcome.rows:
            raise ValueError(f"{outcome.medium.name}: {outcome.rows} rows announced, {given} given")
        self._gather([(outcome, rows.num_rows if rows is not None else 0)], rows, spilled)

    @_in_turn
    def add_many(self, outcomes: Sequence[Outcome], rows: pa.RecordBatch | None = None) -> None:
        """Add several finished media at once, which takes less time than one by one.

        Args:
            outcomes: One for each medium, no medium twice.
            rows: The rows of all of them, in the order of `outcomes`, each with `outcome.rows` rows.

        Raises:
            StoreError: As `add`.
            ValueError: As `add`.
        """
        given, announced = rows.num_rows if rows is not None else 0, sum(o.rows for o in outcomes)
        if given != announced:
            raise ValueError(f"{len(outcomes)} media: {announced} rows announced, {given} given")
        self._gather([(o, o.rows) for o in outcomes], rows, None)

    def _gather(
        self, media: Sequence[tuple[Outcome, int]], rows: pa.RecordBatch | None, spilled: Spilled | None
    ) -> None:
        self._must_be_open()
        ids = [outcome.medium.medium_id for outcome, _ in media]
        if rows is not None:
            rows = self._checked([(m, n) for m, (_, n) in zip(ids, media, strict=True)], rows)
        if spilled is not None and self._open_spills.pop(ids[0], None) != spilled:
            raise ValueError(f"{media[0][0].medium.name}: these are not its newest spilled rows")
        if any(m in self._gathered for m in ids):
            self.commit()  # one entry per medium in a commit
        if not self._gathered:
            self._gathered_since = time.monotonic()
        for medium_id, (outcome, _) in zip(ids, media, strict=True):
            self._gathered[medium_id] = _Finished(outcome, spilled)
        if rows is not None and rows.num_rows:
            self._gathered_rows.append(rows)
            self._gathered_bytes += rows.nbytes
        if len(self._gathered) >= self._rule.media or self._gathered_bytes >= self._rule.size_bytes:
            self.commit()
        else:
            self.tick()

    @_in_turn
    def spill(self, spilled: Spilled | None, rows: pa.RecordBatch) -> Spilled:
        """Write rows of an unfinished medium, synced and uncommitted; return all of them so far."""
        self._must_be_open()
        medium_id = spilled.medium_id if spilled else str(rows.column("medium_id")[0])
        rows = self._checked([(medium_id, rows.num_rows)], rows)
        if self._open_spills.get(medium_id) != spilled:
            raise ValueError(f"{medium_id}: these are not its newest spilled rows")
        with self._failing():
            fragments = self._rows.write([rows], self._schema)
            self._rows.sync_data(fragments)
        before = spilled or Spilled(medium_id, 0, ())
        spilled = replace(before, rows=before.rows + rows.num_rows, fragments=(*before.fragments, *fragments))
        self._open_spills[medium_id] = spilled
        return spilled

    @_in_turn
    def discard(self, spilled: Spilled) -> None:
        """Delete spilled rows of a medium that will not be finished."""
        self._open_spills.pop(spilled.medium_id, None)
        self._remove(spilled.fragments)

    @_in_turn
    def delete(self, medium_ids: Iterable[str]) -> int:
        """Delete media with their rows, in commits of their own; unknown ids are left out.

        The next run over their sources makes them again.

        Returns:
            How many media were deleted.
        """
        return sum(self._delete(part) for part in self._known(dict.fromkeys(medium_ids)))

    @_in_turn
    def relabel(self, changes: Mapping[str, LabelChange]) -> int:
        """Give media other labels and splits, in commits of their own; unknown ids are left out.

        Rows are copied with their vectors, bit for bit; nothing is computed.

        Args:
            changes: New `label`, new `split` or both for each id of a medium; what is left out stays.

        Returns:
            How many media have another label or split now.
        """
        return sum(self._relabel(part, changes) for part in self._known(changes))

    def _known(self, medium_ids: Iterable[str]) -> Iterator[Sequence[str]]:
        """Yield the ids of known media, as many at a time as one commit takes, with nothing gathered."""
        self._must_be_open()
        self.commit()
        known = [medium_id for medium_id in medium_ids if medium_id in self._finished]
        for start in range(0, len(known), self._rule.media):
            yield known[start : start + self._rule.media]

    def _delete(self, medium_ids: Sequence[str]) -> int:
        with self._failing():
            entries = self._entries_of(medium_ids)
            self._change_rows((), [m for m in medium_ids if self._finished.has_rows(m)])
            self._enter(deleted_entries(entries))
        self._maintain(at_end=False)
        return len(medium_ids)

    def _relabel(self, medium_ids: Sequence[str], changes: Mapping[str, LabelChange]) -> int:
        with self._failing():
            entries = self._entries_of(medium_ids)
            before = list(zip(entries["label"], entries["split"], strict=True))
            after = [
                (changes[m].get("label", label), changes[m].get("split", split))
                for m, (label, split) in zip(medium_ids, before, strict=True)
            ]
            kept = [i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
            if not kept:
                return 0
            named = {medium_ids[i]: after[i] for i in kept}
            entries = {name: [values[i] for i in kept] for name, values in entries.items()}
            with_rows = [m for m in named if self._finished.has_rows(m)]
            new = self._rows.write(self._relabelled(with_rows, named), self._schema) if with_rows else []
            self._change_rows(new, with_rows)
            labels, splits = zip(*named.values(), strict=True)
            self._enter(relabelled_entries(entries, labels, splits))
        self._maintain(at_end=False)
        return len(kept)

    def _relabelled(
        self, medium_ids: Sequence[str], named: Mapping[str, tuple[str | None, str | None]]
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of some media with other labels, in stored order."""
        listed = ", ".join(f"'{m}'" for m in medium_ids)
        fragments = self._places.fragments_of(self._rows.table, medium_ids)
        for batch in self._rows.table.scan(
            self._schema.names, where=f"medium_id IN ({listed})", batch_rows=1024, fragments=fragments
        ):
            said = [named[m] for m in batch.column("medium_id").to_pylist()]
            columns = dict(zip(self._schema.names, batch.columns, strict=True))
            columns["label"] = pa.array([label for label, _ in said], self._schema.field("label").type)
            columns["split"] = pa.array([split for _, split in said], self._schema.field("split").type)
            yield pa.RecordBatch.from_arrays(list(columns.values()), schema=self._schema)

    def _entries_of(self, medium_ids: Sequence[str]) -> Entries:
        """Return the newest entries of known media without what belongs to their commits."""
        places = [self._finished.place_of(m) for m in medium_ids]
        table = take_entries(self._ledger.table, [p for p in places if p is not None])
        names = [n for n in table.schema.names if n not in ("rows_version", "run", "commit", "checksum")]
        return {name: table.column(name).to_pylist() for name in names}

    @_in_turn
    def tick(self) -> None:
        """Commit if the oldest gathered medium has waited long enough; call it while nothing is added."""
        if self._gathered and time.monotonic() - self._gathered_since >= self._rule.seconds:
            self.commit()

    @_in_turn
    def commit(self) -> None:
        """Commit all gathered media now.

        Raises:
            StoreError: If the disk is full or may not be written. The writer cannot be used after that. The
                store holds all earlier commits, and the next writer removes what is unfinished.
        """
        self._must_be_open()
        if not self._gathered:
            return
        with self._failing():
            batch = list(self._gathered.values())
            self._commit_rows(batch)
            self._enter(media_entries([f.outcome for f in batch], self._hash))
        self._gathered, self._gathered_rows = {}, []
        self._gathered_bytes = 0
        self._maintain(at_end=False)

    @_in_turn
    def close(self) -> None:
        """Commit what is gathered, delete what is only spilled, and do maintenance if it is due."""
        if self._state != "open":
            return
        try:
            self.commit()
            for spilled in list(self._open_spills.values()):
                self.discard(spilled)
            self._maintain(at_end=True)
        finally:
            self._state = "closed"

    def _commit_rows(self, batch: Sequence[_Finished]) -> None:
        """Commit the rows, steps one and two: old ones out and new ones in, as one version of their table."""
        replaced = [m for m in self._gathered if self._finished.has_rows(m)]
        new = [f for b in batch if b.spilled for f in b.spilled.fragments]
        if self._gathered_rows:
            new += self._rows.write(self._gathered_rows, self._schema)
        self._change_rows(new, replaced)

    def _change_rows(self, new: Sequence[Fragment], replaced: Sequence[str]) -> None:
        """Commit new fragments, and delete the rows that some media had before."""
        if not new and not replaced:
            return
        checkpoint("rows.written")
        changed: list[Fragment] = []
        gone: list[int] = []
        if replaced:
            changed, gone = self._rows.delete_rows(self._places.take(self._rows.table, replaced))
        checkpoint("rows.deletions_written")
        self._rows.sync_data(new)
        checkpoint("rows.data_synced")
        self._rows.commit("rows.manifest", new, changed, gone)

    def _enter(self, entries: Entries) -> None:
        """Commit the entries that make the rows exist, steps three and four."""
        files = self._rows.take_sums() | {LEDGER: self._ledger.sum_of_data()}
        entered, sealed = seal(
            entries,
            self._seal,
            self._rows.table.version,
            files,
            run=self._run,
            run_text="" if self._run else self._run_text,
        )
        fragments = self._ledger.write([entered], LEDGER_SCHEMA)
        checkpoint("ledger.written")
        self._ledger.sync_data(fragments)
        checkpoint("ledger.data_synced")
        self._ledger.commit("ledger.manifest", fragments)
        self._seal = sealed
        if self._run_text and not self._run:
            self._run = sealed.commit
        self._finished.update(entered)
        self._since_maintenance += 1

    def _maintain(self, *, at_end: bool) -> None:
        if not maintenance.due(self._rows.table, self._since_maintenance, at_end=at_end):
            return
        with self._failing():
            rows = maintenance.compact(self._rows, "maintenance.rows", file_sums(self._ledger.table))
            ledger = maintenance.compact(self._ledger, "maintenance.ledger")
            said = "merged {} fragments of rows into {}, {} of the ledger into {}".format(*rows, *ledger)
            self._enter(maintenance_entry(said, self._hash))
            checkpoint("maintenance.entered")
            # The same rows under a second manifest: two versions must not depend on one file.
            self._rows.commit("maintenance.repeat", ())
            self._enter(maintenance_entry("removing older versions", self._hash))
            checkpoint("maintenance.confirmed")
            maintenance.clean(self._rows.table, self._ledger.table, self._info.readers, self.name)
        self._since_maintenance = 0

    def _checked(self, media: Sequence[tuple[str, int]], rows: pa.RecordBatch) -> pa.RecordBatch:
        """Check that rows are of these media, as many as said of each, and of this view, each once."""
        if rows.schema.names != self._schema.names or rows.schema.types != self._schema.types:
            raise ValueError(f"rows need the columns of row_schema(recipe), got {rows.schema}")
        rows = pa.RecordBatch.from_arrays(rows.columns, schema=self._schema)
        empty = [
            f.name for f, c in zip(self._schema, rows.columns, strict=True) if c.null_count and not f.nullable
        ]
        if empty:
            raise ValueError(f"rows without a value in {', '.join(empty)}")
        owners = [medium_id for medium_id, count in media for _ in range(count)]
        if rows.column("medium_id").to_pylist() != owners:
            raise ValueError(f"rows of other media than announced among those of {media[0][0]}")
        ordinals = rows.column("ordinal").to_pylist()
        expected = [f"{owner}:{ordinal}" for owner, ordinal in zip(owners, ordinals, strict=True)]
        if rows.column("key").to_pylist() != expected or len(set(expected)) != len(expected):
            raise ValueError(f"rows of {media[0][0]} need the keys MEDIUM_ID:ORDINAL, each once")
        return rows

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """After a failure inside this writer refuses to work; the next one recovers the view."""
        try:
            with explained(self._info.path):
                yield
        except BaseException:
            self._state = "failed"
            raise

    def _remove(self, fragments: Sequence[Fragment]) -> None:
        names = [n for f in fragments for n in f.files]
        self._rows.forget(names)
        for name in names:
            Path(self._rows.table.data, name).unlink(missing_ok=True)

    def _must_be_open(self) -> None:
        if self._state != "open":
            raise StoreError(
                f"the writer of the view {self.name!r} has {self._state}.",
                of=str(self._info.path),
                todo="Open the store again; all that was committed is kept.",
            )


DEFAULT_RULE: Final = CommitRule()
