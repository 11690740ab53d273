"""Networks whose own processor does more than its settings say, from files to features, or refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import vifex
from vifex.models import load_model
from vifex.models.families.libraries.hf_check import checked_pixels
from vifex.values import ModelError, Processor, Recipe

Tiny = Callable[[str], Path]

PADDED = {
    "image_processor_type": "LlavaImageProcessor",
    "do_pad": True,
    "do_resize": True,
    "size": {"shortest_edge": 32},
    "do_center_crop": True,
    "crop_size": {"height": 32, "width": 32},
    "do_rescale": True,
    "do_normalize": True,
    "image_mean": [0.48, 0.46, 0.41],
    "image_std": [0.27, 0.26, 0.28],
    "resample": 3,
}
"""Pads to a square with its mean colour before it resizes."""


@pytest.fixture(scope="module")
def padded(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ViT with a processor that no card can say."""
    folder = tmp_path_factory.mktemp("padded") / "vit"
    shutil.copytree(tiny("vit"), folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PADDED))
    return folder


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """Images of several shapes, and a video."""
    folder = tmp_path / "media"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i, size in enumerate(((97, 61), (40, 130), (64, 64), (30, 20))):
        coarse = Image.fromarray(rng.integers(0, 256, (7, 9, 3), dtype=np.uint8))
        coarse.resize(size, Image.Resampling.BICUBIC).save(folder / f"{i}.png")
    with av.open(str(folder / "clip.mp4"), "w") as file:
        stream = file.add_stream("libx264", rate=2)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        for i in range(4):
            frame = np.full((32, 64, 3), i * 60, np.uint8)
            frame[:, : 16 * i] = 255 - i * 60
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(stream.encode(None))
    return folder


def own_features(folder: Path, image: Image.Image) -> Any:
    """The library's own way: its processor, its network, its class token behind the encoder."""
    import torch
    from transformers import AutoImageProcessor, ViTForImageClassification

    processor = AutoImageProcessor.from_pretrained(folder)
    network = ViTForImageClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        inputs = processor(images=image, return_tensors="pt")
        return network.vit(**inputs).last_hidden_state[0, 0].numpy()


def test_the_processor_itself_makes_the_pixels(padded: Path, media: Path, vifex_command: Any) -> None:
    words = ["extract", media, "-o", media.parent / "lib.vifex", "--model", f"hf/{padded}"]
    made = vifex_command(*words, "--precision", "fp32", "--fps", "2", "--json", "-q")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["rows"] == 8
    with vifex.open(media.parent / "lib.vifex") as store:
        rows = store.to_arrow(["name", "t_s", "penultimate"]).to_pylist()
        recipe = store.recipe
    for row in rows:
        if row["t_s"] is None:
            image = Image.open(media / row["name"].rpartition("/")[2])
        else:
            image = _frame(media / "clip.mp4", row["t_s"])
        wanted = own_features(padded, image)
        # Half a step of 255 is lost where its border is no whole number.
        np.testing.assert_allclose(row["penultimate"], wanted, atol=0.01 * float(np.abs(wanted).max()))
    assert recipe.pixels.decode == "exact"
    assert recipe.pixels.processor is not None
    assert recipe.pixels.processor.kind == "LlavaImageProcessor"
    again = Recipe.from_dict(json.loads(json.dumps(recipe.to_dict())))
    assert (again, again.hash) == (recipe, recipe.hash)
    shown = vifex_command("show", media.parent / "lib.vifex")
    assert "32 x 32, by transformers' own LlavaImageProcessor, decoded in full" in shown.stdout
    done = vifex_command(*words, "--precision", "fp32", "--fps", "2", "--json", "-q")
    assert json.loads(done.stdout)["already_done"] == 5


def _frame(path: Path, t_s: float) -> Image.Image:
    with av.open(str(path)) as file:
        frames = [(float(f.pts * f.time_base), f) for f in file.decode(video=0)]
        return next(f.to_image() for at, f in reversed(frames) if at <= t_s + 1e-6)


def test_a_query_goes_through_the_processor_too(padded: Path, media: Path) -> None:
    target = media.parent / "lib.vifex"
    vifex.extract(f"{media}/*.png", target, model=f"hf/{padded}", precision="fp32")
    with vifex.open(target, model=f"hf/{padded}") as store:
        best = store.search(media / "1.png", 1)[0]
    assert best.name.endswith("1.png")
    assert best.score == pytest.approx(1, abs=1e-5)
    features = vifex.load_model(f"hf/{padded}").features([media / "1.png"], precision="fp32")
    np.testing.assert_allclose(
        features["penultimate"][0],
        own_features(padded, Image.open(media / "1.png")),
        atol=0.01 * float(np.abs(features["penultimate"]).max()),
    )


def test_regions_on_maps_need_a_place_in_the_pixels(padded: Path, media: Path) -> None:
    options: dict[str, Any] = {"model": f"hf/{padded}", "regions": "roi_align", "grid": "2x2"}
    options["layers"] = ["vit.embeddings.patch_embeddings.projection"]
    with pytest.raises(vifex.InputError, match=r"without saying what went where.*Use `regions=\"crop\"`"):
        vifex.extract(media / "0.png", media.parent / "maps.vifex", **options)


@pytest.mark.parametrize("kind", ["pipeline", "AutoModel", "Trainer", "nothing", "AutoImageProcessor"])
def test_a_recipe_names_processors_alone(kind: str) -> None:
    """A store of somebody else may name anything: nothing but a processor of pixels is made of it."""
    own = Processor(
        kind, json.dumps({"task": "text-generation", "trust_remote_code": True}), 255.0, (0,), (1,)
    )
    with pytest.raises(ModelError, match="no processor of pixels of that name"):
        own.load()


def test_levit_s_shorter_side_is_larger_than_its_settings_say() -> None:
    from transformers import LevitImageProcessor

    sizes = {"size": {"shortest_edge": 64}, "crop_size": {"height": 64, "width": 64}}
    found = checked_pixels(LevitImageProcessor(**sizes), of="x")
    assert (found["resize"], found["resize_px"]) == ("shortest", 73)  # int(256 / 224 * 64)


@pytest.mark.parametrize(
    ("kind", "settings", "why"),
    [
        ("DPTImageProcessor", {"keep_aspect_ratio": True, "ensure_multiple_of": 32}, "sizes of their own"),
        ("ViTImageProcessor", {"do_resize": False}, "sizes of their own"),
        ("DetrImageProcessor", {}, "sizes of their own"),
        ("Siglip2ImageProcessor", {}, r"it makes \[1, 256, 768\] of an image"),
        ("AriaImageProcessor", {}, "it also makes 'pixel_mask'"),
        ("VitMatteImageProcessor", {}, r"cannot be run on an image alone \(TypeError"),
        ("Pix2StructImageProcessor", {}, "not 'pixel_values'"),
    ],
)
def test_what_makes_no_pixels_of_one_size_is_refused(kind: str, settings: dict[str, Any], why: str) -> None:
    import transformers

    with pytest.raises(ModelError, match=why):
        checked_pixels(getattr(transformers, kind)(**settings), of="hf/x")


def test_a_card_stays_where_its_words_give_the_processor_s_own_pixels(tiny: Tiny) -> None:
    card = load_model(f"hf/{tiny('clip')}", weights="random:0").card
    assert (card.resize, card.resize_px, card.processor) == ("shortest", 32, None)
