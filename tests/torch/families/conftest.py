"""What tests of the families share: small networks in folders, a photograph, hubs that are not asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

# The data of the sweep and the small networks lie beside the tests, which are no package.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked over the network, wherever the tests run."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give the folder of a small network of transformers, made once."""
    from tiny import make

    made: dict[str, Path] = {}

    def give(kind: str) -> Path:
        if kind not in made:
            made[kind] = make(kind, tmp_path_factory.mktemp(kind))
        return made[kind]

    return give


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small architecture of open_clip, known to it from here on."""
    import open_clip

    tower = {"layers": 2, "width": 32}
    config = {
        "embed_dim": 24,
        "vision_cfg": {**tower, "image_size": 32, "patch_size": 8, "head_width": 16},
        "text_cfg": {**tower, "context_length": 16, "vocab_size": 49408, "heads": 2},
    }
    place = tmp_path_factory.mktemp("open_clip") / "vifex-tiny.json"
    place.write_text(json.dumps(config))
    open_clip.add_model_config(place)
    return "vifex-tiny"


@pytest.fixture(scope="session")
def photographs() -> list[Image.Image]:
    """Real photographs, or where scikit-image is absent a drawn one, in sizes with odd crops."""
    folder = Path(__file__).resolve().parents[4] / "shared" / "data" / "photos"
    files = sorted(folder.glob("*.jpg"))[:40:8]
    found = [Image.open(file).convert("RGB") for file in files]
    if not found:
        rng = np.random.default_rng(0)
        coarse = Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8))
        found = [coarse.resize((533, 401), Image.Resampling.BICUBIC)]
    return [*found, found[0].crop((0, 0, found[0].width - 1, found[0].height - 2))]
