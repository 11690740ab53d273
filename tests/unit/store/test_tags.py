"""A tag reads the state that it names to the bit, whatever happens to the store since."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from store_maker import bits, feed, last_editions, medium, outcome, recipe, rows_of

import vifex
from vifex.cli.tagging import tag as tag_command
from vifex.store import (
    CommitRule,
    compact_view,
    delete_rows,
    make_tag,
    merge_store,
    open_store,
    open_writer,
    read_tags,
    relabel,
    remove_tag,
)
from vifex.store.commit import maintenance
from vifex.store.files.lance_adapter import manifests
from vifex.values import InputError, StoreError

RULE = CommitRule(media=2)


def state(store: Path, at: str | None = None, view: str = "main") -> list[object]:
    with open_store(store, at=at) as read:
        assert all(check.ok for check in read.verify())
        opened = read.view(view)
        return [opened.id, opened.checksum, *bits(opened.to_arrow()), *bits(opened.ledger(history=True))]


def change(store: Path, edition: int) -> None:
    """Replace, add, delete and relabel media, with maintenance in between."""
    with open_writer(store, rule=RULE) as writer:
        view = writer.view("main", recipe())
        for number in range(2, 8):
            view.add(outcome(medium(number, edition), 2), rows_of(medium(number, edition), 2))
        view.add(outcome(medium(edition), 3), rows_of(medium(edition), 3))
    delete_rows(store, "main", [medium(2).name, medium(3).name])
    relabel(store, "main", {medium(4).name: {"label": f"cat {edition}"}})


@pytest.fixture
def store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(maintenance, "EVERY_COMMITS", 4)
    monkeypatch.setattr(maintenance, "AT_END_COMMITS", 2)
    path = folder / "s.vifex"
    with open_writer(path, run="{1}", rule=RULE) as writer:
        feed(writer.view("main", recipe()), last_editions(9))
    return path


def test_a_tag_reads_the_old_state_to_the_bit(store: Path) -> None:
    """Extraction, deletion, labels, maintenance, compaction, renaming, merging and another tag since."""
    wanted = {"first": state(store)}
    assert make_tag(store, "first").views[0].n_media == 9
    change(store, 20)
    wanted["second"] = state(store)
    make_tag(store, "second")
    change(store, 30)
    compact_view(store, "main")
    vifex.rename_view(store, "main", "frames")
    with open_writer(store.with_name("other")) as writer:
        feed(writer.view("main", recipe()), last_editions(14)[10:])
    (merged,) = merge_store(store, store.with_name("other"))
    assert (merged.into, merged.media.added) == ("frames", 4)
    now = state(store, view="frames")
    for name, before in wanted.items():
        assert state(store, name, "frames") == before
        assert state(store, name, "frames") != now
    with open_store(store, at="first") as read:
        assert read.views() == ["frames"]
        assert list(read.view("frames").runs().values()) == ["{1}"]


def test_a_removed_tag_frees_its_space(store: Path) -> None:
    make_tag(store, "old")
    change(store, 20)
    kept = compact_view(store, "main")
    assert kept.kept_versions == 2
    change(store, 30)
    assert compact_view(store, "main").kept_versions == 2
    remove_tag(store, "old")
    freed = compact_view(store, "main")
    assert freed.kept_versions == 0
    assert freed.size_bytes_after < freed.size_bytes_before
    with open_store(store) as read:
        assert all(len(manifests(table.path)) == 2 for table in read.view().tables)


def test_what_there_was_not_is_not_there(store: Path) -> None:
    make_tag(store, "one view")
    with open_writer(store) as writer:
        writer.view("later", recipe(model="toy-2"))
    with vifex.open(store, at="one view") as opened:
        assert list(opened) == ["main"]
        with pytest.raises(StoreError, match="no view 'later'"):
            opened["later"]
    with pytest.raises(StoreError, match=r"'main' is kept by the tag 'one view'"):
        vifex.remove_view(store, "main", force=True)
    vifex.remove_view(store, "later")


def test_what_is_refused(store: Path) -> None:
    make_tag(store, "day 1")
    with pytest.raises(InputError, match="has a tag 'day 1' already"):
        make_tag(store, "day 1")
    for name in ("", " x", "a\nb", "x" * 101):
        with pytest.raises(InputError, match="a tag cannot be named"):
            make_tag(store, name)
    with pytest.raises(StoreError, match=r"no tag 'day1'\. Did you mean day 1"):
        open_store(store, at="day1")
    with pytest.raises(StoreError, match="no tag 'day 2'"):
        remove_tag(store, "day 2")
    with pytest.raises(StoreError, match="no store here"):
        make_tag(store.with_name("none"), "x")
    empty = store.with_name("empty")
    open_writer(empty).close()
    with pytest.raises(StoreError, match="has no view"):
        make_tag(empty, "x")
    assert [tag.name for tag in vifex.tags(store)] == ["day 1"]


TORN = ["", "{", '{"vifex_tags": 2, "tags": []}', '{"vifex_tags": 1, "tags": [{"name": 1}]}']


@pytest.mark.parametrize("text", TORN)
def test_tags_that_do_not_read_keep_every_version(
    text: str, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_tag(store, "old")
    before, written = state(store), (store / "tags.json").read_text()
    (store / "tags.json").write_text(text)
    with pytest.raises(StoreError, match="tags of the store cannot be read"):
        open_store(store, at="old")
    change(store, 20)
    compact_view(store, "main")
    assert "until then all old versions stay" in caplog.text
    (store / "tags.json").write_text(written)
    assert state(store, "old") == before


def test_a_state_that_is_not_what_it_was_is_refused(store: Path) -> None:
    make_tag(store, "old")
    data = json.loads((store / "tags.json").read_text())
    data["tags"][0]["views"][0]["checksum"] = "0" * 32
    (store / "tags.json").write_text(json.dumps(data))
    with (
        open_store(store, at="old") as read,
        pytest.raises(StoreError, match="tag 'old' does not read"),
    ):
        read.view()
    assert state(store)


def test_the_commands(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tag_command(store) == 0
    assert tag_command(store, "old") == 0
    assert tag_command(store) == 0
    out = capsys.readouterr().out
    assert "no tags" in out
    assert "of 9 media in 1 view" in out
    before = vifex.history(store)
    change(store, 20)
    assert vifex.history(store, at="old") == before != vifex.history(store)
    with pytest.raises(InputError, match="which tag to remove"):
        tag_command(store, remove=True)
    assert tag_command(store, "old", remove=True, json=True) == 0
    assert json.loads(capsys.readouterr().out)["tags"] == [] == read_tags(store)
