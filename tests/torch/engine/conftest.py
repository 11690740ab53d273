"""The torch engine on the CPU, small networks by name, and pixels for them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
# These are tests of the CPU's path; `test_gpu.py` chooses its device itself.
os.environ.setdefault("VIFEX_TORCH_DEVICE", "cpu")


@pytest.fixture(scope="session")
def engine() -> Any:
    from vifex.engines import load_engine

    return load_engine("torch")


@pytest.fixture(scope="session")
def tiny() -> Callable[[str], Any]:
    """Load a network of `tiny_networks` with weights of seed 0."""
    from vifex.models import load_model

    return lambda name: load_model(f"torch:tiny_networks:{name}", weights="random:0")


@pytest.fixture(scope="session")
def pixels() -> Callable[..., Any]:
    """Ready pixels for a model: `pixels(model, n)`, uint8 `[n, (T,) H, W, 3]`."""

    def make(model: Any, n: int, seed: int = 0) -> Any:
        card = model.card
        frames = () if card.frames is None else (card.frames,)
        shape = (n, *frames, card.height_px, card.width_px, 3)
        return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)

    return make
