"""Sound through the whole way: films and sounds to a view of their own beside images, and searched."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import vifex
from vifex.values import AudioSpec

TESTS = Path(__file__).parents[1]
sounds: Any = SimpleNamespace(**runpy.run_path(str(TESTS / "unit" / "media" / "sounds.py")))
network: Any = SimpleNamespace(**runpy.run_path(str(TESTS / "support" / "sound_network.py")))


def _melody(*hertz: float) -> np.ndarray:
    return np.concatenate([sounds.tone(h, 1.0) for h in hertz])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, vifex_command: Any) -> Path:
    """A film, sounds of three formats, an image and a film without sound, extracted by the command."""
    folder = tmp_path_factory.mktemp("sound")
    media = folder / "media"
    media.mkdir()
    network.write_network(folder)
    sounds.write_sound(media / "film.mkv", _melody(250, 500, 1000, 2000), video_frames=40)
    sounds.write_sound(media / "low.wav", _melody(250, 250))
    sounds.write_sound(media / "high.flac", _melody(2000), codec="flac")
    sounds.write_sound(media / "mid.m4a", np.stack([_melody(500, 1000)] * 2), codec="aac", block=1024)
    Image.new("RGB", (40, 30), "teal").save(media / "still.png")
    made = runpy.run_path(str(TESTS / "unit" / "media" / "made.py"))
    made["write_video"](media / "mute.mp4", range(0, 2000, 100))
    (media / "notes.txt").write_text("nothing to hear")
    done = vifex_command("extract", media, "-o", folder / "lib.vifex", *_views(folder), "--json")
    assert done.returncode == 0, done.stderr
    (folder / "report.json").write_text(done.stdout)
    return folder


def _views(folder: Path) -> list[str]:
    return ["--model", "default", "--model", str(folder / "levels.onnx")]


def test_each_view_has_what_it_is_for(place: Path) -> None:
    report = json.loads((place / "report.json").read_text())
    assert (report["media"], report["ok"], report["skipped"], report["failed"]) == (7, 6, 1, 0)
    found: dict[str, dict[str, tuple[str, int, str]]] = {}
    for view in ("levels-1", "vifex-small-1"):
        with vifex.open(place / "lib.vifex", view=view) as opened:
            entries = opened.ledger().to_pylist()
        found[view] = {e["name"]: (e["status"], e["rows"], e["reason"]) for e in entries}
    heard, seen = found["levels-1"], found["vifex-small-1"]
    assert heard["film.mkv"] == ("ok", 4, "")
    assert heard["low.wav"] == ("ok", 2, "")
    assert heard["high.flac"] == ("ok", 1, "")
    # AAC comes in whole blocks: the last one reaches beyond 2 s. FFmpeg 9 cuts it where the edit list ends.
    assert heard["mid.m4a"] == ("ok", 3 if av.library_versions["libavformat"][0] < 63 else 2, "")
    assert heard["still.png"] == heard["mute.mp4"] == ("skipped", 0, "no audio stream")
    assert seen["film.mkv"] == ("ok", 4, "")
    assert seen["still.png"][0] == "ok"
    assert seen["mute.mp4"] == ("ok", 2, "")
    assert {seen[n] for n in ("low.wav", "high.flac", "mid.m4a")} == {("skipped", 0, "no video stream")}


def test_rows_say_what_is_heard_and_when(place: Path) -> None:
    """The network's four outputs are the powers of 250, 500, 1000 and 2000 Hz; the film has one a second."""
    with vifex.open(place / "lib.vifex", view="levels-1") as opened:
        rows = opened.to_arrow(where="name = 'film.mkv'").sort_by("ordinal")
        levels = opened.to_numpy(where="name = 'film.mkv'")
        recipe = opened.recipe
    np.testing.assert_allclose(levels, 0.25 * np.eye(4), atol=5e-3)
    assert rows.column("t_start_s").to_pylist() == [0.0, 1.0, 2.0, 3.0]
    assert rows.column("t_end_s").to_pylist() == [1.0, 2.0, 3.0, 4.0]
    assert rows.column("pts").to_pylist() == [0, 1000, 2000, 3000]
    assert set(rows.column("time_base").to_pylist()) == {"1/1000"}
    assert set(rows.column("frame_index").to_pylist()) == {None}
    assert recipe.audio == AudioSpec(16_000, 1.0, 1.0)
    assert recipe.precision == "fp32"
    with vifex.open(place / "lib.vifex", view="vifex-small-1") as opened:
        assert opened.to_arrow(["t_s"], where="name = 'film.mkv'").column(0).to_pylist() == [
            0.0,
            1.0,
            2.0,
            3.0,
        ]


def test_the_same_command_again_does_nothing(place: Path, vifex_command: Any) -> None:
    done = vifex_command("extract", place / "media", "-o", place / "lib.vifex", *_views(place), "--json")
    report = json.loads(done.stdout)
    assert (report["already_done"], report["rows"]) == (7, 0)


def test_a_view_of_sound_alone_is_the_same(place: Path, vifex_command: Any) -> None:
    alone = place / "alone.vifex"
    done = vifex_command("extract", place / "media", "-o", alone, "-m", place / "levels.onnx")
    assert done.returncode == 0
    with vifex.open(alone) as one, vifex.open(place / "lib.vifex", view="levels-1") as other:
        assert one.recipe == other.recipe
        assert one.to_arrow().sort_by("key").equals(other.to_arrow().sort_by("key"))


def test_sounds_are_found_by_a_sound(place: Path, vifex_command: Any, tmp_path: Path) -> None:
    query = sounds.write_sound(tmp_path / "query.wav", sounds.tone(1000, 0.6))
    model = ("--model", place / "levels.onnx")
    done = vifex_command(
        "search", place / "lib.vifex", query, "--view", "levels-1", *model, "-k", "2", "--json"
    )
    hits = json.loads(done.stdout)["hits"]
    assert {(h["name"], h["t_s"]) for h in hits} == {("film.mkv", 2.0), ("mid.m4a", 1.0)}
    done = vifex_command(
        "search",
        place / "lib.vifex",
        f"{place / 'media' / 'film.mkv'}@3",
        "--view",
        "levels-1",
        *model,
        "-k",
        "2",
        "--json",
    )
    assert {h["name"] for h in json.loads(done.stdout)["hits"]} == {"film.mkv", "high.flac"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["media/low.wav", "--view", "levels-1", "--model", "levels.onnx"],
            "longer than one window of sound (1 s), so a time must be given",
        ),
        (
            ["media/still.png", "--view", "levels-1", "--model", "levels.onnx"],
            "the view is of sound, and it has no audio stream",
        ),
        (
            ["media/low.wav", "--view", "vifex-small-1"],
            "the view is of images, and it has no video stream",
        ),
        (["media/low.wav", "--view", "levels-1"], "not loaded just because a store names it"),
        (["a dog that barks", "--view", "levels-1"], "the store's model has no text tower"),
    ],
)
def test_queries_that_cannot_be_asked(
    place: Path, vifex_command: Any, words: list[str], message: str
) -> None:
    done = vifex_command("search", "lib.vifex", *words, cwd=place)
    assert done.returncode == 4
    assert message in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--window", "1"], "--window is for models of sound, and no view has one"),
        (["--model", "levels.onnx", "--fps", "2"], "--fps is for models of images and videos"),
        (["--model", "levels.onnx", "--window", "2"], "takes at most 1 s of sound at once"),
        (["--model", "levels.onnx", "--window", "0"], "window_s must be at least one sample"),
    ],
)
def test_choices_that_do_not_fit(place: Path, vifex_command: Any, words: list[str], message: str) -> None:
    done = vifex_command("extract", "media", "-o", "other.vifex", *words, cwd=place)
    assert done.returncode in (2, 4)
    assert message in done.stderr
    assert not (place / "other.vifex").exists()


def test_people_are_told_of_windows(place: Path, vifex_command: Any) -> None:
    done = vifex_command("show", place / "lib.vifex", "--view", "levels-1")
    assert "sound    mono, 16000 Hz, windows of 1 s every 1 s, tail pad" in done.stdout
    done = vifex_command("layers", place / "levels.onnx")
    assert "levels-1: windows of 1 s of sound at 16000 Hz" in done.stdout


def test_features_of_sounds_in_python(place: Path) -> None:
    model = vifex.load_model(place / "levels.onnx")
    window = sounds.tone(500, 1.0)
    (by_array,) = model.features([window])["levels"]
    np.testing.assert_allclose(by_array, [0, 0.25, 0, 0], atol=1e-4)
    (by_path,) = model.features([place / "media" / "high.flac"])["levels"]
    np.testing.assert_allclose(by_path, [0, 0, 0, 0.25], atol=1e-4)
    with pytest.raises(vifex.InputError, match=r"float32 \[8000\] is no window of sound"):
        model.features([window[:8000]])
