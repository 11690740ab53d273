"""`vifex extract --again`: the store knows its sources and choices, and takes in what is new."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from colour_network import write_colour_network
from PIL import Image

import vifex


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
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for source in ("a", "b/*.png"):
            vifex.extract(source, "s.vifex", model="colours.onnx", normalize=True)
        vifex.extract("a", "s.vifex", model="colours.onnx", view="plain", limits=vifex.Limits(file_s=50))
    return folder


def test_what_is_new_is_taken_in_by_the_stored_choices(made: Path, tmp_path: Path) -> None:
    store = made / "s.vifex"
    image(made / "a" / "new.png", 20)
    image(made / "b" / "new.png", 21)
    report = vifex.extract_again(store)
    assert (report.media, report.ok, report.already_done) == (8 + 4, 3, 9)
    assert sorted(report.views) == ["main", "plain"]
    with vifex.open(store) as opened:
        names = {view: sorted(opened[view].to_arrow(["name"])["name"].to_pylist()) for view in opened}
        lengths = {view: np.linalg.norm(opened[view].to_numpy(), axis=1) for view in opened}
    assert names["plain"] == ["0.png", "1.png", "2.png", "new.png"]
    assert len(names["main"]) == 8
    np.testing.assert_allclose(lengths["main"], 1, rtol=1e-5)
    assert not np.allclose(lengths["plain"], 1)
    image(tmp_path / "more" / "1.png", 30)
    of_others = vifex.extract_again(store, tmp_path / "more", view="plain")
    assert (of_others.ok, of_others.views) == (1, ("plain",))
    later = vifex.extract_again(store, view="plain")
    assert later.already_done == later.media == 5, "the sources of the last run are stored too"


def test_the_command_and_what_it_refuses(made: Path, vifex_command: Callable[..., Any]) -> None:
    done = vifex_command("extract", "-o", made / "s.vifex", "--again", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"] == 0
    for options in (("--fps", "2"), ("--normalize",), ("-m", "default"), ("--dry-run",)):
        refused = vifex_command("extract", "-o", made / "s.vifex", "--again", *options)
        assert refused.returncode != 0
        assert "cannot be given with --again, which takes the choices of the store" in refused.stderr


def test_a_source_that_is_gone_is_named(made: Path) -> None:
    store = made / "gone.vifex"
    image(made / "c" / "1.png", 1)
    for source in (made / "a", made / "c"):
        vifex.extract(source, store, model=made / "colours.onnx")
    (made / "c" / "1.png").unlink()
    (made / "c").rmdir()
    notices: list[str] = []
    assert vifex.extract_again(store, on_notice=notices.append).ok == 0
    assert any(f"The source {made / 'c'} is gone" in text for text in notices)


def test_what_a_store_does_not_know_is_said(made: Path) -> None:
    store = made / "memory.vifex"
    network = vifex.load_model(made / "colours.onnx")
    vifex.extract(made / "a", store, model=network)
    with pytest.raises(vifex.InputError, match="filled by a network in memory"):
        vifex.extract_again(store)
    with pytest.raises(vifex.StoreError, match="no view 'mian'"):
        vifex.extract_again(store, view="mian")
    from vifex.extraction import run

    with pytest.MonkeyPatch.context() as patch:  # as an older version did
        facts = run.facts_of_run
        patch.setattr(run, "facts_of_run", lambda plans, shares, said: facts(plans, shares))
        vifex.extract(made / "a", made / "old.vifex", model=made / "colours.onnx")
    with pytest.raises(vifex.InputError, match="does not say from which sources"):
        vifex.extract_again(made / "old.vifex")
