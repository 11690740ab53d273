"""The coordinator of shards over another transport: shards that are threads, and do what a test says."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from vifex.extraction.pipeline.interfaces import RowWriter
from vifex.extraction.planning.view_plan import plan_view
from vifex.extraction.shards import assignments, seat
from vifex.extraction.shards.coordinator import ShardedPipeline
from vifex.extraction.shards.ipc import to_bytes
from vifex.extraction.shards.protocol import (
    Beat,
    Fault,
    FromShard,
    Give,
    HandedOver,
    NoMore,
    OutcomeColumns,
    Ready,
    ShardSetup,
    Stop,
    ToShard,
    Want,
)
from vifex.store import RowsPlace, ViewWriter, open_rows, open_store, open_writer, row_schema
from vifex.values import EngineError, Limits, Medium, Outcome

RECIPE = plan_view("main", "default", precision="fp32").recipe


def medium(number: int) -> Medium:
    return Medium(f"file:///m/{number:03d}", f"{number:03d}", "image", 10, 20)


class Media:
    """A queue of media that are all there."""

    is_resting = False

    def __init__(self, count: int) -> None:
        self._media = [medium(number) for number in range(count)]

    @property
    def is_over(self) -> bool:
        return not self._media

    def take(self, most: int, *, wait: bool = False) -> Sequence[Medium | Outcome]:
        taken, self._media = self._media[:most], self._media[most:]
        return taken

    def wake_with(self, wake: Callable[[], None]) -> None:
        pass


class ThreadShard:
    """A `ShardLink` to a thread."""

    lost_machine = False

    def __init__(self, program: Callable[[ThreadShard], None]) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._answers: queue.SimpleQueue[FromShard] = queue.SimpleQueue()
        self.inbox: queue.SimpleQueue[ToShard] = queue.SimpleQueue()
        self.is_killed = threading.Event()
        self._outbox: list[ToShard] = []
        self.how = "was killed"
        self._thread = threading.Thread(target=self._work, args=(program,), daemon=True)
        self._thread.start()

    def _work(self, program: Callable[[ThreadShard], None]) -> None:
        try:
            program(self)
        finally:
            self._theirs.close()

    # -- the shard's side

    def answer(self, message: FromShard) -> None:
        self._answers.put(message)
        with contextlib.suppress(OSError):
            self._theirs.send(b"x")

    # -- the coordinator's side

    @property
    def reads_from(self) -> int:
        return self._ours.fileno()

    @property
    def writes_to(self) -> int:
        return self._ours.fileno()

    def say(self, message: ToShard) -> None:
        self._outbox.append(message)

    def flush(self) -> bool:
        for message in self._outbox:
            self.inbox.put(message)
        self._outbox = []
        return False

    def listen(self) -> list[FromShard] | None:
        with contextlib.suppress(BlockingIOError):
            if not self._ours.recv(1):
                return None
            return [self._answers.get()]
        return []

    def kill(self) -> list[FromShard]:
        self.is_killed.set()
        self._thread.join(timeout=10)
        found = []
        while not self._answers.empty():
            found.append(self._answers.get())
        return found

    def died_by(self) -> str:
        return self.how

    def close(self) -> None:
        self._ours.close()


def hand_over(shard: ThreadShard, given: Sequence[Medium]) -> None:
    outcomes = [Outcome(one, "skipped", "It is for a test.") for one in given]
    shard.answer(HandedOver(0, OutcomeColumns.of(outcomes, [0.0] * len(outcomes)), None))


def hand_over_rows(shard: ThreadShard, given: Sequence[Medium], place: RowsPlace | None) -> None:
    """Hand over a row for each medium; they are written into the store where the place is known."""
    schema = row_schema(RECIPE)
    rows = pa.concat_batches([row_of(one, schema) for one in given])
    there = None if place is None else open_rows(place, schema)
    outcomes = [Outcome(one, "ok", rows=1) for one in given]
    columns = OutcomeColumns.of(outcomes, [0.0] * len(outcomes))
    shard.answer(HandedOver(0, columns, to_bytes(rows) if there is None else there.write([rows])))


def row_of(one: Medium, schema: pa.Schema) -> pa.RecordBatch:
    values = {
        "key": f"{one.medium_id}:0",
        "medium_id": one.medium_id,
        "uri": one.uri,
        "name": one.name,
        "ordinal": 0,
    }
    lists = [field for field in schema if pa.types.is_fixed_size_list(field.type)]
    values |= {field.name: [0.0] * field.type.list_size for field in lists}
    return pa.RecordBatch.from_arrays(
        [pa.array([values.get(field.name)], field.type) for field in schema], schema=schema
    )


def working(shard: ThreadShard, *, most: int = 1_000_000, counted: list[int] | None = None) -> None:
    """Hand over what comes, count it, and end by itself after `most` media."""
    shard.answer(Ready())
    shard.answer(Want(5, 2))
    done = 0
    while not shard.is_killed.is_set():
        with contextlib.suppress(queue.Empty):
            message = shard.inbox.get(timeout=0.05)
            if isinstance(message, NoMore | Stop):
                return
            assert isinstance(message, Give)
            if done + len(message.media) > most:
                return
            hand_over(shard, [given.medium for given in message.media])
            done += len(message.media)
            if counted is not None:
                counted.append(len(message.media))
            shard.answer(Want(5, 2))
        shard.answer(Beat())


def silent(shard: ThreadShard) -> None:
    """Take media, and say nothing more."""
    shard.answer(Ready())
    shard.answer(Want(5, 2))
    shard.is_killed.wait(30)


class Coordinated:
    """A run with such shards into a store."""

    def __init__(self, folder: Path, programs: Sequence[Sequence[Callable[[ThreadShard], None]]]) -> None:
        self._folder = folder
        self.programs = [list(seats) for seats in programs]
        self.place: RowsPlace | None = None
        self.started: list[ThreadShard] = []
        self.notices: list[str] = []
        self.outcomes: list[Outcome] = []
        self.pipeline: ShardedPipeline | None = None

    def run(
        self,
        count: int,
        wrapped: Callable[[ViewWriter], RowWriter] = lambda writer: writer,
        media: Media | None = None,
        *,
        doubles: bool = False,
    ) -> ShardedPipeline:
        schema = row_schema(RECIPE)
        setups = [ShardSetup((), 1, 1, Limits(), (schema,), (str(n),)) for n in range(len(self.programs))]
        with open_writer(self._folder / "s.vifex") as store:
            view = store.view("main", RECIPE)
            self.place = view.place()
            self.pipeline = ShardedPipeline(
                [(RECIPE, wrapped(view))],
                setups,
                on_outcome=self.outcomes.append,
                on_notice=self.notices.append,
                start=self._start,
                doubles=doubles,
            )
            self.pipeline.run(media or Media(count))
        return self.pipeline

    def _start(self, setup: ShardSetup) -> ThreadShard:
        programs = self.programs[int(setup.import_paths[0])]
        self.started.append(ThreadShard(programs.pop(0) if len(programs) > 1 else programs[0]))
        return self.started[-1]

    def ledger(self) -> list[str]:
        with open_store(self._folder / "s.vifex") as store:
            batches = list(store.view("main").ledger_batches(["name", "status"]))
            return sorted(f"{n} {s}" for b in batches for n, s in zip(*b.to_pydict().values(), strict=True))


def all_of(count: int, *, failed: Sequence[int] = ()) -> list[str]:
    return [f"{n:03d} {'failed' if n in failed else 'skipped'}" for n in range(count)]


def test_every_medium_is_committed_once_whoever_does_it(tmp_path: Path) -> None:
    run = Coordinated(tmp_path, [[working], [working], [working]])
    assert run.run(100).tally.finished == 100
    assert run.ledger() == all_of(100)
    assert len(run.started) == 3
    assert run.notices == []


def test_a_shard_that_ends_is_replaced(tmp_path: Path) -> None:
    has_ended = threading.Event()

    def ends(shard: ThreadShard) -> None:
        working(shard, most=10)
        has_ended.set()

    def waits_for_it(shard: ThreadShard) -> None:
        """The other shard must not finish all media before the first one ends."""
        has_ended.wait(30)
        working(shard)

    run = Coordinated(tmp_path, [[ends, working], [waits_for_it]])
    run.run(60)
    assert run.ledger() == all_of(60)
    assert len(run.started) == 3
    (notice,) = run.notices
    assert notice.startswith("Shard 1 of 2 was killed and was replaced; its ")


def test_a_shard_that_is_silent_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seat, "_SILENT_S", 2.0)
    run = Coordinated(tmp_path, [[silent, working]])
    run.run(12)
    assert run.ledger() == all_of(12)
    (notice,) = run.notices
    assert notice.startswith("Shard 1 of 1 gave no sign of life and was replaced; its 5 unfinished media")


def test_media_of_a_slow_machine_are_given_to_another_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assignments, "_PATIENCE_S", 0.5)

    def stuck(shard: ThreadShard) -> None:
        """Take media and go on with them for ever."""
        shard.answer(Ready())
        shard.answer(Want(5, 2))
        while not shard.is_killed.wait(0.05):
            shard.answer(Beat())

    run = Coordinated(tmp_path, [[stuck], [working]])
    run.run(40, doubles=True)
    assert run.ledger() == all_of(40)
    assert run.notices == []
    assert len(run.started) == 2


HandOver = Callable[["ThreadShard", Sequence[Medium]], None]


def late_and_helping(
    late_hands_over: HandOver, helping_hands_over: HandOver
) -> list[list[Callable[[ThreadShard], None]]]:
    """Give two shards: one hands over five media at once when the other has done two of them."""
    others_are_done = threading.Event()

    def late(shard: ThreadShard) -> None:
        shard.answer(Ready())
        shard.answer(Want(5, 2))
        given = shard.inbox.get(timeout=30)
        assert isinstance(given, Give)
        while not others_are_done.wait(0.05):
            shard.answer(Beat())
        late_hands_over(shard, [one.medium for one in given.media])
        shard.is_killed.wait(30)

    def helping(shard: ThreadShard) -> None:
        """Do all that is given, and stop after two of the other shard's media."""
        shard.answer(Ready())
        shard.answer(Want(5, 2))
        doubled = 0
        while not shard.is_killed.is_set() and doubled < 2:
            with contextlib.suppress(queue.Empty):
                message = shard.inbox.get(timeout=0.05)
                assert isinstance(message, Give)
                if message.media:
                    helping_hands_over(shard, [one.medium for one in message.media])
                doubled += len(message.media) == 1 and message.alone
                shard.answer(Want(5, 2))
            shard.answer(Beat())
        others_are_done.set()
        shard.is_killed.wait(30)

    return [[late], [helping]]


def test_the_first_answer_counts_and_the_second_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assignments, "_PATIENCE_S", 0.3)
    run = Coordinated(tmp_path, late_and_helping(hand_over, hand_over))
    assert run.run(20, doubles=True).tally.finished == 20
    assert run.ledger() == all_of(20)
    assert len(run.outcomes) == 20


def test_written_rows_count_once_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard writes the rows of five media into the store, and another one was faster with two of them."""
    monkeypatch.setattr(assignments, "_PATIENCE_S", 0.3)
    run = Coordinated(tmp_path, [])
    run.programs = late_and_helping(
        lambda shard, media: hand_over_rows(shard, media, run.place),
        lambda shard, media: hand_over_rows(shard, media, None),
    )
    assert run.run(20, doubles=True).tally.finished == 20
    with open_store(tmp_path / "s.vifex") as store:
        assert all(check.ok for check in store.verify())
        rows = store.view("main").to_arrow()
        assert sorted(rows.column("name").to_pylist()) == [f"{n:03d}" for n in range(20)]
    assert len(run.outcomes) == 0


def dying(shard: ThreadShard, *, of: Sequence[int] | None = None) -> None:
    """End at a medium, or at any."""
    shard.how = "crashed (SIGABRT)"
    shard.answer(Ready())
    shard.answer(Want(5, 2))
    while not shard.is_killed.is_set():
        with contextlib.suppress(queue.Empty):
            message = shard.inbox.get(timeout=0.05)
            if not isinstance(message, Give):
                return
            for given in message.media:
                if of is None or int(given.medium.name) in of:
                    return
                hand_over(shard, [given.medium])
            shard.answer(Want(5, 2))


def test_media_that_end_every_shard_fail_and_no_others(tmp_path: Path) -> None:
    run = Coordinated(tmp_path, [[lambda shard: dying(shard, of=(3, 17, 18))]] * 2)
    report = run.run(40)
    assert report.tally.by_status["failed"] == 3
    assert run.ledger() == all_of(40, failed=(3, 17, 18))
    assert {o.reason for o in run.outcomes if o.status == "failed"} == {
        "Each of 3 shards that worked on it ended; the last one crashed (SIGABRT). Try `retry_failed=True`."
    }


def test_where_every_medium_ends_its_shard_none_fails_and_the_run_ends(tmp_path: Path) -> None:
    run = Coordinated(tmp_path, [[dying]])
    with pytest.raises(EngineError, match=r"shard 1 of 1 does not work: it crashed \(SIGABRT\)"):
        run.run(40)
    assert run.ledger() == []
    assert len(run.started) <= 8


def test_shards_that_end_before_they_have_media_end_the_run(tmp_path: Path) -> None:
    run = Coordinated(tmp_path, [[lambda shard: None]])
    with pytest.raises(EngineError, match="shard 1 of 1 does not work"):
        run.run(40)
    assert len(run.started) == 3


def test_an_error_of_a_shard_ends_the_run(tmp_path: Path) -> None:
    def faulty(shard: ThreadShard) -> None:
        shard.answer(Fault(EngineError("the network does not compile.")))

    with pytest.raises(EngineError, match="does not compile"):
        Coordinated(tmp_path, [[faulty], [working]]).run(10)


def test_nothing_is_started_where_nothing_is_to_be_done(tmp_path: Path) -> None:
    Coordinated(tmp_path, [[working]]).run(10)
    again = Coordinated(tmp_path, [[working]])
    assert again.run(10).tally.already_done == 10
    assert again.started == []


class SlowWriter:
    """A writer whose first hand-over waits for the disk until it is let go."""

    def __init__(self, writer: ViewWriter, gate: threading.Event) -> None:
        self._writer, self._gate = writer, gate

    def __getattr__(self, name: str) -> Any:
        if name == "add_many":
            self._gate.wait(30)
        return getattr(self._writer, name)


def test_a_shard_cannot_outrun_the_committer(tmp_path: Path) -> None:
    """While commits wait, what a shard may hand over is what the queue of commits holds."""
    gate, handed_over = threading.Event(), list[int]()
    run = Coordinated(tmp_path, [[lambda shard: working(shard, counted=handed_over)]])

    def open_the_gate() -> None:
        until_s = time.monotonic() + 30
        while not handed_over and time.monotonic() < until_s:
            time.sleep(0.01)
        time.sleep(0.5)  # in which a shard that is not held back hands over everything
        handed_over.append(-sum(handed_over))
        gate.set()

    opening = threading.Thread(target=open_the_gate)
    opening.start()
    run.run(400, lambda writer: SlowWriter(writer, gate))
    opening.join()
    before = -next(count for count in handed_over if count < 0)
    assert 0 < before <= 60  # 5 at once, 10 calls that wait or are made, and those on their way
    assert run.ledger() == all_of(400)


class Interrupting(Media):
    """A queue in which Ctrl-C comes while a shard works on what it gave."""

    def __init__(self, count: int, is_at_work: threading.Event) -> None:
        super().__init__(count)
        self._is_at_work = is_at_work

    def take(self, most: int, *, wait: bool = False) -> Sequence[Medium | Outcome]:
        if len(self._media) > 20:
            return super().take(20)
        if self._is_at_work.is_set():
            raise KeyboardInterrupt
        return []


def test_an_interrupt_lets_shards_hand_over_what_is_finished(tmp_path: Path) -> None:
    is_at_work, finished = threading.Event(), threading.Event()

    def at_the_end(shard: ThreadShard) -> None:
        """Hand over only when it is told to stop, as a shard does with what waits to be handed over."""
        shard.answer(Ready())
        shard.answer(Want(30, 2))
        given: list[Medium] = []
        while not isinstance(message := shard.inbox.get(timeout=30), Stop):
            assert isinstance(message, Give)
            given += [one.medium for one in message.media]
            is_at_work.set()
        hand_over(shard, given)
        finished.set()

    run = Coordinated(tmp_path, [[at_the_end], [working]])
    with pytest.raises(KeyboardInterrupt):
        run.run(80, media=Interrupting(80, is_at_work))
    assert finished.is_set()
    assert run.pipeline is not None
    assert run.pipeline.is_committed
    assert len(run.ledger()) == run.pipeline.tally.finished > 0
