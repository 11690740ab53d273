"""Opening to write, views and recipes, what add takes and refuses, and when it commits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest
from store_maker import assert_whole, bits, expected, medium, outcome, recipe, rows_of, wide_recipe

import vifex
from vifex.store import CommitRule, open_store, open_writer
from vifex.values import InputError, StoreError

OPEN = """
import sys
from vifex.store import open_writer
from vifex.values import StoreError
try:
    open_writer(sys.argv[1])
except StoreError as error:
    print(error)
"""


def test_a_store_is_a_folder_with_an_id(tmp_path: Path) -> None:
    store = tmp_path / "new" / "s.vifex"
    with open_writer(str(store)) as writer:
        first = writer.id
    with open_writer(store) as writer:
        assert writer.id == first
    with open_store(str(store)) as read:
        assert read.id == first
        assert read.views() == []
    data = json.loads((store / "STORE.json").read_text())
    assert data == {"vifex_store": 2, "id": first}


def test_a_second_writer_gets_one_sentence(tmp_path: Path) -> None:
    store = tmp_path / "s.vifex"
    with open_writer(store):
        with pytest.raises(StoreError) as here:
            open_writer(store)
        there = subprocess.run(
            [sys.executable, "-c", OPEN, str(store)], capture_output=True, text=True, check=True
        ).stdout.strip()
    assert str(here.value) == there
    assert f"another process (pid {os.getpid()} on " in there
    assert "is writing to this store. Wait for it to end, or choose another store" in there
    open_writer(store).close()


def test_folders_that_are_no_store(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    with pytest.raises(StoreError, match=r"no store, and it is not empty \(it holds 'a.jpg'\)"):
        open_writer(tmp_path / "photos")
    assert [p.name for p in (tmp_path / "photos").iterdir()] == ["a.jpg"]
    with pytest.raises(StoreError, match="this is a file, and a store is a folder"):
        open_writer(tmp_path / "photos" / "a.jpg")
    (tmp_path / "empty").mkdir()
    open_writer(tmp_path / "empty").close()
    # A writer that died before STORE.json was there left no more than its lock.
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "LOCK").touch()
    open_writer(tmp_path / "begun").close()


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    store = tmp_path / "s.vifex"
    open_writer(store).close()
    (store / "STORE.json").write_text('{"vifex_store": 3, "id": "x"}')
    for opener in (open_store, open_writer):
        with pytest.raises(StoreError, match=r"format 3, and this Vifex reads up to 2\. Update Vifex"):
            opener(store)


@pytest.mark.skipif(os.name == "nt", reason="names of Windows are text")
def test_a_path_that_is_no_text(tmp_path: Path) -> None:
    store = os.fsencode(tmp_path) + b"/\xff.vifex"
    for opener in (open_store, open_writer):
        with pytest.raises(StoreError, match=r"must be text.*Choose another path"):
            opener(os.fsdecode(store))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize("name", ["a\nb.vifex", "a\tb.vifex", "\x1b[31m.vifex", "new/\x7f/s.vifex", "a\r"])
def test_a_path_with_control_characters(name: str, tmp_path: Path) -> None:
    for opener in (open_store, open_writer):
        with pytest.raises(StoreError, match="no line breaks and no other control characters") as wrong:
            opener(tmp_path / name)
        assert str(wrong.value).isprintable()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "address",
    [
        "gs://b/x.vifex",
        "http://h/x",
        "https://h/x",
        "az://c/x",
        "hf://a/b",
        "abfss://c@a/x",
    ],
)
def test_a_remote_address_makes_no_local_folder(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for opener in (open_store, open_writer):
        for given in (address, Path(address)):
            with pytest.raises(StoreError, match="a store cannot lie at an address of"):
                opener(given)
    for given in ("s3://bucket/x", Path("S3://bucket/x")):
        with pytest.raises(StoreError, match=r"not possible yet .*aws s3 sync s3://bucket/x NAME"):
            open_writer(given)
    with pytest.raises(StoreError, match="named by its path, not by an address"):
        open_writer("file:///tmp/x.vifex")
    assert not list(tmp_path.iterdir())


def test_a_name_that_only_looks_like_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a:b.vifex", "run 10:30.vifex", "x/s3:y"):
        open_writer(name).close()
        open_store(name).close()
    # A folder that an earlier version made is still read.
    Path("s3:").mkdir()
    Path("x/s3:y").rename("s3:/y")
    open_store("s3://y").close()


def test_a_path_that_no_folder_can_have(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="a file stands on the way to it"):
        open_writer(tmp_path / "file" / "s.vifex")
    with pytest.raises(StoreError, match="a name in the path is too long"):
        open_writer(tmp_path / ("x" * 300))


@pytest.mark.parametrize("name", ["main", "dinov2/vit b14", "a%b", ".hidden", "日本", "c:\\x", "..", "x."])
def test_a_view_may_have_any_name(name: str, tmp_path: Path) -> None:
    store = tmp_path / "we ird %41 #x?y ü.vifex"
    with open_writer(store) as writer:
        view = writer.view(name, recipe())
        view.add(outcome(medium(1), 2), rows_of(medium(1), 2))
    with open_store(store) as read:
        assert read.views() == [name]
        assert read.view(name).count_rows() == 2
    assert len(list((store / "views").iterdir())) == 1


@pytest.mark.parametrize("name", ["", "x" * 300])
def test_but_not_none(name: str, tmp_path: Path) -> None:
    with open_writer(tmp_path / "s") as writer, pytest.raises(InputError, match="a view cannot be named"):
        writer.view(name, recipe())


def test_another_recipe_is_refused_with_the_difference(tmp_path: Path) -> None:
    store = tmp_path / "s.vifex"
    with open_writer(store) as writer:
        writer.view("main", recipe())
    with open_writer(store) as writer:
        with pytest.raises(StoreError) as refused:
            writer.view("main", recipe(precision="bf16"))
        assert str(refused.value) == (
            f'{store}: the view \'main\' was made by another recipe (then, now): precision: "fp32", "bf16". '
            "Take another view: `view=NAME` (taken: main)."
        )
        writer.view("other", recipe(precision="bf16"))
        writer.view("main", recipe())
        with pytest.raises(ValueError, match="open already"):
            writer.view("main", recipe())


def test_commits_come_by_count_bytes_and_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("vifex.store.commit.view_writer.time.monotonic", lambda: now[0])
    rule = CommitRule(media=3, size_bytes=40_000, seconds=5.0)
    of = wide_recipe(512)
    with open_writer(tmp_path / "s.vifex", rule=rule) as writer:
        view = writer.view("main", of)

        def add(number: int, n: int) -> int:
            view.add(outcome(medium(number), n), rows_of(medium(number), n, of))
            return len(view.finished())

        assert [add(i, 1) for i in (0, 1, 2)] == [0, 0, 3]
        assert [add(3, 1), add(4, 20)] == [3, 5]  # 20 rows of 2 KiB
        assert add(5, 1) == 5
        now[0] += 4.9
        view.tick()
        assert len(view.finished()) == 5
        now[0] += 0.2
        view.tick()
        assert len(view.finished()) == 6
        view.tick()
        assert add(6, 1) == 6
        view.add(outcome(medium(6, 1), 0, "failed"))  # again: the first is committed before
        assert len(view.finished()) == 7
        assert view.finished()[medium(6).medium_id].status == "ok"
        assert view.finished().status_of(medium(6), of.hash) == "ok"
        assert view.finished().status_of(medium(6), "another recipe") is None
        assert view.finished().status_of(medium(6, 1), of.hash) is None  # it was edited since
        assert view.finished().status_of(medium(7), of.hash) is None
        for number in range(6):
            assert view.finished()[medium(number).medium_id].matches(medium(number), of.hash)
            assert view.finished().status_of(medium(number), of.hash) == "ok"
    with open_store(tmp_path / "s.vifex") as read:
        entries = {e["name"]: e for e in read.view().ledger().to_pylist()}
        assert entries[medium(6).name]["status"] == "failed"
        assert read.view().count_rows() == 25


def test_every_entry_names_its_run(tmp_path: Path) -> None:
    before_s = time.time()
    with open_writer(tmp_path / "s.vifex", run='{"av": "18.1"}') as writer:
        view = writer.view("main", recipe())
        view.add(outcome(medium(1), 2, "partial"), rows_of(medium(1), 2))
    with open_store(tmp_path / "s.vifex") as read:
        history = read.view().ledger(history=True).to_pylist()
        assert [e["run"] for e in history] == [1] * 6
        (time_entry,) = [json.loads(e["reason"]) for e in history if e["kind"] == "time"]
        assert before_s <= time_entry["unix_s"] + 0.001 <= time.time() + 0.002
        assert [e["reason"] for e in history if e["kind"] == "run"] == ['{"av": "18.1"}']
        assert read.view().runs() == {1: '{"av": "18.1"}'}
        made = next(e for e in history if e["kind"] == "medium")
        assert made["reason"] == "it is partial"
        assert made["wall_s"] == 0.25


def test_many_media_at_once_are_as_one_by_one(tmp_path: Path) -> None:
    """The same rows and entries; a medium without rows may stand among them."""
    media = [medium(i) for i in range(4)]
    counts = [3, 0, 1, 2]
    parts = [rows_of(m, n) for m, n in zip(media, counts, strict=True) if n]
    together = pa.Table.from_batches(parts).combine_chunks().to_batches()[0]
    outcomes = [outcome(m, n, "ok" if n else "failed") for m, n in zip(media, counts, strict=True)]
    with open_writer(tmp_path / "a.vifex") as writer:
        writer.view("main", recipe()).add_many(outcomes, together)
    with open_writer(tmp_path / "b.vifex") as writer:
        view = writer.view("main", recipe())
        for o, m, n in zip(outcomes, media, counts, strict=True):
            view.add(o, rows_of(m, n) if n else None)
    with open_store(tmp_path / "a.vifex") as a, open_store(tmp_path / "b.vifex") as b:
        assert a.view().to_arrow().equals(b.view().to_arrow())
        columns = ["name", "status", "rows"]
        assert a.view().ledger().select(columns).equals(b.view().ledger().select(columns))


def test_many_media_at_once_are_checked(tmp_path: Path) -> None:
    with open_writer(tmp_path / "s.vifex") as writer:
        view = writer.view("main", recipe())
        with pytest.raises(ValueError, match="4 rows announced, 3 given"):
            view.add_many([outcome(medium(1), 3), outcome(medium(2), 1)], rows_of(medium(1), 3))
        with pytest.raises(ValueError, match="rows of other media than announced"):
            view.add_many([outcome(medium(1), 1), outcome(medium(2), 2)], rows_of(medium(1), 3))


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    what, other = medium(1), medium(2)
    good = rows_of(what, 3)
    with open_writer(tmp_path / "s.vifex") as writer:
        view = writer.view("main", recipe())
        with pytest.raises(ValueError, match="3 rows announced, 2 given"):
            view.add(outcome(what, 3), rows_of(what, 2))
        with pytest.raises(ValueError, match="3 rows announced, 0 given"):
            view.add(outcome(what, 3))
        with pytest.raises(ValueError, match="rows of other media than announced"):
            view.add(outcome(what, 3), rows_of(other, 3))
        with pytest.raises(ValueError, match="MEDIUM_ID:ORDINAL, each once"):
            view.add(
                outcome(what, 2),
                pa.Table.from_batches([good.slice(0, 1)] * 2).combine_chunks().to_batches()[0],
            )
        with pytest.raises(ValueError, match="columns of row_schema"):
            view.add(outcome(what, 3), good.select(["key", "medium_id"]))
        with pytest.raises(ValueError, match="columns of row_schema"):
            view.add(outcome(what, 3), rows_of(what, 3, wide_recipe(8)))
        columns = [
            pa.nulls(3, c.type) if n == "head_fc" else c
            for n, c in zip(good.schema.names, good.columns, strict=True)
        ]
        nulls = pa.RecordBatch.from_arrays(columns, names=good.schema.names)
        with pytest.raises(ValueError, match="without a value in head_fc"):
            view.add(outcome(what, 3), nulls)
        spilled = view.spill(None, good)
        with pytest.raises(ValueError, match="not its newest spilled rows"):
            view.spill(None, rows_of(what, 1, first=3))
        newer = view.spill(spilled, rows_of(what, 1, first=3))
        with pytest.raises(ValueError, match="not its newest spilled rows"):
            view.add(outcome(what, 3), None, spilled)
        view.discard(newer)
    assert len(assert_whole(tmp_path / "s.vifex")) == 0


def test_spilled_rows_belong_to_nothing_until_their_medium_is_done(tmp_path: Path) -> None:
    store = tmp_path / "s.vifex"
    data = store / "views/main/rows.lance/data"
    what = medium(1)
    with open_writer(store) as writer:
        view = writer.view("main", recipe())
        spilled = view.spill(view.spill(None, rows_of(what, 3)), rows_of(what, 2, first=3))
        assert (spilled.rows, len(list(data.iterdir()))) == (5, 2)
        given_up = view.spill(None, rows_of(medium(2), 3))
        assert len(list(data.iterdir())) == 3
        view.discard(given_up)
        assert len(list(data.iterdir())) == 2
        with open_store(store) as read:
            assert read.view().count_rows() == 0
        view.add(outcome(what, 6), rows_of(what, 1, first=5), spilled)
        view.spill(None, rows_of(medium(3), 3))
    assert len(list(data.iterdir())) == 3
    rows = assert_whole(store)
    assert bits(rows) == bits(expected([{"name": what.name, "mtime_ns": 0, "rows": 6}]))
    # What a dead writer had spilled goes with the next one.
    with open_writer(store) as writer:
        writer.view("main", recipe()).spill(None, rows_of(medium(4), 3))
        writer._lock.free()
        with open_writer(store) as next_writer:
            next_writer.view("main", recipe())
            assert len(list(data.iterdir())) == 3


def test_a_changed_medium_replaces_its_rows_in_one_commit(tmp_path: Path) -> None:
    store = tmp_path / "s.vifex"
    with open_writer(store) as writer:
        view = writer.view("main", recipe())
        for i in (1, 2, 3):
            view.add(outcome(medium(i), 4), rows_of(medium(i), 4))
        view.commit()
        table = view._tables.rows.table.version
        view.add(outcome(medium(1, 1), 2), rows_of(medium(1, 1), 2))
        view.add(outcome(medium(2, 1), 0, "failed"))
        view.commit()
        assert view._tables.rows.table.version == table + 1
    rows = assert_whole(store)
    assert rows.num_rows == 2 + 0 + 4


def test_every_bit_comes_back(tmp_path: Path) -> None:
    """NaNs with payload, both zeros, infinities and subnormal numbers, in both widths."""
    import numpy as np

    patterns32 = np.array(
        [0x7FC00001, 0xFFC12345, 0x80000000, 0, 0x7F800000, 1, 0x807FFFFF, 0x7F7FFFFF] * 2, np.uint32
    )
    patterns16 = np.array([0x7E01, 0xFE55, 0x8000, 0, 0x7C00, 1, 0x83FF, 0x7BFF] * 3, np.uint16)
    batch = rows_of(medium(1), 1)
    arrays = [
        *batch.columns[:-2],
        pa.FixedSizeListArray.from_arrays(pa.array(patterns32.view(np.float32)), 16),
        pa.FixedSizeListArray.from_arrays(pa.array(patterns16.view(np.float16)), 24),
    ]
    with open_writer(tmp_path / "s.vifex") as writer:
        view = writer.view("main", recipe())
        view.add(outcome(medium(1), 1), pa.RecordBatch.from_arrays(arrays, schema=batch.schema))
    with open_store(tmp_path / "s.vifex") as read:
        assert read.view().to_numpy("head_fc").tobytes() == patterns32.tobytes()
        assert read.view().to_numpy("stages_1").tobytes() == patterns16.tobytes()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_is_refused_instead_of_hanging(tmp_path: Path) -> None:
    script = (
        "import os, sys\n"
        "from vifex.store import open_store, open_writer\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from store_maker import recipe\n"
        "with open_writer(sys.argv[1]) as w: w.view('main', recipe())\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    try: open_store(sys.argv[1]).view()\n"
        "    except Exception as e: print(e, flush=True)\n"
        "    os._exit(0)\n"
        "os.waitpid(pid, 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "s"), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "used before this process was forked. Open it in the child alone" in done.stdout


def test_the_package_alone_loads_no_store() -> None:
    code = "import sys, vifex; print([m for m in ('lance', 'pyarrow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert vifex
