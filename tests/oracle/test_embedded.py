"""The embedded model in the default precision against itself in float32, on real photographs, and its words.

`tests/torch/test_embedded.py` compares it with the published network.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from PIL import Image

import vifex
from vifex.models import load_model


@pytest.fixture(scope="module")
def photographs(shared_media: Path) -> list[Path]:
    return sorted((shared_media.parent / "data" / "photos").glob("*.jpg"))[::5]


@pytest.mark.shared
def test_the_default_precision_points_the_same_way(photographs: list[Path]) -> None:
    exact = vifex.load_model(precision="fp32").encode(photographs, normalize=True)
    fast = vifex.load_model().encode(photographs, normalize=True)
    cosines = (exact * fast).sum(1)
    assert cosines.min() > 0.99
    assert cosines.mean() > 0.998


@pytest.mark.shared
def test_other_sizes_are_taken(photographs: list[Path]) -> None:
    """The network has no size of its own: its features of a larger image are near those of the usual size."""
    run = ov.Core().compile_model(load_model().file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    usual, larger = (_embedded(run, photographs[0], side) for side in (160, 224))
    assert usual @ larger > 0.8


def _embedded(run: ov.CompiledModel, path: Path, side: int) -> np.ndarray:
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR), np.float32)
    ready = ((pixels - 127) / 128).transpose(2, 0, 1)[None]
    (vector,) = run([ready])[0]
    return vector / np.linalg.norm(vector)


@pytest.mark.shared
def test_words_find_photographs_of_what_they_name(photographs: list[Path]) -> None:
    """The files are called by their classes: `n02123045_tabby.JPEG`."""
    model = vifex.load_model()
    names = [path.stem.partition("_")[2].replace("_", " ") for path in photographs]
    rows, words = model.encode(photographs, normalize=True), model.encode_text(names, normalize=True)
    found = np.argmax(words @ rows.T, axis=1)
    assert (found == np.arange(len(names))).mean() > 0.8
