"""Views made from views, through the command: images and sound fused, searched; shots of a film."""

from __future__ import annotations

import importlib.util
import json
import runpy
import sys
from itertools import accumulate
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vifex

TESTS = Path(__file__).parents[1]
sounds: Any = SimpleNamespace(**runpy.run_path(str(TESTS / "unit" / "media" / "sounds.py")))
network: Any = SimpleNamespace(**runpy.run_path(str(TESTS / "support" / "sound_network.py")))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, vifex_command: Any) -> Path:
    """A film with four tones, one a second, a silent film and an image, in a view of each kind."""
    folder = tmp_path_factory.mktemp("derived")
    media = folder / "media"
    media.mkdir()
    network.write_network(folder)
    melody = np.concatenate([sounds.tone(hertz, 1.0) for hertz in network.HERTZ])
    sounds.write_sound(media / "film.mkv", melody, video_frames=40)
    made = runpy.run_path(str(TESTS / "unit" / "media" / "made.py"))
    made["write_video"](media / "mute.mp4", range(0, 2000, 100))
    Image.new("RGB", (40, 30), "teal").save(media / "still.png")
    views = ["--model", "default", "--model", str(folder / "levels.onnx")]
    done = vifex_command("extract", media, "-o", folder / "lib.vifex", *views, "--fps", 4, "-q")
    assert done.returncode == 0, done.stderr
    return folder


def test_images_and_sound_become_one_vector(place: Path, vifex_command: Any) -> None:
    """Sixteen frames of a film, each with the tone of its second; what has no sound is told."""
    store = place / "lib.vifex"
    words = ["fuse", store, "--view", "vifex-small-1", "--view", "levels-1", "-o", "both"]
    done = vifex_command(*words)
    assert done.returncode == 0, done.stderr
    assert "3 media: 1 ok, 2 skipped. 16 rows" in done.stdout
    assert "skipped: mute.mp4: in 'levels-1': no audio stream" in done.stderr
    with vifex.open(store, view="both") as fused:
        rows = fused.to_arrow().to_pylist()
    for row in rows:
        tones = np.array(row["concat"][512:])
        assert int(tones.argmax()) == int(row["t_s"]), row["t_s"]
        assert np.linalg.norm(row["concat"][:512]) == pytest.approx(1.0, abs=1e-5)
    again = vifex_command(*words, "--json")
    assert json.loads(again.stdout)["already_done"] == 3


def test_a_fused_view_is_searched_by_moment_row_and_not_by_image(place: Path, vifex_command: Any) -> None:
    store, film = place / "lib.vifex", place / "media" / "film.mkv"
    vifex_command("fuse", store, "-v", "vifex-small-1", "-v", "levels-1", "-o", "both")
    words = ["search", store, f"{film}@2", "--view", "both", "-k", 1, "--json"]
    assert "not loaded just because a store names it" in vifex_command(*words).stderr
    found = vifex_command(*words, "--model", place / "levels.onnx")
    assert found.returncode == 0, found.stderr
    hit = json.loads(found.stdout)["hits"][0]
    assert (hit["name"], hit["t_s"]) == ("film.mkv", 2.0)
    assert hit["score"] > 0.999
    by_row = vifex_command("search", store, f"row:{hit['key']}", "--view", "both", "-k", 1, "--json")
    assert json.loads(by_row.stdout)["hits"][0]["key"] == hit["key"]
    refused = vifex_command("search", store, place / "media" / "still.png", "--view", "both")
    assert refused.returncode == 4
    assert "'both' was made of 'levels-1', which cannot take this query" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    shown = vifex_command("show", store, "--view", "both").stdout
    assert "concat of vifex-small-1:embedding [512] + levels-1:levels [4]" in shown


def test_an_image_finds_itself_by_two_layers(place: Path, vifex_command: Any) -> None:
    image, store = place / "media" / "still.png", place / "two.vifex"
    vifex_command("extract", place / "media", "-o", store, "--layers", "stages.1,embedding", "-q")
    columns = ["--view", "main:stages.1", "--view", "main:embedding"]
    done = vifex_command("fuse", store, *columns, "--method", "weighted", "--weights", "1,3")
    assert done.returncode == 0, done.stderr
    found = vifex_command("search", store, image, "--view", "fused", "-k", 1, "--json")
    hit = json.loads(found.stdout)["hits"][0]
    assert hit["name"] == "still.png"
    assert hit["score"] == pytest.approx(1.0, abs=1e-3)


def _demo() -> ModuleType:
    script = TESTS.parent / "scripts" / "demo.py"
    spec = importlib.util.spec_from_file_location("vifex_demo_of_shots", script)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_shots_of_a_film_are_found_where_they_were_cut(tmp_path: Path, vifex_command: Any) -> None:
    """Camera movements over four photographs, 340 frames at 25 a second: every cut, to the frame."""
    pytest.importorskip("skimage", reason="the demo's photographs come with scikit-image")
    demo = _demo()
    shots = demo.VIDEOS["travel.mp4"]
    film, store = tmp_path / "travel.mp4", tmp_path / "lib.vifex"
    demo.write_video(film, shots)
    assert vifex_command("extract", film, "-o", store, "--every", 1, "-q").returncode == 0
    done = vifex_command("tree", store)
    assert done.returncode == 0, done.stderr
    assert "views tree.video, tree.scene, tree.shot" in done.stdout
    edges_s = [n / demo.FPS for n in accumulate((s.n_frames for s in shots), initial=0)]
    assert edges_s[1:3] == [3.52, 6.72]
    with vifex.open(store, view="tree.shot") as found:
        rows = found.to_arrow().to_pylist()
        np.testing.assert_allclose([r["t_start_s"] for r in rows], edges_s[:-1], atol=1e-6)
        np.testing.assert_allclose([r["t_end_s"] for r in rows], edges_s[1:], atol=1e-6)
        hit = found.search(f"{film}@00:05", k=1)[0]
    assert (hit.t_start_s, hit.t_end_s) == (pytest.approx(3.52), pytest.approx(6.72))
    with vifex.open(store, view="tree.video") as whole:
        assert [(r["t_start_s"], r["t_end_s"]) for r in whole.to_arrow().to_pylist()] == [
            (0.0, pytest.approx(edges_s[-1]))
        ]
