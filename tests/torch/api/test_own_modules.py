"""A user's own `torch.nn.Module` with its transform or its card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import transforms

import vifex
from vifex.models import held


class Net(nn.Module):
    """Two convolutions and a head, with a plain attribute that decides numbers."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 8, 3, 2)
        self.second = nn.Conv2d(8, 16, 3, 2)
        self.head = nn.Linear(16, 5)
        self.drop = nn.Dropout(0.5)
        self.gain = gain

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.second(torch.relu(self.first(x)))
        return self.gain * self.head(self.drop(x.mean(dim=(2, 3))))


TRANSFORM = transforms.Compose(
    [
        transforms.Resize(40),
        transforms.CenterCrop(32),
        transforms.ToTensor(),
        transforms.Normalize([0.5, 0.4, 0.3], [0.2, 0.3, 0.4]),
    ]
)
CARD = {"height_px": 32, "width_px": 32, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4], "resize": "stretch"}


@pytest.fixture
def images() -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (50, 70, 3), dtype=np.uint8)) for _ in range(11)]


def expected(net: nn.Module, images: list[Image.Image]) -> np.ndarray:
    with torch.inference_mode():
        found: np.ndarray = net.eval()(torch.stack([TRANSFORM(image) for image in images])).numpy()
    return found


def test_a_module_with_its_transform(images: list[Image.Image]) -> None:
    net = Net()
    model = vifex.load_model(net, transform=TRANSFORM, precision="fp32", device="cpu")
    np.testing.assert_allclose(model.encode(images, layer="head"), expected(net, images), atol=1e-5)
    np.testing.assert_allclose(model.encode(iter(images)), expected(net, images), atol=1e-5)
    layers = {layer.name: layer.shape for layer in model.layers}
    assert (layers["first"], layers["second"], layers["head"]) == ((8, 15, 15), (16, 7, 7), (5,))
    maps = model.features(images[0], layers=["second"])["second"]
    with torch.inference_mode():
        x = net.second(torch.relu(net.first(TRANSFORM(images[0])[None])))
    np.testing.assert_allclose(maps, x.numpy(), atol=1e-5)


def test_files_arrays_and_tensors_go_through_the_transform(images: list[Image.Image], tmp_path: Path) -> None:
    net = Net()
    model = vifex.load_model(net, transform=TRANSFORM, precision="fp32", device="cpu")
    wanted = expected(net, images[:1])
    images[0].save(tmp_path / "a.png")
    pixels = np.asarray(images[0])
    tensor = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
    for given in (tmp_path / "a.png", [str(tmp_path / "a.png")], pixels, tensor, tensor[None], [tensor]):
        np.testing.assert_allclose(model.encode(given), wanted, atol=1e-5)


def test_a_module_with_a_card_is_extracted_and_searched(images: list[Image.Image], tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    for i, image in enumerate(images):
        image.save(tmp_path / "media" / f"{i:02}.png")
    model = vifex.load_model(Net(), card=CARD, precision="fp32", device="cpu")
    report = vifex.extract(tmp_path / "media", tmp_path / "s.vifex", model=model, layers=["head"], workers=1)
    assert report.rows == len(images)
    with vifex.open(tmp_path / "s.vifex", model=model) as store:
        assert store.search(images[4])[0].name == "04.png"
        np.testing.assert_allclose(store.to_numpy(), model.encode(images, layer="head"), atol=1e-4)
    with (
        vifex.open(tmp_path / "s.vifex") as store,
        pytest.raises(vifex.InputError, match="not loaded just because a store names it"),
    ):
        store.search(images[4])
    (batch,) = vifex.stream(tmp_path / "media" / "03.png", model=model, layers=["head"], workers=1)
    np.testing.assert_allclose(batch.features["head"], model.encode(images[3], layer="head"), atol=1e-4)


def test_the_users_module_stays_as_it_is(images: list[Image.Image]) -> None:
    net = Net().train()
    model = vifex.load_model(net, transform=TRANSFORM, device="cpu", precision="fp32")
    before = model.encode(images[:2])
    assert net.training
    assert all(p.requires_grad for p in net.parameters())
    with torch.no_grad():
        for p in net.parameters():
            p.zero_()
    np.testing.assert_array_equal(model.encode(images[:2]), before)
    assert np.abs(before).max() > 0


def test_modules_that_differ_in_an_attribute_alone_are_not_mixed_up(images: list[Image.Image]) -> None:
    for engine in ("torch", "openvino"):
        options: Any = {"card": CARD, "device": "cpu", "precision": "fp32", "engine": engine}
        one = vifex.load_model(Net(1.0), **options).encode(images[0])
        two = vifex.load_model(Net(2.0), **options).encode(images[0])
        np.testing.assert_allclose(two, 2 * one, rtol=1e-4)


def test_openvino_takes_it_where_it_is_asked_for(images: list[Image.Image]) -> None:
    net = Net()
    model = vifex.load_model(net, transform=TRANSFORM, engine="openvino", precision="fp32")
    np.testing.assert_allclose(model.encode(images), expected(net, images), atol=1e-4)


def test_a_module_that_nobody_holds_is_let_go() -> None:
    import gc

    before = len(held._HELD)
    model = vifex.load_model(Net(), transform=TRANSFORM, device="cpu")
    assert len(held._HELD) == before + 1
    del model
    gc.collect()
    assert len(held._HELD) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({}, "does not say how it takes its input"),
        ({"card": CARD, "transform": TRANSFORM}, "a card and a transform were given"),
        ({"card": 3}, "int is no model card"),
        ({"card": {"height_px": 32}}, "the model card has no 'width_px'"),
        ({"transform": 3}, "int is no transform"),
        ({"transform": transforms.ToTensor(), "weights": "random:0"}, "a module brings its weights with it"),
        ({"transform": lambda image: torch.zeros(1, 3, 8, 8)}, r"the transform gives \[1, 3, 8, 8\]"),
        ({"transform": lambda image: None}, "the transform gives NoneType"),
    ],
)
def test_what_does_not_fit_is_told(words: dict[str, Any], said: str) -> None:
    with pytest.raises(vifex.VifexError, match=said):
        vifex.load_model(Net(), **words)


def test_a_transform_that_keeps_sizes_is_refused(images: list[Image.Image]) -> None:
    model = vifex.load_model(Net(), transform=transforms.ToTensor(), device="cpu")
    with pytest.raises(vifex.InputError, match=r"gives \[3, 50, 70\] for an image of 70 x 50 pixels"):
        model.encode(images[0])


def test_decoders_do_not_run_a_transform(tmp_path: Path) -> None:
    model = vifex.load_model(Net(), transform=TRANSFORM, device="cpu")
    for call in (
        lambda: vifex.extract(tmp_path, tmp_path / "s", model=model),
        lambda: vifex.stream(".", model=model),
    ):
        with pytest.raises(vifex.InputError, match=r"which decoder processes do not run.*with card="):
            call()  # type: ignore[no-untyped-call]
