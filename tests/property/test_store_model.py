"""Any sequence of adding, deleting, relabelling, committing, crashing and reopening equals a dictionary."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "store"))

from store_maker import bits, by_key, medium, outcome, recipe, rows_of

from vifex.store import CommitRule, Spilled, View, open_store, open_writer, row_schema
from vifex.store.commit import maintenance

MEDIA = st.integers(0, 5)
NEVER = CommitRule(media=1_000, seconds=1e9)


@contextmanager
def eager_maintenance() -> Iterator[None]:
    before = maintenance.EVERY_COMMITS, maintenance.AT_END_COMMITS
    maintenance.EVERY_COMMITS, maintenance.AT_END_COMMITS = 4, 2  # type: ignore[misc]
    try:
        yield
    finally:
        maintenance.EVERY_COMMITS, maintenance.AT_END_COMMITS = before  # type: ignore[misc]


class StoreIsADictionary(RuleBasedStateMachine):
    """The model: medium number -> (edition, rows, status, label). What was committed survives a crash."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        self.store = Path(self.folder.name, "s.vifex")
        self.committed: dict[int, tuple[int, int, str, str | None]] = {}
        self.gathered: dict[int, tuple[int, int, str, str | None]] = {}
        self.edition = 0
        self.readers: list[tuple[View, list[object]]] = []
        self.patch = eager_maintenance()
        self.patch.__enter__()

    @initialize()
    def start(self) -> None:
        self.writer = open_writer(self.store, rule=NEVER)
        self.view = self.writer.view("main", recipe())

    @rule(number=MEDIA, n=st.integers(0, 4), parts=st.integers(0, 2))
    def add(self, number: int, n: int, parts: int) -> None:
        if number in self.gathered:
            self.committed |= self.gathered  # one entry per medium in a commit: the writer commits first
            self.gathered = {}
        self.edition += 1
        what = medium(number, self.edition)
        spilled: Spilled | None = None
        for part in range(parts):
            spilled = self.view.spill(spilled, rows_of(what, 2, first=2 * part))
        total = n + 2 * parts
        status = "ok" if total else "failed"
        rows = rows_of(what, n, first=2 * parts) if n else None
        self.view.add(outcome(what, total, status), rows, spilled)  # type: ignore[arg-type]
        self.gathered[number] = (self.edition, total, status, None)

    @rule(number=MEDIA)
    def give_up(self, number: int) -> None:
        what = medium(number, 999)
        self.view.discard(self.view.spill(None, rows_of(what, 3)))

    @rule(numbers=st.sets(MEDIA))
    def delete(self, numbers: set[int]) -> None:
        self.view.delete(medium(n).medium_id for n in sorted(numbers))
        self.committed |= self.gathered  # the writer commits first
        self.gathered = {}
        for number in numbers:
            self.committed.pop(number, None)

    @rule(numbers=st.sets(MEDIA), label=st.sampled_from(["cat", "dog", None]))
    def relabel(self, numbers: set[int], label: str | None) -> None:
        self.view.relabel({medium(n).medium_id: {"label": label} for n in numbers})
        self.committed |= self.gathered
        self.gathered = {}
        self.committed |= {n: (*self.committed[n][:3], label) for n in numbers if n in self.committed}

    @rule()
    def commit(self) -> None:
        self.view.commit()
        self.committed |= self.gathered
        self.gathered = {}

    @rule()
    def close_and_reopen(self) -> None:
        self.writer.close()
        self.committed |= self.gathered
        self.gathered = {}
        self.start()

    @rule(spilling=st.booleans())
    def crash_and_reopen(self, spilling: bool) -> None:
        if spilling:
            self.view.spill(None, rows_of(medium(77), 2))
        self.writer._lock.free()  # nothing else of a dead process is left
        self.gathered = {}
        self.start()

    @precondition(lambda self: len(self.readers) < 2)
    @rule()
    def start_to_read(self) -> None:
        view = open_store(self.store).view()
        self.readers.append((view, bits(by_key(view.to_arrow()))))

    @precondition(lambda self: self.readers)
    @rule()
    def stop_to_read(self) -> None:
        view, before = self.readers.pop(0)
        assert bits(by_key(view.to_arrow())) == before
        view._store.close()

    @invariant()
    def equals_the_model(self) -> None:
        if not hasattr(self, "view"):
            return
        with open_store(self.store) as store:
            view = store.view()
            found = {
                int(e["name"][-9:-4]): (e["mtime_ns"], e["rows"], e["status"], e["label"])
                for e in view.ledger().to_pylist()
            }
            assert found == self.committed
            batches = [
                rows_of(replace(medium(i, edition), label=label), n)
                for i, (edition, n, _, label) in self.committed.items()
            ]
            expected = by_key(pa.Table.from_batches(batches, schema=row_schema(recipe())))
            assert bits(by_key(view.to_arrow())) == bits(expected)
            assert view.count_rows() == len(expected)
        assert {e.name: e.rows for e in self.view.finished().values()} == {
            medium(i).name: n for i, (_, n, _, _) in self.committed.items()
        }

    def teardown(self) -> None:
        for view, before in self.readers:
            assert bits(by_key(view.to_arrow())) == before
            view._store.close()
        self.writer.close()
        self.patch.__exit__(None, None, None)
        self.folder.cleanup()


TestStoreIsADictionary = StoreIsADictionary.TestCase
TestStoreIsADictionary.settings = settings(
    max_examples=20, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
