"""The arrays about many media: they answer as dictionaries do, and hold no object for a medium."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from store_maker import feed, medium, outcome, recipe, wanted

from vifex.derived.sources import SourceView
from vifex.store import CommitRule, MediaIndex, MediumIds, View, open_store, open_writer
from vifex.store.reading.row_counts import RowCounts

MANY = 20_000
COMMIT = 500


@pytest.fixture
def view(folder: Path) -> View:
    """Media of several editions, some spilled in parts, some failed, one deleted."""
    with open_writer(folder / "a.vifex", rule=CommitRule(media=7)) as writer:
        written = writer.view("main", recipe())
        feed(written, wanted(60))
        written.delete([medium(9).medium_id])
    return open_store(folder / "a.vifex").view()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> View:
    folder = tmp_path_factory.mktemp("many") / "a.vifex"
    with open_writer(folder, rule=CommitRule(media=COMMIT)) as writer:
        written = writer.view("main", recipe())
        for start in range(0, MANY, COMMIT):
            written.add_many([outcome(medium(n), 0, "failed") for n in range(start, start + COMMIT)])
    return open_store(folder).view()


def test_the_index_says_what_ledger_and_rows_say(view: View) -> None:
    index, entries = MediaIndex(view), view.ledger().to_pylist()
    places: dict[str, list[int]] = {}
    for place, medium_id in enumerate(view.to_arrow(["medium_id"]).column(0).to_pylist()):
        places.setdefault(medium_id, []).append(place)
    assert len(index) == len(entries) == view.count_media() == 59
    for entry in entries:
        known = index[entry["medium_id"]]
        assert (known.status, known.reason, known.rows, known.commit) == (
            entry["status"],
            entry["reason"],
            entry["rows"],
            entry["commit"],
        )
        assert index.places(entry["medium_id"]).tolist() == places.get(entry["medium_id"], [])
    assert sum(map(len, places.values())) == sum(entry["rows"] for entry in entries)


def test_what_the_view_does_not_have_is_not_found(view: View) -> None:
    index, ids = MediaIndex(view), view.medium_ids()
    for missing in (medium(9).medium_id, medium(999).medium_id, "no id", ""):
        assert index.find(missing) is None
        assert index.places(missing).tolist() == []
        assert missing not in ids
        with pytest.raises(KeyError):
            index[missing]


def test_ids_have_the_places_of_the_ledger(view: View) -> None:
    listed = view.ledger(columns=["medium_id"]).column(0).to_pylist()
    ids = view.medium_ids()
    assert [ids.place_of(medium_id) for medium_id in listed] == list(range(len(listed)))
    asked = pa.array([listed[5], "AB" * 16, medium(9).medium_id, listed[0]])
    assert ids.places_of(asked).tolist() == [5, -1, -1, 0]
    assert ids.nbytes == 20 * len(listed)


def test_ids_with_equal_upper_halves_are_kept_apart() -> None:
    listed = ["0" * 16 + f"{n:016x}" for n in (7, 2, 9)] + ["f" * 32]
    ids = MediumIds.of([pa.array(listed[:1]), pa.array(listed[1:])], 4)
    assert ids.places_of(pa.array(listed[::-1])).tolist() == [3, 2, 1, 0]
    assert [ids.place_of(medium_id) for medium_id in listed] == [0, 1, 2, 3]
    assert "0" * 32 not in ids


def test_an_empty_view_has_an_index(folder: Path) -> None:
    with open_writer(folder / "a.vifex") as writer:
        writer.view("main", recipe())
    view = open_store(folder / "a.vifex").view()
    assert len(MediaIndex(view)) == 0
    assert MediaIndex(view).find(medium(1).medium_id) is None


def source(view: View) -> SourceView:
    return SourceView(view, view.columns[0])


@pytest.mark.parametrize("build", [MediaIndex, View.medium_ids, View.verify, source])
def test_no_object_is_held_for_a_medium(build: Callable[[View], object], many: View) -> None:
    """The text of an id takes 81 bytes in Python, a dictionary's place for it about 100."""
    build(many)  # what is made once
    tracemalloc.start()
    try:
        kept = build(many)
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept is not None
    assert held < 64 * MANY
    assert most < 140 * MANY


def test_counts_of_rows_are_compared_with_the_ledger(view: View) -> None:
    """Rows that are missing, that come twice, and that are of no medium of the ledger."""
    rows = view.to_arrow(["medium_id"]).column(0).combine_chunks()
    first = view.ledger(where=f"medium_id = '{rows[0].as_py()}'").column("name")[0].as_py()

    def counted(*parts: pa.Array) -> tuple[list[str], bool]:
        counts = RowCounts(view._head.ledger)
        for part in parts:
            counts.add(part)
        return counts.names_of_wrong(), counts.has_foreign_rows

    assert counted(rows) == ([], False)
    assert counted(rows[:10], rows[10:], rows[:1]) == ([first], False)
    assert counted(rows[1:]) == ([first], False)
    assert counted(rows, pa.array([medium(9).medium_id])) == ([], True)
    assert counted(rows, pa.array(["damaged"])) == ([], True)
