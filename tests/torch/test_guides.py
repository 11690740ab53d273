"""The blocks of the guides that need the extra `torch`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from doc_blocks import run_page
from page_checks import MISSING, found_in
from PIL import Image


@pytest.mark.parametrize(
    "page",
    [
        "docs/guides/own-models.md",
        "docs/guides/gpus.md",
        "docs/guides/python.md",
        "docs/guides/training.md",
        "docs/guides/training-video.md",
        "docs/guides/metric-learning.md",
        "docs/guides/compression.md",
    ],
)
def test_every_block_runs(page: str, tmp_path: Path) -> None:
    media = tmp_path / "demo" / "media"
    media.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("cat.jpg", "coffee.jpg"):
        Image.fromarray(rng.integers(0, 255, (240, 320, 3), np.uint8)).save(media / name)
    assert run_page(page, tmp_path, words=("torch",)) > 0
    if not MISSING:
        assert not [one for path in sorted(tmp_path.rglob("*.html")) for one in found_in(path)]
