from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vifex.training.config import Config, with_settings


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIFEX_CACHE", str(tmp_path / "cache"))


def write_set(folder: Path, per_class: int = 50, side_px: int = 16) -> Path:
    """Write images of four classes, which a small network learns: bright quarters with noise."""
    rng = np.random.default_rng(0)
    half = side_px // 2
    for label in range(4):
        place = folder / f"quarter{label}"
        place.mkdir(parents=True)
        for i in range(per_class):
            pixels = rng.integers(0, 120, (side_px, side_px, 3), dtype=np.uint8)
            top, left = half * (label // 2), half * (label % 2)
            pixels[top : top + half, left : left + half] += 100
            Image.fromarray(pixels).save(place / f"{i:03}.png")
    return folder


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_set(tmp_path / "images")


@pytest.fixture
def config_for(images: Path) -> Callable[..., Any]:
    def make(*settings: str) -> Config:
        small = (
            f"data.train={images}", "data.size_px=16", "data.val_share=0.2", "network.name=conv2",
            "network.options={size_px = 16, widths = [8, 8], hidden = 16}", "optimizer.lr=0.05",
            "run.epochs=2", "run.batch=20", "run.log=[]", "run.precision=fp32", "run.threads=1",
        )  # fmt: skip
        return with_settings(Config(), [*small, *settings])

    return make
