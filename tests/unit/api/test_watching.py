"""Watching folders: what is taken, when, and what is said; the rows are those of `extract`."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vifex

pytest.importorskip("watchdog", reason="watching by notifications needs watchdog")


def image(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    Image.fromarray(pixels).resize((64, 64)).save(path)
    return path


def rows_of(store: Path) -> dict[str, np.ndarray]:
    with vifex.open(store) as opened:
        return {name: opened.item(name).features for name in opened.to_arrow(["name"])["name"].to_pylist()}


class Watched:
    """A watch of a folder, and what it says."""

    def __init__(self, folder: Path, store: Path, poll_s: float | None = None) -> None:
        self.notices: list[str] = []
        self.is_stopped = False
        self.act: Callable[[], None] = lambda: None
        self._began_s = time.monotonic()
        self.batches: Iterator[vifex.WatchBatch] = vifex.watch(
            folder,
            store,
            settle_s=0.25,
            poll_s=poll_s,
            stop=self._stop,
            workers=1,
            on_notice=self.notices.append,
        )

    def _stop(self) -> bool:
        self.act()
        return self.is_stopped or time.monotonic() - self._began_s > 60

    def until(self, done: Callable[[vifex.WatchBatch], bool], media: int = 0) -> vifex.WatchBatch:
        """Take batches until one is as wished; counts the media of all of them."""
        total = 0
        for batch in self.batches:
            total += batch.ok
            if done(batch):
                assert total == media
                return batch
        raise AssertionError("the watch ended")


def test_what_arrives_changes_and_goes(tmp_path: Path) -> None:
    folder, store = tmp_path / "in", tmp_path / "s.vifex"
    image(folder / "there.png", 0)
    watch = Watched(folder, store)
    first = next(watch.batches)
    assert (first.media, first.ok, first.rows) == (1, 1, 1)

    # As rsync does it: written under another name in the same folder, then renamed. Taken once.
    image(tmp_path / "new.png", 1)
    shutil.copy(tmp_path / "new.png", folder / ".new.png.Qx81Zr")
    (folder / ".new.png.Qx81Zr").rename(folder / "new.png")
    # A folder with files, and one that is written in two parts.
    image(tmp_path / "album" / "deep" / "b.png", 2)
    shutil.copytree(tmp_path / "album", folder / "album")
    data = image(tmp_path / "slow.png", 3).read_bytes()
    with (folder / "slow.png").open("wb") as slow:
        slow.write(data[:40])
        slow.flush()
        watch.until(lambda batch: "new.png" in rows_of(store) and "album/deep/b.png" in rows_of(store), 2)
        assert "slow.png" not in rows_of(store)
        slow.write(data[40:])
    watch.until(lambda batch: batch.ok == 1, 1)

    before = rows_of(store)["new.png"]
    image(folder / "new.png", 4)
    watch.until(lambda batch: batch.ok == 1, 1)
    assert not np.array_equal(rows_of(store)["new.png"], before)

    (folder / "slow.png").rename(folder / "album" / "renamed.png")
    assert watch.until(lambda batch: batch.media > 0).moved == 1
    (folder / "there.png").unlink()
    (folder / "notes.txt").write_text("no image")
    gone = watch.until(lambda batch: bool(batch.removed))
    assert gone.removed == ("there.png",)
    watch.is_stopped = True
    assert list(watch.batches) == []

    # An extraction of the same folder has nothing to do, and the rows are those of a new one.
    assert vifex.extract(folder, store).already_done >= 3
    vifex.extract(folder, tmp_path / "fresh.vifex", workers=1)
    fresh = rows_of(tmp_path / "fresh.vifex")
    assert fresh.keys() == rows_of(store).keys() - {"there.png"}
    for name, rows in fresh.items():
        np.testing.assert_array_equal(rows, rows_of(store)[name])
    assert vifex.prune(store).names == ("there.png",)


def test_a_folder_that_goes_and_comes_back_by_listing(tmp_path: Path) -> None:
    """By listing it again and again."""
    folder, away, store = tmp_path / "in", tmp_path / "away", tmp_path / "s.vifex"
    image(folder / "a.png", 0)
    image(folder / "b.png", 1)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    watch = Watched(folder, store, poll_s=0.1)
    first = next(watch.batches)
    assert (first.ok, first.failed) == (2, 1)

    def bring_back() -> None:
        if watch.notices and away.exists():
            image(away / "c.png", 2)
            (away / "b.png").unlink()
            away.rename(folder)

    watch.act = bring_back
    folder.rename(away)
    removed: list[str] = []
    tried: list[int] = []

    def is_back(batch: vifex.WatchBatch) -> bool:
        removed.extend(batch.removed)
        tried.append(batch.failed)
        return removed == ["b.png"] and "c.png" in rows_of(store)

    watch.until(is_back, 1)
    assert sum(tried) == 1  # what failed may have failed because the folder was gone
    watch.is_stopped = True
    assert list(watch.batches) == []
    assert [notice.rpartition("/")[2] for notice in watch.notices] == [
        "in is gone; it is watched again when it comes back.",
        "in is back.",
    ]
    assert sorted(rows_of(store)) == ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize(
    ("folder", "options", "words"),
    [
        ("absent", {}, "no such folder"),
        ("file.png", {}, "only folders are watched"),
        (".", {"settle_s": -1.0}, "settle_s"),
        (".", {"poll_s": 0.0}, "poll_s"),
        ([], {}, "no folder was given"),
    ],
)
def test_what_cannot_be_watched(tmp_path: Path, folder: str, options: dict[str, float], words: str) -> None:
    image(tmp_path / "file.png", 0)
    given = [tmp_path / folder] if isinstance(folder, str) else folder
    with pytest.raises(vifex.InputError, match=words):
        next(vifex.watch(given, tmp_path / "s.vifex", **options))  # type: ignore[arg-type]
    assert not (tmp_path / "s.vifex").exists()
