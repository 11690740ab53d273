"""The index of finished media answers as a dictionary of the newest entries does, in 40 bytes a medium."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from store_maker import medium, outcome

from vifex.store.files.faults import BrokenTableError
from vifex.store.files.lance_adapter import Table
from vifex.store.ledger import finished
from vifex.store.ledger.entries import last_of_each
from vifex.store.ledger.finished import FinishedMedia
from vifex.store.ledger.identities import (
    are_hex,
    find_lanes,
    hash_text,
    hash_texts,
    hex_lanes,
    lanes_of,
    mix,
    mix_lanes,
)
from vifex.store.ledger.sealing import FIRST, Seal, seal
from vifex.store.schema import LEDGER_SCHEMA, deleted_entries, media_entries
from vifex.values import Box, Medium, Span


def variants(number: int) -> list[Medium]:
    what = medium(number)
    return [
        what,
        replace(what, mtime_ns=1),
        replace(what, size_bytes=1001),
        replace(what, mtime_ns=1, size_bytes=1001),
        replace(what, boxes=(Box(0, 0, 2, 2),)),
        replace(what, boxes=(Box(0, 0, 2, 3),)),
    ]


@pytest.mark.parametrize("recent", [1, 7, 10_000])
def test_it_answers_as_a_dictionary_does(
    recent: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any number of runs, entries that replace each other, and deletions."""
    monkeypatch.setattr(finished, "_RECENT", recent)
    chance = random.Random(recent)
    table, last = Table.create(tmp_path / "l", LEDGER_SCHEMA), Seal(0, FIRST, 0)
    index = FinishedMedia(lambda: table)
    known: dict[str, tuple[Medium, int, str]] = {}
    for step in range(40):
        numbers = chance.sample(range(60), 5)
        media = [chance.choice(variants(n)) for n in numbers]
        outcomes = [outcome(m, k, "ok" if k else "failed") for k, m in enumerate(media)]
        entries = media_entries(outcomes, "r")
        gone = step % 4 == 3
        batch, last = seal(deleted_entries(entries) if gone else entries, last, 1)
        table = table.commit(table.write([batch], LEDGER_SCHEMA))
        index.update(batch)
        for o in outcomes:
            known.pop(o.medium.medium_id, None)
            if not gone:
                known[o.medium.medium_id] = (o.medium, o.rows, o.status)
    for each in (index, FinishedMedia(lambda: table)):
        assert set(each) == known.keys()
        assert list(each) == list(known)
        assert len(each) == len(known)
        for number in range(60):
            for what in variants(number):
                entry = known.get(what.medium_id)
                same = entry is not None and replace(entry[0], name=what.name) == what
                assert each.status_of(what, "r") == (entry[2] if entry and same else None)
                assert each.status_of(what, "other") is None
                assert each.has_rows(what.medium_id) == bool(entry and entry[1])
        ids = [medium(n).medium_id for n in range(60)]
        assert each.with_rows(ids) == [i for i in ids if i in known and known[i][1]]
        for medium_id, (what, rows, _) in known.items():
            assert (each[medium_id].mtime_ns, each[medium_id].rows) == (what.mtime_ns, rows)


def test_it_takes_at_most_40_bytes_a_medium(tmp_path: Path) -> None:
    outcomes = [outcome(medium(n), 1) for n in range(500)]
    batch, _ = seal(media_entries(outcomes, "r"), Seal(0, FIRST, 0), 1)
    table = Table.create(tmp_path / "l", LEDGER_SCHEMA)
    table = table.commit(table.write([batch], LEDGER_SCHEMA))
    assert FinishedMedia(lambda: table).nbytes == 500 * 40


def test_labels_are_compared_where_the_medium_states_them(tmp_path: Path) -> None:
    what = replace(medium(2), label="cat", split="train")
    batch, _ = seal(media_entries([outcome(what, 1)], "r"), Seal(0, FIRST, 0), 1)
    table = Table.create(tmp_path / "l", LEDGER_SCHEMA)
    index = FinishedMedia(lambda: table)
    index.update(batch)
    for label, split, same in [
        ("cat", "train", True),
        (None, None, True),
        ("cat", None, True),
        ("dog", None, False),
        (None, "val", False),
        ("train", "cat", False),
    ]:
        asked = replace(what, label=label, split=split)
        assert index.has_labels_of(asked) is same
        assert index.status_of(asked, "r") == "ok", "labels are no reason to compute anything"
    assert index.has_labels_of(medium(9))


def test_a_span_is_another_medium() -> None:
    assert replace(medium(1), span=Span(0.0, 1.0)).medium_id != medium(1).medium_id


def test_arrays_and_single_values_are_hashed_alike() -> None:
    texts = ["", "ok", "0" * 32, "1:" + "ab" * 16, "ab" * 16, "AB" * 16, None, "ü" * 32]
    for kind in (pa.string(), pa.large_string()):
        assert hash_texts(pa.array(texts, kind)).tolist() == [hash_text(t) for t in texts]
        many = [f"{i:032x}" for i in range(2000)]
        assert hash_texts(pa.array(many, kind)).tolist() == [hash_text(t) for t in many]
        high, low = hex_lanes(pa.array(["f" * 32, *many], kind).slice(1))
        assert list(zip(high.tolist(), low.tolist(), strict=True)) == [lanes_of(t) for t in many]
    numbers = [0, 1, 2**63, 2**64 - 1, 12345678901234567890]
    lanes = np.array(numbers, np.uint64)
    for state in numbers:
        states = np.full(len(numbers), state, np.uint64)
        assert mix_lanes(states, lanes).tolist() == [mix(state, value) for value in numbers]


def test_damaged_ids_are_told() -> None:
    texts = pa.array(["ab" * 16, "AB" * 16, "ab", "g" * 32, None])
    assert are_hex(texts).tolist() == [True, False, False, False, False]
    with pytest.raises(BrokenTableError, match="not what was written"):
        hex_lanes(texts)


def test_a_damaged_id_may_be_no_utf_8() -> None:
    data = pa.array([b"\xff" * 32, b"ab" * 16], pa.binary())
    texts = pa.StringArray.from_buffers(2, *data.buffers()[1:])
    assert are_hex(texts).tolist() == [False, True]


def test_numbers_are_found_among_many() -> None:
    """Also where upper halves are equal, and where none are known."""
    high, low = np.array([1, 5, 5, 5, 9], np.uint64), np.array([3, 7, 2, 8, 4], np.uint64)
    wanted = [(5, 8), (5, 7), (5, 1), (9, 4), (9, 5), (10, 4), (0, 3), (1, 3)]
    asked = [np.array(half, np.uint64) for half in zip(*wanted, strict=True)]
    assert find_lanes(high, low, *asked).tolist() == [3, 1, -1, 4, -1, -1, -1, 0]
    assert find_lanes(high[:0], low[:0], *asked).tolist() == [-1] * len(wanted)


def test_the_last_of_each_number_where_upper_halves_are_equal() -> None:
    high = np.array([5, 5, 5, 1, 5, 1], np.uint64)
    low = np.array([7, 9, 7, 0, 9, 0], np.uint64)
    assert last_of_each(high, low).tolist() == [5, 2, 4]
