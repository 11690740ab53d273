"""`vifex.repair` and `vifex check --repair` on a store of real images: data, an index, and what is said."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from colour_network import write_colour_network
from PIL import Image

import vifex

extract = partial(vifex.extract, workers=1)
"""Each further decoder process takes a second to start."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repair")
    rng = np.random.default_rng(0)
    (folder / "media").mkdir()
    for number in range(260):
        colour = tuple(rng.integers(0, 255, 3).tolist())
        Image.new("RGB", (16, 16), colour).save(folder / "media" / f"{number:03}.bmp")
    model = write_colour_network(folder)
    extract(folder / "media", folder / "s.vifex", model=model)
    vifex.index(folder / "s.vifex", recall=0.9, metric="l2")
    return folder


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "s.vifex", tmp_path / "s.vifex"))


def damage(store: Path, pattern: str) -> Path:
    file = max(store.glob(pattern), key=lambda p: p.stat().st_mtime_ns)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    return file


def test_an_index_is_made_again_as_it_was(store: Path) -> None:
    damage(store, "views/main/rows.lance/_indices/*/*.idx").unlink()
    told = vifex.repair(store, dry_run=True)
    assert not told.ok
    done = vifex.repair(store)
    assert done.ok
    (view,) = done.views
    assert view.mended == (*told.views[0].mended, "The index of logits is made again.")
    assert (view.to_do, view.left) == ((), ())
    with vifex.open(store) as opened:
        assert opened.verify().ok
        (index,) = opened.indexes()
        assert (index.facts.metric, index.facts.recall) == ("l2", 0.9)


def test_damaged_media_are_made_again_by_the_same_extraction(
    made: Path, store: Path, vifex_command: Callable[..., Any]
) -> None:
    with vifex.open(made / "s.vifex") as opened:
        before = opened.to_numpy()[np.argsort(opened.to_arrow(["name"])["name"].to_numpy())]
    damage(store, "views/main/rows.lance/data/*.lance")
    looked = vifex.repair(store, dry_run=True)
    assert not looked.ok
    assert "260 media with damaged or missing rows are removed, to be made again." in looked.views[0].mended
    done = vifex_command("check", store, "--repair")
    assert done.returncode == 0
    assert "the next vifex extract from their sources makes 260 media again" in done.stdout
    assert "... and 230 more media" in done.stdout
    report = extract(made / "media", store, model=made / "colours.onnx")
    assert report.ok == 260
    with vifex.open(store) as opened:
        after = opened.to_numpy()[np.argsort(opened.to_arrow(["name"])["name"].to_numpy())]
    np.testing.assert_array_equal(after, before)
    again = vifex.repair(store)
    assert again.ok
    assert again.to_dict()["views"][0]["mended"] == []


def test_what_cannot_be_done_is_said(store: Path, vifex_command: Callable[..., Any]) -> None:
    with pytest.raises(vifex.StoreError, match=r"no view 'mian'. Did you mean main\?"):
        vifex.repair(store, view="mian")
    (store / "views/main/recipe.json").unlink()
    done = vifex_command("check", store, "--repair", "--dry-run")
    assert done.returncode == 3
    assert "cannot be mended" in done.stdout
    assert "Restore that file from a copy" in done.stdout
