"""New labels in a manifest reach the store, and nothing is computed; the ledger has content hashes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

import vifex
from vifex.media.content_hash import content_hash


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(4):
        Image.new("RGB", (40, 30), (60 * number, 10, 200)).save(tmp_path / f"{number}.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no image")
    return tmp_path


def manifest(folder: Path, *labels: str) -> Path:
    names = [*(f"{n}.png" for n in range(4)), "broken.jpg"]
    lines = [f"{name},{label}" for name, label in zip(names, labels, strict=True)]
    file = folder / "media.csv"
    file.write_text("\n".join(["uri,label,split", *lines]) + "\n")
    return file


def test_new_labels_compute_nothing(folder: Path) -> None:
    store = folder / "s.vifex"
    first = vifex.extract(manifest(folder, "cat,train", "cat,", "dog,val", ",", "cat,"), store)
    assert (first.ok, first.failed) == (4, 1)
    with vifex.open(store) as opened:
        before = opened.to_arrow().sort_by("name")
        hashes = {e["name"]: e["content_hash"] for e in opened.ledger().to_pylist()}
    assert {folder / name: found for name, found in hashes.items()} == {
        folder / name: content_hash(folder / name) for name in hashes
    }
    again = vifex.extract(manifest(folder, "bird,train", ",test", "dog,val", "new,", "dog,"), store)
    assert (again.already_done, again.rows) == (5, 0)
    with vifex.open(store) as opened:
        after = opened.to_arrow().sort_by("name")
        ledger = {e["name"]: (e["label"], e["split"]) for e in opened.ledger().to_pylist()}
        assert opened.verify().ok
    assert after.column("label").to_pylist() == ["bird", "cat", "dog", "new"]
    assert after.column("split").to_pylist() == ["train", "test", "val", None]
    assert after.drop(["label", "split"]).equals(before.drop(["label", "split"]))
    assert ledger["broken.jpg"] == ("dog", None)
    assert ledger["1.png"] == ("cat", "test"), "what a manifest does not say stays"
    # A source without labels takes none away.
    assert vifex.extract(folder / "0.png", store).already_done == 1
    with vifex.open(store) as opened:
        assert opened.to_arrow(["label"], where="name = '0.png'").column(0).to_pylist() == ["bird"]


def test_a_copy_has_the_same_content_hash(folder: Path) -> None:
    shutil.copy(folder / "1.png", folder / "copy of 1.png")
    store = folder / "s.vifex"
    vifex.extract(folder, store)
    with vifex.open(store) as opened:
        hashes = {e["name"]: e["content_hash"] for e in opened.ledger().to_pylist()}
    assert hashes["1.png"] == hashes["copy of 1.png"]
    assert len(set(hashes.values())) == len(hashes) - 1
