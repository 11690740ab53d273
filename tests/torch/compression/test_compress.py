"""`vifex compress` through the real command and the real files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import vifex
from vifex.cli.app import main
from vifex.models import load_model
from vifex.models.files import weights_files

NETWORK = "torch:compressible:padded_resnet"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of images, and a file that is no image."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for i in range(48):
        place = folder / ("dark" if i % 2 else "light")
        place.mkdir(exist_ok=True)
        small = rng.integers(0, 100, (5, 5, 3), dtype=np.uint8) + np.uint8(0 if i % 2 else 120)
        Image.fromarray(small).resize((40, 36), Image.Resampling.BICUBIC).save(place / f"{i:02d}.png")
    (folder / "dark" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    return folder


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return int(left.value.code or 0)


def test_a_pruned_network_is_a_model_that_extract_takes(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = tmp_path / "small.xml"
    words = ["--prune", 0.6, "--recover", images, "--epochs", 1, "--seconds", 0.2, "--json"]
    assert run("compress", "torch:compressible:two_classes", "-o", small, *words) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert "1 images of" in err
    assert json.loads((tmp_path / "small.compression.json").read_text()) == found
    before, after = found["before"], found["after"]
    assert after["multiplications"] <= 0.64 * before["multiplications"]
    assert after["parameters"] < before["parameters"]
    assert after["file_bytes"] == sum(p.stat().st_size for p in weights_files(small)) < before["file_bytes"]
    assert before["images_per_s"]["median"] > 0 < after["images_per_s"]["median"]
    assert [near["layer"] for near in found["fidelity"]] == ["penultimate"]
    assert 0.5 < found["fidelity"][0]["cosine_mean"] <= 1
    # A tenth, which recovery did not see: every tenth image of both folders in their order.
    assert found["images"] == 5
    assert found["epochs"] == 1
    assert before["accuracy"] == pytest.approx(accuracy_by_hand(images), abs=0.01)
    # Without torch's code: the graph alone, by its card.
    model = load_model(small)
    assert model.engine == "openvino"
    assert model.card.default_layers == ("penultimate",)
    assert vifex.extract(images, tmp_path / "a.vifex", model=small).rows == 48
    with vifex.open(tmp_path / "a.vifex") as store:
        assert store.to_numpy("penultimate").shape == (48, 16)
    assert not [p.name for p in tmp_path.iterdir() if p.name.startswith(".")]


def accuracy_by_hand(images: Path) -> float:
    """Part of the images held out whose class has the larger output."""
    import compressible

    right = []
    for path in sorted(images.rglob("[0-9]*.png"))[5::10]:
        pixels = Image.open(path).resize((32, 32), Image.Resampling.BILINEAR)
        x = (torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float() / 255 - 0.5) / 0.25
        right.append(int(compressible.two_classes()(x).argmax()) == ["dark", "light"].index(path.parent.name))
    return sum(right) / len(right)


def test_the_graph_computes_what_the_torch_network_computes(tmp_path: Path) -> None:
    """Nothing but the method changes a network: without one the features are equal."""
    import compressible

    from vifex.compression.outputs import open_subject
    from vifex.compression.writing import write_graph
    from vifex.engines import load_engine

    model = load_model(NETWORK)
    subject = open_subject(model)
    written = write_graph(subject.module, subject.card, tmp_path / "a.xml", default_layers=("penultimate",))
    engine = load_engine("openvino")
    layers = engine.resolve_layers(written, ["penultimate", "linear", "layer1"])
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    with engine.compile(written, layers, precision="fp32", batch=2) as network:
        found = network.submit(pixels).result()
    x = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.25
    expected = compressible.padded_resnet()(x).detach().numpy()
    np.testing.assert_allclose(found["linear"], expected, atol=1e-4)
    assert found["layer1"].shape == (2, 8, 32, 32)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "nothing says how to compress"),
        (("--prune", "1.5"), "--prune takes the part of the multiplications that stays"),
        (("--low-rank", "0"), "--low-rank takes the part of the multiplications that stays"),
        (("--prune", "0.5", "--low-rank", "0.5"), "exclude each other"),
        (("--int8",), "--int8 needs images"),
        (("--prune", "0.5", "--epochs", "-1"), "--epochs must be at least 0"),
        (("--prune", "0.5", "--lr", "0"), "--lr must be a number above 0"),
        (("--prune", "0.5", "--recover", "empty"), "empty"),
        (("--prune", "0.5", "--recover", "no.parquet"), "no.parquet: there is no such file"),
        (("--prune", "0.5", "-o", "a.onnx"), "ends in .xml"),
        (("--prune", "0.5", "-o", "there.xml"), "the file exists"),
        (("--prune", "0.5", "-o", "nowhere/a.xml"), "its folder does not exist"),
    ],
)
def test_bad_input_is_one_sentence(
    words: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "there.xml").touch()
    output = () if "-o" in words else ("-o", "a.xml")
    assert run("compress", NETWORK, *output, *words) == 4
    err = capsys.readouterr().err
    assert message in err
    assert len([line for line in err.splitlines() if line.startswith("vifex:")]) == 1
    assert not (tmp_path / "a.xml").exists()


@pytest.mark.parametrize("method", ["--prune", "--low-rank"])
def test_a_network_that_a_method_does_not_take_is_refused(
    method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("compress", "torch:compressible:depthwise", "-o", tmp_path / "a.xml", method, 0.5) == 4
    assert "none of its" in capsys.readouterr().err


def test_a_graph_file_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("compress", "vifex-small-1", "-o", tmp_path / "a.xml", "--prune", 0.5) == 4
    assert "only a network that torch runs can be pruned or factorised" in capsys.readouterr().err


def test_int8_takes_a_graph_file_and_comes_after_low_rank(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("nncf", reason="the extra int8 is not installed")
    words = ["--low-rank", 0.95, "--int8", "--recover", images, "--epochs", 0]
    words += ["--seconds", 0.2, "--json"]
    assert run("compress", NETWORK, "-o", tmp_path / "small.xml", *words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["method"] == "factorised to 0.95 of its multiplications and quantised to int8"
    assert "FakeQuantize" in (tmp_path / "small.xml").read_text()
    assert found["fidelity"][0]["cosine_mean"] > 0.5
    assert vifex.extract(images, tmp_path / "a.vifex", model=tmp_path / "small.xml").rows == 48
