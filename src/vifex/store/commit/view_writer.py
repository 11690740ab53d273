"""The writer of one view: it gathers finished media until they fill a commit.

`vifex.store.commit.view_tables` commits them, first the rows, then the ledger.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import pyarrow as pa

from vifex.store.commit.changes import (
    CopiedMedium,
    LabelChange,
    MovedMedium,
    copy_media,
    delete_media,
    move_media,
    relabel_media,
)
from vifex.store.commit.indexing import Measure, drop_index, enter_facts, make_index
from vifex.store.commit.view_tables import ViewTables
from vifex.store.files.lance_adapter import Fragment, IndexPlan
from vifex.store.files.layout import StoreInfo, ViewPaths
from vifex.store.ledger.contents import KnownContents
from vifex.store.ledger.entries import take_entries
from vifex.store.ledger.finished import FinishedMedia
from vifex.store.outside import RowsPlace, WrittenRows
from vifex.store.schema import LedgerEntry, has_extra, media_entries, row_schema
from vifex.values import Outcome, Recipe
from vifex.values.machines import Machines

__all__ = ["DEFAULT_RULE", "CommitRule", "Spilled", "ViewWriter"]


@dataclass(frozen=True, slots=True)
class CommitRule:
    """When gathered media are committed: at the first of these limits."""

    media: int = 2048
    size_bytes: int = 64 << 20
    seconds: float = 5.0


DEFAULT_RULE: Final = CommitRule()


@dataclass(frozen=True, slots=True)
class Spilled:
    """Rows of one unfinished medium that are on disk and not committed."""

    medium_id: str
    rows: int
    fragments: tuple[Fragment, ...]


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
        self._rule = rule
        self._tables = ViewTables(info, paths, recipe, run)
        self._gathered: dict[str, _Finished] = {}
        self._gathered_rows: list[pa.RecordBatch] = []
        self._gathered_fragments: list[Fragment] = []
        self._gathered_bytes = 0
        self._gathered_since = 0.0
        self._open_spills: dict[str, Spilled] = {}
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
        return self._tables.finished

    @_in_turn
    def contents(self, whole_bytes: int) -> KnownContents:
        """Return an index of the committed media by what their files hold, as the ledger stands now.

        Args:
            whole_bytes: The content hash covers all bytes of a file of at most this size.
        """
        return KnownContents(self._tables.ledger.table, whole_bytes)

    @_in_turn
    def entries_at(self, places: Sequence[int]) -> list[LedgerEntry]:
        """Read the entries at these places of the ledger, in the order of `places`."""
        found = take_entries(self._tables.ledger.table, places)
        return [LedgerEntry(*entry.values()) for entry in found.to_pylist()]

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

    def place(self) -> RowsPlace:
        """Return where other processes may write rows of this view, for `add_written`."""
        return self._tables.place()

    @_in_turn
    def add_written(self, outcomes: Sequence[Outcome], written: WrittenRows) -> None:
        """Add finished media whose rows another process has written into the table.

        Args:
            outcomes: One for each medium, no medium twice.
            written: The rows of all of them, in the order of `outcomes`, each with `outcome.rows` rows.

        Raises:
            StoreError: As `add`.
            ValueError: As `add`.
        """
        announced = sum(o.rows for o in outcomes)
        if written.rows != announced:
            raise ValueError(f"{len(outcomes)} media: {announced} rows announced, {written.rows} written")
        self._tables.must_be_open()
        self._tables.rows.adopt(written.sums)
        self._gather([(o, o.rows) for o in outcomes], None, None, written)

    @_in_turn
    def spill_written(self, spilled: Spilled | None, medium_id: str, written: WrittenRows) -> Spilled:
        """Take rows of an unfinished medium that another process has written; return all of them so far."""
        self._tables.must_be_open()
        self._check_newest(spilled, medium_id)
        self._tables.rows.adopt(written.sums)
        return self._spilled(spilled, medium_id, written.rows, written.fragments)

    @_in_turn
    def take_back(self, written: WrittenRows) -> pa.RecordBatch:
        """Read rows that another process has written, and remove their files."""
        with self._tables.failing():
            rows = self._tables.rows.table.read_uncommitted(written.fragments)
            self._tables.remove(written.fragments)
        return rows

    def _gather(
        self,
        media: Sequence[tuple[Outcome, int]],
        rows: pa.RecordBatch | None,
        spilled: Spilled | None,
        written: WrittenRows | None = None,
    ) -> None:
        self._tables.must_be_open()
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
        if written is not None:
            self._gathered_fragments += written.fragments
            self._gathered_bytes += written.size_bytes
        if len(self._gathered) >= self._rule.media or self._gathered_bytes >= self._rule.size_bytes:
            self.commit()
        else:
            self.tick()

    @_in_turn
    def spill(self, spilled: Spilled | None, rows: pa.RecordBatch) -> Spilled:
        """Write rows of an unfinished medium, synced and uncommitted; return all of them so far."""
        self._tables.must_be_open()
        medium_id = spilled.medium_id if spilled else str(rows.column("medium_id")[0])
        rows = self._checked([(medium_id, rows.num_rows)], rows)
        self._check_newest(spilled, medium_id)
        with self._tables.failing():
            fragments = self._tables.write([rows], extra=has_extra(rows.schema))
            self._tables.rows.sync_data(fragments)
        return self._spilled(spilled, medium_id, rows.num_rows, fragments)

    def _spilled(
        self, spilled: Spilled | None, medium_id: str, rows: int, fragments: Iterable[Fragment]
    ) -> Spilled:
        before = spilled or Spilled(medium_id, 0, ())
        now = replace(before, rows=before.rows + rows, fragments=(*before.fragments, *fragments))
        self._open_spills[medium_id] = now
        return now

    def _check_newest(self, spilled: Spilled | None, medium_id: str) -> None:
        if self._open_spills.get(medium_id) != spilled:
            raise ValueError(f"{medium_id}: these are not its newest spilled rows")

    @_in_turn
    def discard(self, spilled: Spilled) -> None:
        """Delete spilled rows of a medium that will not be finished."""
        self._open_spills.pop(spilled.medium_id, None)
        self._tables.remove(spilled.fragments)

    @_in_turn
    def delete(self, medium_ids: Iterable[str]) -> int:
        """Delete media with their rows, in commits of their own; unknown ids are left out.

        The next run over their sources makes them again.

        Returns:
            How many media were deleted.
        """
        return sum(delete_media(self._tables, part) for part in self._known(dict.fromkeys(medium_ids)))

    @_in_turn
    def relabel(self, changes: Mapping[str, LabelChange]) -> int:
        """Give media other labels and splits, in commits of their own; unknown ids are left out.

        Rows are copied with their vectors, bit for bit; nothing is computed.

        Args:
            changes: New `label`, new `split` or both for each id of a medium; what is left out stays.

        Returns:
            How many media have another label or split now.
        """
        return sum(relabel_media(self._tables, part, changes) for part in self._known(changes))

    @_in_turn
    def move(self, moves: Mapping[str, MovedMedium]) -> int:
        """Give media other addresses, in commits of their own; unknown ids are left out.

        Rows are copied with their vectors, bit for bit; nothing is computed.

        Args:
            moves: The new place of each id of a medium. Its new id must be unknown to the view, or one that
                moves too in the same commit.

        Returns:
            How many media were moved.

        Raises:
            ValueError: If the view has a medium of one of the new ids.
        """
        taken = {one.medium_id for one in moves.values() if one.medium_id in self._tables.finished}
        if taken and (len(moves) > self._rule.media or taken - moves.keys()):
            raise ValueError("a medium cannot move to where another one is")
        return sum(move_media(self._tables, part, moves) for part in self._known(moves))

    @_in_turn
    def copy(self, copies: Mapping[str, CopiedMedium]) -> int:
        """Give new media the rows that known ones have, in commits of their own; unknown ids are left out.

        Rows are copied with their vectors, bit for bit; nothing is computed. New media have no extra columns.

        Args:
            copies: The new medium for each id of a known one, which stays as it is.

        Returns:
            How many media were copied.
        """
        return sum(copy_media(self._tables, part, copies) for part in self._known(copies))

    @contextlib.contextmanager
    def tables(self) -> Iterator[tuple[ViewTables, CommitRule]]:
        """Give the tables with nothing gathered, and the rule of commits, to one who commits by himself."""
        with self._turn:
            self._tables.must_be_open()
            self.commit()
            yield self._tables, self._rule

    @_in_turn
    def make_index(self, plan: IndexPlan, measure: Measure, machines: Machines | None = None) -> None:
        """Make an approximate index of a column, or a new one in its place, and commit what it measures to.

        Raises:
            StoreError: If that fails; the store holds all earlier commits.
        """
        self._tables.must_be_open()
        self.commit()
        make_index(self._tables, plan, measure, machines)

    @_in_turn
    def compact(self) -> int:
        """Merge all small fragments, drop deleted rows and remove old versions, if there is anything to do.

        Returns:
            How many old versions stay, because something still reads them.

        Raises:
            StoreError: If that fails; the store holds all earlier commits.
        """
        self._tables.must_be_open()
        self.commit()
        self._tables.compact()
        return self._tables.old_versions()[1]

    @_in_turn
    def remove_old_versions(self) -> None:
        """Remove the versions that no open reader reads, with the files that only they need."""
        self._tables.must_be_open()
        self.commit()
        self._tables.remove_old_versions()

    @_in_turn
    def measure_index(self, measure: Measure) -> None:
        """Commit what an index of the view measures to now."""
        self._tables.must_be_open()
        self.commit()
        enter_facts(self._tables, measure)

    @_in_turn
    def drop_index(self, name: str, facts: Mapping[str, Any]) -> bool:
        """Drop an approximate index; return whether there was one."""
        self._tables.must_be_open()
        self.commit()
        return drop_index(self._tables, name, facts)

    def _known(self, medium_ids: Iterable[str]) -> Iterator[Sequence[str]]:
        """Yield the ids of known media, as many at a time as one commit takes, with nothing gathered."""
        self._tables.must_be_open()
        self.commit()
        known = [medium_id for medium_id in medium_ids if medium_id in self._tables.finished]
        for start in range(0, len(known), self._rule.media):
            yield known[start : start + self._rule.media]

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
        self._tables.must_be_open()
        if not self._gathered:
            return
        with self._tables.failing():
            batch = list(self._gathered.values())
            self._commit_rows(batch)
            self._tables.enter(media_entries([f.outcome for f in batch], self._tables.recipe_hash))
        self._gathered, self._gathered_rows, self._gathered_fragments = {}, [], []
        self._gathered_bytes = 0
        self._tables.maintain(at_end=False)

    @_in_turn
    def close(self) -> None:
        """Commit what is gathered, delete what is only spilled, and do maintenance if it is due."""
        if self._tables.state != "open":
            return
        try:
            self.commit()
            for spilled in list(self._open_spills.values()):
                self.discard(spilled)
            self._tables.maintain(at_end=True)
        finally:
            self._tables.state = "closed"

    def _commit_rows(self, batch: Sequence[_Finished]) -> None:
        """Commit the rows, steps one and two: old ones out and new ones in, as one version of their table."""
        replaced = self._tables.with_rows(self._gathered)
        new = [f for b in batch if b.spilled for f in b.spilled.fragments]
        new += self._gathered_fragments
        if self._gathered_rows:
            extra = any(has_extra(rows.schema) for rows in self._gathered_rows)
            new += self._tables.write(self._gathered_rows, extra=extra)
        self._tables.change_rows(new, replaced)

    def _checked(self, media: Sequence[tuple[str, int]], rows: pa.RecordBatch) -> pa.RecordBatch:
        """Check that rows are of these media, as many as said of each, and of this view, each once."""
        schema = row_schema(self.recipe, extra=has_extra(rows.schema))
        if rows.schema.names != schema.names or rows.schema.types != schema.types:
            raise ValueError(f"rows need the columns of row_schema(recipe), got {rows.schema}")
        rows = pa.RecordBatch.from_arrays(rows.columns, schema=schema)
        columns = zip(schema, rows.columns, strict=True)
        empty = [field.name for field, column in columns if column.null_count and not field.nullable]
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
