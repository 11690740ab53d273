"""Networks of one's own through the real command: extract, resume, search by an image."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import vifex

NETWORKS = Path(__file__).with_name("tiny_networks.py")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder: a module of networks, images of different colours, one video."""
    shutil.copy(NETWORKS, tmp_path / "nets.py")
    media = tmp_path / "media"
    media.mkdir()
    rng = np.random.default_rng(0)
    for i in range(5):
        base = rng.integers(0, 200, 3)
        image = (base + rng.integers(0, 56, (40, 52, 3))).astype(np.uint8)
        Image.fromarray(image).save(media / f"{i}.png")
    with av.open(str(tmp_path / "clip.mp4"), "w") as file:
        stream = file.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for i in range(30):
            frame = np.full((32, 48, 3), i * 8, np.uint8)
            frame[:, : i + 8] = 255 - i * 8
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(stream.encode(None))
    return tmp_path


def test_a_network_of_one_s_own_from_images_to_a_search(folder: Path, vifex_command: Any) -> None:
    words = ["extract", "media", "-o", "lib.vifex", "-m", "torch:nets:Cnn", "--layers", "fc,layer*.0"]
    words += ["--weights", "random:3", "--json"]
    first = vifex_command(*words, cwd=folder)
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["ok"] == 5
    again = vifex_command(*words, cwd=folder)
    assert json.loads(again.stdout)["already_done"] == 5
    shown = vifex_command("show", "lib.vifex", cwd=folder).stdout
    assert "weights  untrained: its weights are random (random:3)" in shown
    told = json.loads(vifex_command("show", "lib.vifex", "--json", cwd=folder).stdout)["views"][0]
    assert (told["weights"], told["untrained"]) == ("random:3", True)
    with vifex.open(folder / "lib.vifex") as store:
        with pytest.raises(
            vifex.InputError, match=r"has 3 feature columns, so one must be named.*fc, layer1_0"
        ):
            store.to_numpy()
        assert store.to_numpy("fc").shape[0] == 5
    other = vifex_command(*words[:-3], "--weights", "random:4", cwd=folder)
    assert other.returncode == 4
    assert "weights_sha256" in other.stderr
    # The query's network runs only where the user names it, by the same engine.
    search = ["search", "lib.vifex", "media/3.png", "-k", "2", "--column", "layer1_0", "--json"]
    unnamed = vifex_command(*search, cwd=folder)
    assert unnamed.returncode == 4
    assert "--model torch:nets:Cnn --weights random:3" in unnamed.stderr
    found = vifex_command(*search, "--model", "torch:nets:Cnn", "--weights", "random:3", cwd=folder)
    assert found.returncode == 0, found.stderr
    best = json.loads(found.stdout)["hits"][0]
    assert best["name"].endswith("3.png")
    assert best["score"] == pytest.approx(1.0, abs=1e-4)


def test_the_recipe_says_the_engine_and_the_run_how_equal_it_is(folder: Path, vifex_command: Any) -> None:
    made = vifex_command(
        "extract", "media", "-o", "a.vifex", "-m", "torch:nets:Cnn", "--layers", "fc", cwd=folder
    )
    assert made.returncode == 0, made.stderr
    made = vifex_command(
        "extract", "media", "-o", "b.vifex", "-m", "torch:nets:Deciding", "--layers", "head", cwd=folder
    )
    assert made.returncode == 0, made.stderr
    records = {}
    for name in "ab":
        with vifex.open(folder / f"{name}.vifex") as store:
            run = json.loads(store._meant()._stored.runs()[1])
            records[store.recipe.engine] = run["engines"]["main"]
            assert store.recipe.model in ("torch:nets:Cnn", "torch:nets:Deciding")
            assert "torch" in run["versions"]
    assert records["openvino"]["worst_cosine"] >= 0.9999
    assert "why" in records["torch"]


def test_a_three_dimensional_network_gives_windows_with_times(folder: Path, vifex_command: Any) -> None:
    words = ["extract", "clip.mp4", "-o", "clips.vifex", "-m", "torch:nets:Clip3d"]
    words += ["--layers", "stem,body,head", "--clip", "6x2", "--precision", "fp32"]
    made = vifex_command(*words, cwd=folder)
    assert made.returncode == 0, made.stderr
    with vifex.open(folder / "clips.vifex") as store:
        rows = store.to_arrow(["t_start_s", "t_end_s"])
        assert rows.column("t_start_s").to_pylist() == pytest.approx([0.0, 1.2])
        assert rows.column("t_end_s").to_pylist() == pytest.approx([1.1, 2.3])
        assert store.to_numpy("head").shape == (2, 4)
        assert store.to_numpy("body").shape == (2, 8)
    assert json.loads(vifex_command(*words, "--json", cwd=folder).stdout)["already_done"] == 1


def test_features_of_a_clip_are_the_hooks_own(
    folder: Path, vifex_command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frames that the store names, decoded and shrunk by the package for pixels, through plain hooks."""
    from hooks import hooked, prepared

    import vifex
    from vifex.engines.torch.modules import make_module
    from vifex.media.read import frame_at
    from vifex.models import load_model
    from vifex.values import Limits

    made = vifex_command(
        *("extract", "clip.mp4", "-o", "c.vifex", "-m", "torch:nets:Clip3d", "--layers", "stem.0,body,head"),
        *("--clip", "6x2", "--precision", "fp32", "--pool", "none"),
        cwd=folder,
    )
    assert made.returncode == 0, made.stderr
    monkeypatch.chdir(folder)
    model = load_model("torch:nets:Clip3d")
    with vifex.open(folder / "c.vifex") as store:
        spec = store.recipe.pixels
        starts = store.to_arrow(["t_start_s"]).column("t_start_s").to_pylist()
        got = {name: store.to_numpy(name) for name in ("stem.0", "body", "head")}
    clips = np.stack(
        [
            np.stack([frame_at(folder / "clip.mp4", t + i * 0.2, spec, Limits()).pixels for i in range(6)])
            for t in starts
        ]
    )
    seen = hooked(make_module(model), prepared(model.card, clips))
    for name, value in got.items():
        expected = seen[name][0]
        np.testing.assert_allclose(
            value.reshape(expected.shape), expected, rtol=0, atol=1e-4 * np.abs(expected).max()
        )


def test_features_of_images_at_hand(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    model = vifex.load_model("torch:nets:Transformer")
    features = model.features(
        ["media/0.png", "media/1.png", "media/0.png"],
        layers=["blocks.-1", "blocks.1.softmax"],
        precision="fp32",
    )
    assert {k: v.shape for k, v in features.items()} == {
        "blocks.2": (3, 13, 16),
        "blocks.1.softmax": (3, 2, 13, 13),
    }
    np.testing.assert_allclose(features["blocks.1.softmax"].sum(-1), 1, atol=1e-5)
    np.testing.assert_allclose(features["blocks.2"][0], features["blocks.2"][2], atol=1e-6)
    assert [t.name for t in model.default_layers] == ["head"]


def test_layers_and_models_are_listed(folder: Path, vifex_command: Any) -> None:
    shown = vifex_command("layers", "torch:nets:Recurrent", "--weights", "random:0", "--json", cwd=folder)
    assert [layer["kind"] for layer in json.loads(shown.stdout)["layers"]] == [
        "sequence",
        "sequence",
        "vector",
    ]
    facts = json.loads(vifex_command("models", "show", "torch:nets:Cnn", "--json", cwd=folder).stdout)
    assert (facts["layers"], facts["here"], facts["default"]) == (14, True, ["fc"])
    parameters = 3 * 8 * 9 + 8 + 16 + (8 * 8 * 9 + 8 + 16) + (8 * 12 * 9 + 12 + 24) + 12 * 5 + 5
    assert facts["parameters"] == parameters


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("torch:nets", "'torch:nets' is not torch:MODULE:CALLABLE. Write for example"),
        ("torch:nots:Cnn", "Python finds no module 'nots'. Run the command in the folder of nots.py"),
        ("torch:nets:Cnm", "the module 'nets' has no 'Cnm'. Did you mean Cnn?"),
        ("torch:nets:value", "'value' is a int and cannot be called"),
        ("torch:nets:no_network", "it returned int, not a torch.nn.Module"),
        ("torch:nets:Attention", "missing 2 required positional arguments"),
    ],
)
def test_what_is_wrong_with_one_s_own_network_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, model: str, message: str
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(vifex.ModelError) as caught:
        vifex.load_model(model)
    assert message in str(caught.value)
    assert vifex.load_model("torch:nets:plain_function").card.height_px == 24, "its module carries the card"


def test_a_network_without_a_card_says_what_is_needed(
    folder: Path, vifex_command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "bare.py").write_text("from torch import nn\ndef net():\n    return nn.Conv2d(3, 4, 3)\n")
    (folder / "mine.toml").write_text('name = "bare-1"\nheight_px = 8\nwidth_px = 8\n')
    monkeypatch.chdir(folder)
    with pytest.raises(
        vifex.ModelError, match=r"no card .*`card=FILE`.*vifex_card = .*write bare\.vifex\.toml"
    ):
        vifex.load_model("torch:bare:net")
    assert vifex.load_model("torch:bare:net", card="mine.toml").card.name == "bare-1"
    # A query takes the card again that was given by hand.
    words = ["extract", "media", "-o", "s.vifex", "-m", "torch:bare:net", "--card", "mine.toml"]
    made = vifex_command(*words, "--layers", "output", cwd=folder)
    assert made.returncode == 0, made.stderr
    again = vifex_command("search", "s.vifex", "media/1.png", cwd=folder)
    assert f"--model torch:bare:net --card {folder / 'mine.toml'}" in again.stderr
    named = ["--model", "torch:bare:net", "--card", "mine.toml"]
    assert vifex_command("search", "s.vifex", "media/1.png", *named, cwd=folder).returncode == 0
    shutil.copy(folder / "mine.toml", folder / "bare.vifex.toml")
    assert vifex.load_model("torch:bare:net").card.name == "bare-1"
