"""Processors of transformers judged anew: a few classes with their defaults and with each option varied."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts" / "parity"))

import processors  # noqa: E402


@pytest.fixture(scope="module")
def photographs() -> list[Image.Image]:
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8))
    return processors.samples([coarse.resize((640, 480), Image.Resampling.BICUBIC)])


EXPECTED = {
    "DPTImageProcessor": "card",
    "JanusImageProcessor": "processor",
    "LevitImageProcessor": "card",
    "LlavaImageProcessor": "card",
    "MobileViTImageProcessor": "processor",
    "PerceiverImageProcessor": "processor",
    "PoolFormerImageProcessor": "card",
    "VideoMAEVideoProcessor": "card",
}


@pytest.mark.parametrize("name", processors.PROCESSORS)
def test_pixels_are_the_processor_s_own_or_refused(name: str, photographs: list[Image.Image]) -> None:
    found = processors.judge_class(name, photographs)
    assert found["default"]["how"] == EXPECTED[name]
    assert {variant: v for variant, v in found.items() if not processors.keeps(v)} == {}


def test_the_committed_table_holds_every_class_and_keeps_the_limits() -> None:
    """Its classes are those of the library that it was made with; a newer one may have more."""
    record = json.loads((ROOT / "docs" / "parity.json").read_text())["processors"]
    assert len(record) >= 150
    assert set(processors.PROCESSORS) <= set(record)
    made = 0
    for name, line in record.items():
        some = [line["default"], *(line[how] for how in ("card", "processor") if how in line)]
        assert all(processors.keeps(verdict) for verdict in some), name
        assert all(line["refused"]), name  # each with its reason
        made += sum(len(verdict.get("variants", ["default"])) for verdict in some if "difference" in verdict)
    assert made > 1000
    assert {line["default"]["how"] for line in record.values()} == {"card", "processor", "refused"}
