"""Merging stores: what comes over, which result counts, what is named; nothing is computed or lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from store_maker import assert_whole, bits, by_key, feed, last_editions, medium, outcome, recipe, rows_of

import vifex
from vifex.cli.merging import merge as merge_command
from vifex.store import (
    CommitRule,
    CopyMark,
    MergedMedia,
    compare_stores,
    keep_marks,
    merge_store,
    open_store,
    open_writer,
    read_marks,
)
from vifex.values import InputError, Medium, Status, StoreError
from vifex.values.fusion import Tree

RULE = CommitRule(media=3)


def fill(
    path: Path,
    media: Iterable[tuple[Medium, int, Status] | tuple[Medium, int, Status, str]],
    *,
    view: str = "main",
    run: str = "",
) -> Path:
    with open_writer(path, run=run, rule=RULE) as writer:
        written = writer.view(view, recipe())
        for what, rows, status, *content in media:
            made = replace(outcome(what, rows, status), content_hash=content[0] if content else "")
            written.add(made, rows_of(what, rows) if rows else None)
    return path


def some(*numbers: int, edition: int = 0) -> list[tuple[Medium, int, Status]]:
    return [(medium(n, edition), 1 + n % 3, "ok") for n in numbers]


def merge(store: Path, other: Path, *, copies: bool = False) -> MergedMedia:
    """Merge two stores with one view, which is told beforehand; a second merge does nothing."""
    told = compare_stores(store, other, copies=copies)
    (done,) = merge_store(store, other, copies=copies, run='{"merge": 1}', rule=RULE)
    assert [one.media for one in told] == [done.media]
    with open_store(store) as read:
        assert all(check.ok for check in read.verify())
        before = read.view().commit
    (again,) = merge_store(store, other, copies=copies, rule=RULE)
    assert (again.media.added, again.media.replaced, again.media.labelled) == (0, 0, 0)
    with open_store(store) as read:
        assert read.view().commit == before, "there was nothing to do"
    return done.media


def test_two_collections_are_what_one_extraction_gives(folder: Path) -> None:
    """Editions, spilled rows, failures, deletions and several fragments, rows bit for bit."""
    run = last_editions(22)
    for name, part in (("a", run[:9]), ("b", run[9:]), ("both", run)):
        with open_writer(folder / name, run=f'{{"run": "{name}"}}', rule=RULE) as writer:
            feed(writer.view("main", recipe()), part)
    done = merge(folder / "a", folder / "b")
    assert (done.media, done.added, done.conflicts) == (13, 13, 0)
    assert bits(assert_whole(folder / "a")) == bits(assert_whole(folder / "both"))
    with open_store(folder / "a") as read, open_store(folder / "both") as once:
        names = ["name", "status", "reason", "rows", "lost", "wall_s", "mtime_ns", "label", "split"]
        for table in (read, once):
            assert table.view().ledger().num_rows == 22
        found = [t.view().ledger(columns=names).sort_by("name") for t in (read, once)]
        assert bits(found[0]) == bits(found[1])
        # Each medium still says which run had it computed.
        view = read.view()
        runs = {e["name"]: view.runs()[e["run"]] for e in view.ledger().to_pylist()}
        assert {runs[m.name] for m, *_ in run[9:]} == {'{"run": "b"}'}
        assert {runs[m.name] for m, *_ in run[:9]} == {'{"run": "a"}'}
        assert '{"merge": 1}' in view.runs().values()


def test_a_new_store_of_two_holds_the_views_of_both(folder: Path) -> None:
    fill(folder / "a", some(1, 2, 3))
    fill(folder / "a", some(1), view="other")
    fill(folder / "b", some(4, 5))
    with open_writer(folder / "b") as writer:
        writer.view("other", recipe(model="toy-2"))
        writer.view("more", recipe(model="toy-3"))
    for source in ("a", "b", "b"):
        done = merge_store(folder / "ab", folder / source)
    assert [(one.view, one.into, one.is_new) for one in done] == [
        ("main", "main", False),
        ("more", "more", False),
        ("other", "other-2", False),
    ]
    assert assert_whole(folder / "ab").num_rows == sum(n for _, n, _ in some(1, 2, 3, 4, 5))
    with open_store(folder / "ab") as read:
        assert read.view("other").count_rows() == 2
        assert read.view("other-2").recipe.model == "toy-2"


def test_a_view_of_the_same_recipe_takes_it_in_whatever_its_name(folder: Path) -> None:
    fill(folder / "a", some(1, 2), view="frames")
    fill(folder / "b", some(2, 3))
    (done,) = merge_store(folder / "a", folder / "b")
    assert (done.view, done.into, done.is_new) == ("main", "frames", False)
    assert (done.media.added, done.media.same) == (1, 1)


@pytest.mark.parametrize(
    ("ours", "theirs", "choice", "what"),
    [
        ((0, "ok", 2), (0, "ok", 2), "same", None),
        ((0, "failed", 0), (0, "ok", 2), "replaced", "status"),
        ((5, "failed", 0), (0, "partial", 2), "replaced", "status"),
        ((0, "ok", 2), (5, "failed", 0), "left", "status"),
        ((0, "partial", 1), (0, "ok", 2), "replaced", "status"),
        ((0, "ok", 2), (0, "partial", 1), "left", "status"),
        ((0, "ok", 2), (5, "ok", 3), "replaced", "file"),
        ((5, "ok", 2), (0, "ok", 3), "left", "file"),
        ((0, "ok", 2), (0, "ok", 3), "left", "rows"),
        ((0, "failed", 0), (0, "failed", 0), "same", None),
    ],
)
def test_which_result_counts(
    ours: tuple[int, Status, int],
    theirs: tuple[int, Status, int],
    choice: str,
    what: str | None,
    folder: Path,
) -> None:
    for name, (edition, status, rows) in (("a", ours), ("b", theirs)):
        fill(folder / name, [*some(7), (medium(1, edition), rows, status)])
    done = merge(folder / "a", folder / "b")
    assert getattr(done, choice) == 1 + (choice == "same")
    conflicts = done.named_conflicts
    assert [(c.what, c.name) for c in conflicts] == ([(what, medium(1).name)] if what else [])
    counts = theirs if choice == "replaced" else ours
    assert all(c.kept == ("theirs" if choice == "replaced" else "ours") for c in conflicts)
    rows = assert_whole(folder / "a").filter(pc.field("medium_id") == medium(1).medium_id)
    assert rows.num_rows == counts[2]
    with open_store(folder / "a") as read:
        (entry,) = read.view().ledger(where=f"name = '{medium(1).name}'").to_pylist()
        assert (entry["mtime_ns"], entry["status"], entry["rows"]) == counts


def test_content_at_another_address_is_kept_once(folder: Path) -> None:
    """Both copies of one store stay; of a copy in the other store the first address stays, with its label."""
    here, there, twin = medium(1), replace(medium(1), uri="file:///b/x.mp4", label="cat"), medium(2)
    fill(folder / "a", [(here, 2, "ok", "1" * 32), *some(9)])
    copy = rows_of(here, 2)
    with open_writer(folder / "b") as writer:
        view = writer.view("main", recipe())
        for what, content in ((there, "1"), (twin, "2"), (replace(twin, uri="file:///b/y.mp4"), "2")):
            columns = dict(
                zip(copy.schema.names, (copy if content == "1" else rows_of(twin, 2)).columns, strict=True)
            )
            texts = {"key": [f"{what.medium_id}:{i}" for i in range(2)], "medium_id": [what.medium_id] * 2}
            texts |= {"uri": [what.uri] * 2, "label": [what.label] * 2}
            columns |= {n: pa.array(v, pa.string()) for n, v in texts.items()}
            rows = pa.RecordBatch.from_arrays(list(columns.values()), schema=copy.schema)
            view.add(replace(outcome(what, 2), content_hash=content * 32), rows)
    kept = folder / "kept"
    merge_store(kept, folder / "a")
    done = merge(folder / "a", folder / "b")
    assert (done.added, done.copies, done.labelled) == (2, 1, 1)
    assert done.named_copies == [(there.uri, here.uri)]
    with open_store(folder / "a") as read:
        entries = {e["uri"]: e["label"] for e in read.view().ledger().to_pylist()}
        assert entries.pop(here.uri) == "cat", "it had none"
        assert len(entries) == 3
        assert set(read.view().to_arrow(["label"], f"uri = '{here.uri}'").column(0).to_pylist()) == {"cat"}
    assert merge(kept, folder / "b", copies=True).added == 3


def test_equal_samples_of_the_content_with_other_rows_are_no_copy(folder: Path) -> None:
    fill(folder / "a", [(medium(1), 2, "ok", "1" * 32)])
    fill(folder / "b", [(medium(2), 2, "ok", "1" * 32)])
    done = merge(folder / "a", folder / "b")
    assert (done.added, done.copies) == (1, 0)


def test_labels_are_joined_and_contradictions_are_named(folder: Path) -> None:
    ours = [replace(medium(n), label=label, split=None) for n, label in ((1, "cat"), (2, None), (3, "cat"))]
    theirs = [replace(medium(n), label="dog", split="val") for n in (1, 2)]
    failed = replace(medium(3), label="dog", split=None)
    fill(folder / "a", [(ours[0], 1, "ok"), (ours[1], 1, "ok"), (ours[2], 0, "failed")])
    fill(folder / "b", [(theirs[0], 1, "ok"), (theirs[1], 1, "ok"), (failed, 2, "ok")])
    done = merge(folder / "a", folder / "b")
    assert (done.same, done.replaced, done.labelled) == (2, 1, 2)
    named = {(c.name, c.what, c.ours, c.theirs, c.kept) for c in done.named_conflicts if c.what == "label"}
    assert named == {(medium(n).name, "label", "cat", "dog", "ours") for n in (1, 3)}
    with open_store(folder / "a") as read:
        entries = {e["medium_id"]: (e["label"], e["split"]) for e in read.view().ledger().to_pylist()}
        rows = read.view().to_arrow(["medium_id", "label", "split"]).to_pylist()
    assert [entries[medium(n).medium_id] for n in (1, 2, 3)] == [
        ("cat", "val"),
        ("dog", "val"),
        ("cat", None),
    ]
    assert all((row["label"], row["split"]) == entries[row["medium_id"]] for row in rows)


def test_views_made_from_views_follow_the_names_of_their_inputs(folder: Path) -> None:
    with open_writer(folder / "a") as writer:
        writer.view("main", recipe(model="toy-2"))
    with open_writer(folder / "b") as writer:
        main = writer.view("main", recipe())
        tree = writer.view("a tree.shot", recipe(tree=Tree("main", recipe().hash, "head_fc", "shot")))
        for view in (main, tree):
            feed(view, last_editions(4))
    for _ in range(2):
        done = merge_store(folder / "a", folder / "b")
        assert [(one.view, one.into) for one in done] == [("main", "main-2"), ("a tree.shot", "a tree.shot")]
    with open_store(folder / "a") as read, open_store(folder / "b") as other:
        made = read.view("a tree.shot")
        assert made.recipe.tree is not None
        assert made.recipe.tree.view == "main-2"
        assert bits(by_key(made.to_arrow())) == bits(by_key(other.view("a tree.shot").to_arrow()))
        assert all(check.ok for check in read.verify())


def test_what_was_made_of_a_copy_is_told_and_left_out(folder: Path) -> None:
    """A copy is left out of the view of media, so its rows of a derived view are neither told nor brought."""
    here, there, other = medium(1), replace(medium(1), uri="file:///b/x.mp4"), medium(2)
    fill(folder / "a", [(here, 2, "ok", "1" * 32)])
    copy = rows_of(here, 2)
    columns = dict(zip(copy.schema.names, copy.columns, strict=True))
    columns["key"] = pa.array([f"{there.medium_id}:{i}" for i in range(2)])
    columns |= {n: pa.array([v] * 2) for n, v in {"medium_id": there.medium_id, "uri": there.uri}.items()}
    rows = pa.RecordBatch.from_arrays(list(columns.values()), schema=copy.schema)
    with open_writer(folder / "b") as writer:
        main = writer.view("main", recipe())
        tree = writer.view("a tree.shot", recipe(tree=Tree("main", recipe().hash, "head_fc", "shot")))
        for view in (main, tree):
            view.add(replace(outcome(there, 2), content_hash="1" * 32), rows)
            view.add(replace(outcome(other, 2), content_hash="2" * 32), rows_of(other, 2))
    told = compare_stores(folder / "a", folder / "b")
    done = merge_store(folder / "a", folder / "b")
    assert [one.media for one in told] == [one.media for one in done]
    counted = {one.view: (one.media.added, one.media.copies, one.media.rows) for one in told}
    assert counted == {"main": (1, 1, 2), "a tree.shot": (1, 0, 2)}


def test_marks_of_copies_come_over(folder: Path) -> None:
    for name in ("a", "b"):
        fill(folder / name, some(1))
    with open_store(folder / "a") as a, open_store(folder / "b") as b:
        ids = a.id, b.id
    keep_marks(folder / "a", [CopyMark("image", "k1", "k2", "wrong")])
    theirs = [
        CopyMark("image", "k2", "k1", "confirmed"),
        CopyMark("image", "k3", "k4", "wrong", other=ids[0]),
    ]
    keep_marks(folder / "b", theirs)
    merge_store(folder / "a", folder / "b")
    assert read_marks(folder / "a") == [
        CopyMark("image", "k1", "k2", "wrong"),
        CopyMark("image", "k3", "k4", "wrong"),
    ]


def test_what_is_refused_changes_nothing(folder: Path) -> None:
    fill(folder / "a", some(1))
    fill(folder / "b", some(2))
    before = bits(assert_whole(folder / "a"))
    with pytest.raises(InputError, match="merged with itself"):
        merge_store(folder / "a", folder / "." / "a")
    with pytest.raises(StoreError, match="there is no store here"):
        merge_store(folder / "a", folder / "c")
    (data,) = (folder / "b" / "views" / "main" / "rows.lance" / "data").iterdir()
    content = bytearray(data.read_bytes())
    content[len(content) // 3] ^= 1
    data.write_bytes(content)
    with pytest.raises(StoreError, match="'main' is damaged and cannot be merged"):
        merge_store(folder / "a", folder / "b")
    assert bits(assert_whole(folder / "a")) == before


def test_the_public_function_and_what_the_command_prints(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folder / "a", [*some(1, 2), (medium(3), 0, "failed")])
    fill(folder / "b", [*some(3, 4), (medium(2, 5), 2, "partial")])
    monkeypatch.chdir(folder)
    told = vifex.merge("a", "b", output="c", dry_run=True)
    assert [(v.source, v.is_new, v.added, v.replaced) for v in told.views] == [
        ("a", True, 3, 0),
        ("b", False, 1, 2),
    ]
    assert not Path("c").exists()
    assert merge_command(Path("a"), Path("b"), output=Path("c")) == 0
    printed = capsys.readouterr()
    assert "b: view main: 3 media: 1 added, 2 replaced by a better or newer result" in printed.out
    assert f"{medium(3).name}: status: failed, in the other store ok (kept)" in printed.err
    with pytest.raises(InputError, match="nothing says what to merge"):
        vifex.merge("a")
    with pytest.raises(InputError, match="with itself"):
        vifex.merge("a", "b", output="b")
    with pytest.raises(StoreError, match="no store"):
        vifex.merge("d", "b")
    assert not Path("d").exists()
