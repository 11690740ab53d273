"""`vifex extract --again`: the store knows its sources and choices, and takes in what is new."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from colour_network import write_colour_network
from PIL import Image

import vifex
from vifex.store import open_store, open_writer

extract = partial(vifex.extract, workers=1)
"""Each further decoder process takes a second to start."""
extract_again = partial(vifex.extract_again, workers=1)


def image(path: Path, seed: int) -> None:
    path.parent.mkdir(exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (24, 24, 3), np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that was filled by relative names: one view from two folders, another from one of them."""
    folder = tmp_path_factory.mktemp("again")
    write_colour_network(folder)
    for number in range(3):
        image(folder / "a" / f"{number}.png", number)
        image(folder / "b" / f"{number}.png", 10 + number)
    image(folder / "c" / "1.png", 30)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for source in (["a", "c"], "b/*.png"):
            extract(source, "s.vifex", model="colours.onnx", normalize=True)
        extract("a", "s.vifex", model="colours.onnx", view="plain", limits=vifex.Limits(file_s=50))
    return folder


def test_what_is_new_is_taken_in_by_the_stored_choices(made: Path, tmp_path: Path) -> None:
    store = made / "s.vifex"
    image(made / "a" / "new.png", 20)
    image(made / "b" / "new.png", 21)
    (made / "c" / "1.png").unlink()
    (made / "c").rmdir()
    notices: list[str] = []
    report = extract_again(store, on_notice=notices.append)
    assert any(f"The source {made / 'c'} is gone" in text for text in notices)
    assert (report.media, report.ok, report.already_done) == (8 + 4, 3, 9)
    assert sorted(report.views) == ["main", "plain"]
    with vifex.open(store) as opened:
        names = {view: sorted(opened[view].to_arrow(["name"])["name"].to_pylist()) for view in opened}
        lengths = {view: np.linalg.norm(opened[view].to_numpy(), axis=1) for view in opened}
    assert names["plain"] == ["0.png", "1.png", "2.png", "new.png"]
    assert len(names["main"]) == 9, "of a source that is gone the rows stay"
    np.testing.assert_allclose(lengths["main"], 1, rtol=1e-5)
    assert not np.allclose(lengths["plain"], 1)
    image(tmp_path / "more" / "1.png", 30)
    of_others = extract_again(store, tmp_path / "more", view="plain")
    assert (of_others.ok, of_others.views) == (1, ("plain",))
    later = extract_again(store, view="plain")
    assert later.already_done == later.media == 5, "the sources of the last run are stored too"


def test_the_command_and_what_it_refuses(made: Path, vifex_command: Callable[..., Any]) -> None:
    done = vifex_command("extract", "-o", made / "s.vifex", "--again", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"] == 0
    refused = vifex_command("extract", "-o", made / "s.vifex", "--again", "--normalize")
    assert refused.returncode != 0
    assert "cannot be given with --again, which takes the choices of the store" in refused.stderr


def test_what_a_store_does_not_know_is_said(made: Path) -> None:
    store = made / "memory.vifex"
    network = vifex.load_model(made / "colours.onnx")
    extract(made / "a", store, model=network)
    with pytest.raises(vifex.InputError, match="filled by a network in memory"):
        extract_again(store)
    with pytest.raises(vifex.StoreError, match="no view 'mian'"):
        extract_again(store, view="mian")
    with open_store(made / "s.vifex") as opened:
        recipe = opened.view("main").recipe
    with open_writer(made / "old.vifex") as writer:  # as older versions left it
        writer.view("main", recipe)
    with pytest.raises(vifex.InputError, match="does not say from which sources"):
        extract_again(made / "old.vifex")
