"""What a shard hands over: few rows travel, many are written where they belong."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from vifex.extraction.planning.view_plan import plan_view
from vifex.extraction.shards import hand_over
from vifex.extraction.shards.given_media import GivenMedia
from vifex.extraction.shards.hand_over import HandOverWriter, MediaSeconds
from vifex.extraction.shards.ipc import from_bytes
from vifex.extraction.shards.protocol import Give, Given, HandedOver, SpilledPart, Want
from vifex.store import ViewWriter, WrittenRows, open_rows, open_store, open_writer, row_schema
from vifex.values import Medium, Outcome

RECIPE = plan_view("main", "default", precision="fp32").recipe
SCHEMA = row_schema(RECIPE)


class Said:
    """A coordinator that keeps what a shard says."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def say(self, message: Any) -> None:
        self.messages.append(pickle.loads(pickle.dumps(message)))  # as it arrives


def medium(number: int) -> Medium:
    return Medium(f"file:///m/{number:03d}", f"{number:03d}", "image", 10, 20)


def rows_of(number: int, count: int = 1, first: int = 0) -> pa.RecordBatch:
    one = medium(number)
    values: dict[str, Any] = {
        "key": [f"{one.medium_id}:{i}" for i in range(first, first + count)],
        "medium_id": [one.medium_id] * count,
        "uri": [one.uri] * count,
        "name": [one.name] * count,
        "ordinal": list(range(first, first + count)),
    }
    arrays = []
    for field in SCHEMA:
        if pa.types.is_fixed_size_list(field.type):
            numbers = np.full(count * field.type.list_size, number, np.float32)
            arrays.append(pa.FixedSizeListArray.from_arrays(pa.array(numbers), field.type.list_size))
        else:
            arrays.append(pa.array(values.get(field.name, [None] * count), field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


@pytest.fixture
def view(tmp_path: Path) -> Iterator[ViewWriter]:
    with open_writer(tmp_path / "s.vifex") as writer:
        yield writer.view("main", RECIPE)


class Shard:
    """The end of a shard that hands over."""

    def __init__(self, view: ViewWriter | None, *, alone: bool = False) -> None:
        self.said = Said()
        media = GivenMedia(self.said, lambda: (1, 1), lambda: None)
        media.give(Give(tuple(Given(medium(n), (0,)) for n in range(20)), alone=alone))
        media.take(20)
        table = None if view is None else open_rows(view.place(), SCHEMA)
        assert (table is None) == (view is None)
        self.writer = HandOverWriter(0, self.said, media, MediaSeconds(), table)

    def finish(self, *numbers: int) -> None:
        outcomes = [Outcome(medium(n), "ok", rows=1) for n in numbers]
        self.writer.add_many(outcomes, pa.concat_batches([rows_of(n) for n in numbers]))

    @property
    def handed(self) -> list[HandedOver]:
        return [message for message in self.said.messages if isinstance(message, HandedOver)]


def test_without_a_table_all_travels_at_once() -> None:
    shard = Shard(None)
    shard.finish(0, 1)
    (handed,) = shard.handed
    assert from_bytes(handed.rows).num_rows == 2  # type: ignore[arg-type]


def test_few_rows_travel_together_after_a_while(view: ViewWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    shard = Shard(view)
    shard.finish(0, 1)
    shard.finish(2)
    shard.writer.tick()
    assert shard.handed == []
    monkeypatch.setattr(hand_over, "_GATHERED_S", 0.0)
    shard.writer.tick()
    (handed,) = shard.handed
    assert isinstance(handed.rows, bytes)
    assert from_bytes(handed.rows).equals(pa.concat_batches([rows_of(n) for n in range(3)]))
    shard.writer.tick()
    shard.writer.commit()
    assert len(shard.handed) == 1


def test_what_the_coordinator_waits_for_does_not_wait(view: ViewWriter) -> None:
    shard = Shard(view, alone=True)
    shard.finish(0)
    shard.writer.tick()
    assert len(shard.handed) == 1


def test_many_rows_are_written_where_they_belong(
    view: ViewWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hand_over, "_WORTH_BYTES", 2.5 * rows_of(0).nbytes)
    monkeypatch.setattr(hand_over, "_FRAGMENT_BYTES", 3.5 * rows_of(0).nbytes)
    shard = Shard(view)
    shard.finish(0, 1)
    shard.finish(2, 3)  # a fragment is full
    shard.finish(4)
    shard.writer.commit()
    full, rest = shard.handed
    assert isinstance(full.rows, WrittenRows)
    assert isinstance(rest.rows, bytes)
    view.add_written([Outcome(medium(n), "ok", rows=1) for n in range(4)], full.rows)
    view.add_many([Outcome(medium(4), "ok", rows=1)], from_bytes(rest.rows))
    view.commit()
    with open_store(tmp_path / "s.vifex") as opened:
        found = opened.view("main").to_arrow()
        assert sorted(found.column("name").to_pylist()) == [f"{n:03d}" for n in range(5)]


def test_rows_of_other_columns_do_not_wait_together(view: ViewWriter) -> None:
    shard = Shard(view)
    shard.finish(0)
    field = pa.field("more", pa.string())
    more = pa.RecordBatch.from_arrays([*rows_of(1).columns, pa.array(["x"])], schema=SCHEMA.append(field))
    shard.writer.add_many([Outcome(medium(1), "ok", rows=1)], more)
    shard.writer.commit()
    assert [from_bytes(one.rows).num_columns for one in shard.handed] == [  # type: ignore[arg-type]
        len(SCHEMA),
        len(SCHEMA) + 1,
    ]


def test_outcomes_without_rows_need_no_fragment(view: ViewWriter) -> None:
    shard = Shard(view)
    shard.writer.add_many([Outcome(medium(0), "failed", "It is for a test.")])
    shard.writer.commit()
    (handed,) = shard.handed
    assert handed.rows is None


@pytest.mark.parametrize("parts", [[8, 2, 1], [2, 2, 1], [2, 8, 8]])
def test_parts_of_a_medium(
    view: ViewWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: list[int]
) -> None:
    """Large ones are written where they belong, small ones wait for more, and all come in order."""
    monkeypatch.setattr(hand_over, "_WORTH_BYTES", 4 * rows_of(0).nbytes)
    monkeypatch.setattr(hand_over, "_PART_BYTES", 6 * rows_of(0).nbytes)
    firsts = [sum(parts[:n]) for n in range(3)]
    batches = [rows_of(0, count, first) for count, first in zip(parts, firsts, strict=True)]
    shard, there = Shard(view), None
    for batch in batches[:2]:
        there = shard.writer.spill(there, batch)
    shard.writer.add(Outcome(medium(0), "ok", rows=sum(parts)), batches[2], there)
    shard.writer.commit()
    said = [message for message in shard.said.messages if isinstance(message, SpilledPart)]
    assert len(said) == (max(parts) >= 6)
    assert all(isinstance(one.rows, WrittenRows) for one in said)
    (handed,) = shard.handed
    assert handed.has_spilled == bool(said)
    spilled = None
    for one in said:
        assert isinstance(one.rows, WrittenRows)
        spilled = view.spill_written(spilled, one.medium_id, one.rows)
    outcome = Outcome(medium(0), "ok", rows=sum(parts))
    if isinstance(handed.rows, WrittenRows):  # all of it, in one fragment
        view.add_written([outcome], handed.rows)
    else:
        assert handed.rows is not None
        view.add(outcome, from_bytes(handed.rows), spilled)
    view.commit()
    with open_store(tmp_path / "s.vifex") as opened:
        assert opened.view("main").to_arrow().sort_by("ordinal").column("key").to_pylist() == [
            f"{medium(0).medium_id}:{i}" for i in range(sum(parts))
        ]


def test_what_is_discarded_before_it_is_handed_over_is_not_mentioned(view: ViewWriter) -> None:
    shard = Shard(view)
    shard.writer.discard(shard.writer.spill(None, rows_of(0, 2)))
    assert not [message for message in shard.said.messages if not isinstance(message, Want)]
