"""`vifex.load_model`: vectors and layers of images and videos, of every type, compiled once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vifex
from vifex.engines.openvino.engine import OpenVinoEngine


@pytest.fixture(scope="module")
def model() -> vifex.LoadedModel:
    return vifex.load_model()


def test_vectors_are_those_of_a_store(model: vifex.LoadedModel, store: vifex.Store, media: Path) -> None:
    for name in "abc":
        vector = model.encode(media / f"{name}.png")
        assert vector.shape == (1, 512)
        np.testing.assert_allclose(vector, store.item(f"{name}.png").features, rtol=0, atol=1e-5)
    of_video = model.encode(media / "clip.mp4", fps=2)
    np.testing.assert_allclose(of_video, store.item("clip.mp4").features, rtol=0, atol=1e-5)


def test_every_type_of_image_gives_the_same(model: vifex.LoadedModel, media: Path) -> None:
    paths = [media / f"{name}.png" for name in "abc"]
    images = [Image.open(path).convert("RGB") for path in paths]
    arrays = [np.asarray(image) for image in images]
    expected = model.encode(paths)
    assert expected.shape == (3, 512)
    mixed = [str(paths[0]), images[1], arrays[2]]
    for given in (images, arrays, np.stack(arrays), iter(images), tuple(paths), (a for a in arrays), mixed):
        np.testing.assert_array_equal(model.encode(given), expected)  # type: ignore[arg-type]


def test_many_images_keep_their_order(model: vifex.LoadedModel) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (37, 40, 48, 3), dtype=np.uint8)
    together = model.encode(iter(images))
    apart = np.concatenate([model.encode(image) for image in images])
    assert together.shape == (37, 512)
    np.testing.assert_allclose(together, apart, rtol=0, atol=1e-3)


def test_one_layer_pooled_or_whole(model: vifex.LoadedModel, media: Path) -> None:
    whole = model.encode(media / "a.png", layer="stages.3", pool="none")
    assert whole.shape[:2] == (1, 80)
    np.testing.assert_array_equal(whole, model.features(media / "a.png", layers="stages.3")["stages.3"])
    pooled = model.encode(media / "a.png", layer="stages.3", pool="max")
    np.testing.assert_allclose(pooled, whole.max(axis=(2, 3)))
    unit = model.encode(media / "a.png", normalize=True)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-6)
    with pytest.raises(vifex.ModelError, match="no layer"):
        model.encode(media / "a.png", layer="nothing")
    with pytest.raises(vifex.InputError, match="encode reads one layer, and these were found"):
        model.encode(media / "a.png", layer="stages.*")


def test_a_video_is_given_by_itself(model: vifex.LoadedModel, media: Path) -> None:
    features = model.features(media / "clip.mp4", layers=["stages.3", "embedding"], fps=4)
    assert {name: len(array) for name, array in features.items()} == {"stages.3": 12, "embedding": 12}
    assert len(model.encode([media / "clip.mp4"])) == 3
    with pytest.raises(vifex.InputError, match=r"a video in a list .* or use vifex\.stream"):
        model.encode([media / "a.png", media / "clip.mp4"])


def test_nothing_gives_nothing(model: vifex.LoadedModel) -> None:
    assert model.encode([]).shape == (0, 512)
    assert model.features(iter(()))["embedding"].shape == (0, 512)


@pytest.mark.parametrize(
    "wrong", [3, None, b"a.png", {"a": 1}, [None], [3], np.zeros((4, 4), np.uint8), [[]]]
)
def test_other_types_are_refused_with_those_that_are_taken(model: vifex.LoadedModel, wrong: Any) -> None:
    with pytest.raises(vifex.InputError, match=r"is no image.* Give a path, a Pillow image, a uint8 RGB"):
        model.encode(wrong)


def test_a_network_is_compiled_once_for_one_image_and_once_for_many(
    media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = []
    compile_ = OpenVinoEngine.compile

    def counted(self: OpenVinoEngine, *words: Any, **more: Any) -> Any:
        compiled.append(more["batch"])
        return compile_(self, *words, **more)

    monkeypatch.setattr(OpenVinoEngine, "compile", counted)
    with vifex.load_model() as model:
        for _ in range(3):
            model.encode(media / "a.png")
            model.encode([media / "a.png", media / "b.png"])
        assert compiled == [1, 8]
        model.encode(media / "a.png", precision="fp32")
        assert len(compiled) == (2 if "bf16" not in str(OpenVinoEngine().resolve_precision("auto")) else 3)
    model.encode(media / "a.png")  # closed, it compiles again
    assert compiled[-1] == 1


def test_few_networks_are_kept(media: Path) -> None:
    with vifex.load_model() as model:
        for layer in ("stages.0", "stages.1", "stages.2", "stages.3", "embedding", "stages.0"):
            assert model.encode(media / "a.png", layer=layer).shape[0] == 1
        assert len(model._kept._networks) == 4


def test_threads_share_a_model(model: vifex.LoadedModel) -> None:
    from concurrent.futures import ThreadPoolExecutor

    images = np.random.default_rng(1).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
    expected = [model.encode(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(model.encode, images))
    np.testing.assert_array_equal(found, expected)


def test_words_are_those_that_the_model_knows(model: vifex.LoadedModel) -> None:
    with pytest.raises(vifex.InputError, match="knows the names of 1,000 kinds of things, and not these"):
        model.encode_text("a cat on a mat")
    assert model.encode_text(["a cat", "espresso"]).shape == (2, 512)
    for wrong in (3, [3], b"a"):
        with pytest.raises(vifex.InputError, match="is no text"):
            model.encode_text(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("choice", "error", "said"),
    [
        ({"name": 3}, vifex.InputError, "int is no model. Give a name, the path of a file, or a torch"),
        ({"device": "gpu"}, vifex.EngineError, "there is no device 'gpu'"),
        ({"device": "cuda"}, vifex.EngineError, "the device cuda is for networks that are code"),
        ({"engine": "torch"}, vifex.EngineError, "the engine torch is for networks that are code"),
        ({"engine": "onnx"}, vifex.EngineError, "there is no engine 'onnx'"),
        ({"compile": True}, vifex.EngineError, "compile is for networks that torch runs"),
        ({"precision": "fp8"}, vifex.EngineError, "there is no precision 'fp8'"),
        ({"transform": print}, vifex.InputError, "a transform is for a torch.nn.Module"),
        ({"card": {"height_px": 3}}, vifex.InputError, "a card that is a dict is for a torch.nn.Module"),
    ],
)
def test_choices_that_do_not_fit(choice: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        vifex.load_model(**choice).encode(np.zeros((8, 8, 3), np.uint8))


def test_choices_that_fit(media: Path) -> None:
    model = vifex.load_model("default", device="cpu", engine="openvino", precision="fp32")
    default = vifex.load_model().encode(media / "a.png", precision="fp32")
    np.testing.assert_array_equal(model.encode(media / "a.png"), default)
