"""Files that were renamed or moved keep their rows: what is recognised, and what is computed for good reason.

One folder is extracted, changed in every way at once, and extracted again.
"""

from __future__ import annotations

import os
import shutil
import wave
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from colour_network import write_colour_network
from PIL import Image

import vifex
from vifex.media.content_hash import MAX_BYTES, content_hash
from vifex.values.media import path_to_uri

extract = partial(vifex.extract, workers=1)
"""Each further decoder process takes a second to start."""


MIDDLE = 30_000
"""A byte of a large file that its content hash does not cover."""


def write(path: Path, seed: int, side: int = 24) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    Image.fromarray(rng.integers(0, 255, (side, side, 3), np.uint8)).save(path)
    return path


def times(path: Path, ns: int) -> None:
    os.utime(path, ns=(ns, ns))


def change_unseen(path: Path, into: Path) -> None:
    """Copy a large file with one other byte, which the content hash does not see."""
    data = bytearray(path.read_bytes())
    data[MIDDLE] ^= 0xFF
    into.parent.mkdir(exist_ok=True)
    into.write_bytes(data)
    assert content_hash(path) == content_hash(into)


NANO, WHOLE = 1_700_000_000_123_456_789, 1_700_000_000_000_000_000
SMALL = ("plain", "copied", "ending", "swapped-1", "swapped-2", "replaced", "taken", "twin-1", "twin-2")
LARGE = ("moved", "touched", "edited", "second-same-name", "second-other-name", "double")


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("renames")
    old, store, model = folder / "old", folder / "s.vifex", write_colour_network(folder)
    for number, name in enumerate(SMALL):
        write(old / f"{name}.png", number if not name.startswith("twin") else 100)
    for number, name in enumerate(LARGE):
        file = write(old / f"{name}.bmp", 50 + number, side=120)
        assert file.stat().st_size > MAX_BYTES
        times(file, WHOLE if name.startswith("second") else NANO + number)
    change_unseen(old / "double.bmp", old / "double-2.bmp")
    times(old / "double-2.bmp", (old / "double.bmp").stat().st_mtime_ns)
    with wave.open(str(old / "sound.wav"), "wb") as sound:  # the network is one of images
        sound.setparams((1, 2, 8000, 0, "NONE", "NONE"))
        sound.writeframes(bytes(800))
    (folder / "boxes.csv").write_text(
        "uri,x0,y0,x1,y1\nold/plain.png,0,0,9,9\nold/plain.png,3,3,12,12\nold/replaced.png,0,0,9,9\n"
    )
    extract(old, store, model=model)
    extract(folder / "boxes.csv", store, model=model, view="boxes", regions="crop")
    vifex.label(store, {"twin-1.png": "first", "twin-2.png": "second"}, view="main")
    before = rows(store, "main")

    new = folder / "new"
    new.mkdir()
    (old / "plain.png").rename(new / "renamed.png")
    (old / "sound.wav").rename(new / "other.wav")
    shutil.copyfile(old / "copied.png", new / "copy.png")
    (old / "ending.png").rename(new / "ending.bmp")
    (old / "swapped-1.png").rename(new / "t")
    (old / "swapped-2.png").rename(old / "swapped-1.png")
    (new / "t").rename(old / "swapped-2.png")
    (old / "taken.png").unlink()
    write(old / "taken.png", 77)
    (old / "replaced.png").rename(old / "taken-over.png")
    write(old / "replaced.png", 78)
    for name in ("twin-1", "twin-2"):
        (old / f"{name}.png").rename(new / f"{name}.png")
    (old / "moved.bmp").rename(new / "other-name.bmp")
    (old / "touched.bmp").rename(new / "touched.bmp")
    times(new / "touched.bmp", NANO + 999)
    change_unseen(old / "edited.bmp", new / "edited.bmp")
    (old / "edited.bmp").unlink()
    (old / "second-same-name.bmp").rename(new / "second-same-name.bmp")
    (old / "second-other-name.bmp").rename(new / "second-renamed.bmp")
    (old / "double.bmp").rename(new / "x.bmp")
    (old / "double-2.bmp").rename(new / "y.bmp")
    (folder / "new-boxes.csv").write_text(
        "uri,x0,y0,x1,y1\nnew/renamed.png,0,0,9,9\nnew/renamed.png,3,3,12,12\nold/taken-over.png,0,0,9,8\n"
    )
    report = extract([old, new], store, model=model)
    boxes = extract(folder / "new-boxes.csv", store, model=model, view="boxes", regions="crop")
    return {
        "folder": folder,
        "old": old,
        "new": new,
        "store": store,
        "model": model,
        "report": report,
        "boxes": boxes,
        "before": before,
        "after": rows(store, "main"),
    }


def rows(store: Path, view: str) -> dict[str, tuple[Any, ...]]:
    with vifex.open(store) as opened:
        table, vectors = opened[view].to_arrow(["uri", "name", "label", "key"]), opened[view].to_numpy()
    lines = zip(table.to_pylist(), vectors.tolist(), strict=True)
    return {line["uri"]: (line["name"], line["label"], line["key"], vector) for line, vector in lines}


MOVED = [
    ("old/plain.png", "new/renamed.png"),
    ("old/swapped-1.png", "old/swapped-2.png"),
    ("old/swapped-2.png", "old/swapped-1.png"),
    ("old/replaced.png", "old/taken-over.png"),
    ("old/twin-1.png", "new/twin-1.png"),
    ("old/twin-2.png", "new/twin-2.png"),
    ("old/moved.bmp", "new/other-name.bmp"),
    ("old/second-same-name.bmp", "new/second-same-name.bmp"),
]
COMPUTED = [
    "new/ending.bmp",
    "old/taken.png",
    "old/replaced.png",
    "new/touched.bmp",
    "new/edited.bmp",
    "new/second-renamed.bmp",
    "new/x.bmp",
    "new/y.bmp",
]


def test_what_is_recognised_and_what_is_computed(changed: dict[str, Any]) -> None:
    report = changed["report"]
    # The sound was skipped, and moves too.
    assert (report.moved, report.ok, report.rows) == (len(MOVED) + 1, len(COMPUTED), len(COMPUTED))
    assert (report.already_done, report.skipped, report.copied) == (len(MOVED) + 3, 0, 1)
    folder, before, after = changed["folder"], changed["before"], changed["after"]
    for was, now in MOVED:
        name, label, _, vector = before[path_to_uri(folder / was)]
        there = after[path_to_uri(folder / now)]
        assert there[3] == vector, now
        assert (there[0], there[1]) == (Path(now).name, label), now
    for was in ("plain.png", "moved.bmp", "twin-1.png"):
        assert path_to_uri(folder / "old" / was) not in after
    copy, original = (after[path_to_uri(folder / name)] for name in ("new/copy.png", "old/copied.png"))
    assert (copy[0], copy[3]) == ("copy.png", original[3])
    assert name == "second-same-name.bmp"


def test_all_rows_are_those_of_the_files(changed: dict[str, Any]) -> None:
    """Against a store that is made anew, where nothing can be recognised."""
    fresh = changed["folder"] / "fresh.vifex"
    extract([changed["old"], changed["new"]], fresh, model=changed["model"])
    wanted = rows(fresh, "main")
    after = changed["after"]
    for uri, (name, _, key, vector) in wanted.items():
        assert (after[uri][0], after[uri][2], after[uri][3]) == (name, key, vector), uri
    with vifex.open(changed["store"]) as opened:
        assert all(opened[view].verify().ok for view in ("main", "boxes"))
        gone = {Path(uri).name for uri in opened["main"].missing()}
    assert gone == {
        "ending.png",
        "touched.bmp",
        "edited.bmp",
        "second-other-name.bmp",
        "double.bmp",
        "double-2.bmp",
    }


def test_boxes_must_be_the_same(changed: dict[str, Any]) -> None:
    assert (changed["boxes"].moved, changed["boxes"].ok, changed["boxes"].rows) == (1, 1, 1)
    with vifex.open(changed["store"]) as opened:
        names = opened["boxes"].to_arrow(["name"])["name"].to_pylist()
    assert sorted(names) == [
        "new/renamed.png",
        "new/renamed.png",
        "old/replaced.png",
        "old/taken-over.png",
    ]


def test_the_command_says_how_many(
    changed: dict[str, Any], tmp_path: Path, vifex_command: Callable[..., Any]
) -> None:
    (changed["old"] / "copied.png").rename(tmp_path / "here.png")
    done = vifex_command("extract", tmp_path, "-o", changed["store"], "-m", changed["model"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 media: 1 moved or renamed. 0 rows in")
