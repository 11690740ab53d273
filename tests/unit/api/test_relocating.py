"""Media that were moved and renamed: what is recognised, what is refused, and that nothing is computed."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vifex

NAMES = ("a/1.png", "a/2.png", "b/3.png", "a b%#.png")


@pytest.fixture
def media(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in NAMES:
        path = tmp_path / "old" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (48, 48, 3), np.uint8)).save(path)
    return tmp_path / "old"


@pytest.fixture
def store(media: Path) -> Path:
    path = media.parent / "s.vifex"
    for view in ("main", "other"):
        vifex.extract(media, path, view=view)
    return path


def vectors(store: Path) -> dict[str, Any]:
    with vifex.open(store) as opened:
        table = opened["main"].to_arrow()
        return dict(zip(table["uri"].to_pylist(), opened["main"].to_numpy().tolist(), strict=True))


def test_a_folder_that_was_moved(store: Path, media: Path) -> None:
    before = vectors(store)
    new = media.rename(media.parent / "new")
    told = vifex.relocate(store, media, new, dry_run=True)
    assert vectors(store) == before
    done = vifex.relocate(store, media, new)
    assert done.moved == told.moved
    assert len(done.moved) == 4
    assert not (done.missing)
    assert not (done.different)
    assert not (done.spans)
    after = vectors(store)
    assert after == {uri.replace("/old/", "/new/"): vector for uri, vector in before.items()}
    for view in ("main", "other"):
        report = vifex.extract(new, store, view=view)
        assert (report.already_done, report.rows) == (4, 0)
    with vifex.open(store) as opened:
        assert opened.missing() == []
        assert all(check.ok for check in [opened["main"].verify(), opened["other"].verify()])


def test_a_file_that_was_renamed(store: Path, media: Path) -> None:
    new = (media / "a" / "1.png").rename(media / "a" / "one.png")
    assert len(vifex.relocate(store, media / "a" / "1.png", new).moved) == 1
    with vifex.open(store) as opened:
        assert sorted(opened["main"].to_arrow(["name"])["name"].to_pylist()) == [
            "a b%#.png",
            "a/2.png",
            "a/one.png",
            "b/3.png",
        ]


def test_files_that_are_recognised_by_content(store: Path, media: Path) -> None:
    (media / "a" / "1.png").rename(media / "renamed.png")
    (media / "b" / "3.png").unlink()
    Image.new("RGB", (48, 48)).save(media / "new.png")
    done = vifex.relocate(store, among=media)
    assert [tuple(Path(uri).name for uri in pair) for pair in done.moved] == [("1.png", "renamed.png")]
    assert [Path(uri).name for uri in done.missing] == ["3.png"]
    report = vifex.extract(media, store, view="main")
    assert (report.already_done, report.rows) == (3, 1)


def test_a_hash_of_a_part_does_not_decide_alone(tmp_path: Path) -> None:
    """A file of more than 24 KiB must have been changed at the same time, or be named."""
    for name, side in (("small.bmp", 48), ("kept.bmp", 120), ("other.bmp", 121)):
        Image.effect_noise((side, side), 50).convert("RGB").save(tmp_path / name)
    store = tmp_path / "s.vifex"
    vifex.extract(sorted(tmp_path.glob("*.bmp")), store)
    (tmp_path / "new").mkdir()
    for name in ("small.bmp", "kept.bmp", "other.bmp"):
        (tmp_path / name).rename(tmp_path / "new" / f"new-{name}")
    for name in ("new-small.bmp", "new-other.bmp"):
        os.utime(tmp_path / "new" / name, ns=(1, 1))
    done = vifex.relocate(store, among=tmp_path / "new")
    assert [Path(new).name for _, new in done.moved] == ["new-kept.bmp", "new-small.bmp"]
    assert ([Path(uri).name for uri in done.unsure], done.missing) == (["other.bmp"], ())
    named = vifex.relocate(store, tmp_path / "other.bmp", tmp_path / "new" / "new-other.bmp")
    assert len(named.moved) == 1


def test_another_file_in_the_new_place_is_refused(store: Path, media: Path) -> None:
    new = media.rename(media.parent / "new")
    data = bytearray((new / "a" / "1.png").read_bytes())
    data[-20] ^= 1
    (new / "a" / "1.png").write_bytes(data)
    (new / "b" / "3.png").unlink()
    done = vifex.relocate(store, media, new)
    assert len(done.moved) == 2
    assert [Path(uri).name for uri in done.different] == ["1.png"]
    assert [Path(uri).name for uri in done.missing] == ["3.png"]


def test_where_the_new_address_was_extracted_already_the_old_one_goes(store: Path, media: Path) -> None:
    shutil.copytree(media, media.parent / "new")
    vifex.extract(media.parent / "new", store, view="main")
    assert len(vifex.relocate(store, media, media.parent / "new").moved) == 4
    assert len(vectors(store)) == 4


def test_members_of_a_moved_archive_and_spans(media: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(media / "a" / "1.png", "x/1.png")
    Image.new("RGB", (48, 48)).save(
        tmp_path / "anim.gif", save_all=True, append_images=[Image.new("RGB", (48, 48), "red")], duration=500
    )
    (tmp_path / "spans.csv").write_text("uri,t_start_s,t_end_s\nanim.gif,0,0.5\n")
    vifex.extract([tmp_path / "a.tar", tmp_path / "spans.csv"], tmp_path / "s.vifex")
    (tmp_path / "moved").mkdir()
    for name in ("a.tar", "anim.gif"):
        (tmp_path / name).rename(tmp_path / "moved" / name)
    assert (
        len(vifex.relocate(tmp_path / "s.vifex", tmp_path / "a.tar", tmp_path / "moved" / "a.tar").moved) == 1
    )
    done = vifex.relocate(tmp_path / "s.vifex", tmp_path / "anim.gif", tmp_path / "moved" / "anim.gif")
    assert (done.moved, len(done.spans)) == ((), 1)


def test_what_was_moved_must_be_clear(store: Path, media: Path) -> None:
    for words in ({}, {"old": media}, {"new": media}, {"old": media, "new": media, "among": media}):
        with pytest.raises(vifex.InputError, match="not clear what was moved"):
            vifex.relocate(store, **words)  # type: ignore[arg-type]
    with pytest.raises(vifex.InputError, match="no medium of the store is there"):
        vifex.relocate(store, media.parent / "ol", media)


def test_the_command(store: Path, media: Path, vifex_command: Callable[..., Any]) -> None:
    new = media.rename(media.parent / "new")
    (new / "b" / "3.png").unlink()
    done = vifex_command("relocate", store, media, new)
    assert done.returncode == 3
    assert "3 media have a new address" in done.stdout
    assert "not found: file://" in done.stderr
    said = json.loads(vifex_command("relocate", store, "--among", new, "--json").stdout)
    assert (said["moved"], len(said["missing"])) == ([], 1)
