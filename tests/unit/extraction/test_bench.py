"""`vifex bench`: what it says with and without media, and that its page tells of every field."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vifex.api.benching import bench
from vifex.engines.int8.int8 import has_nncf
from vifex.extraction.bench.fidelity import Fidelity
from vifex.extraction.bench.measured import Bench, Measured, Rate
from vifex.values import InputError

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for i in range(14):
        small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        small.resize((320, 240)).save(tmp_path / f"{i:02d}.jpg")
    return tmp_path


def test_fidelity_is_told_over_the_media(images: Path) -> None:
    found = bench("default", [images], precisions=["fp32"], layers=["stages.1", "embedding"], seconds=0.2)
    assert (found.media, found.samples, found.held_out) == (14, 14, False)
    (fp32,) = found.precisions
    assert (fp32.resolved, fp32.why_not) == ("fp32", None)
    assert fp32.inference is not None
    assert fp32.pipeline is not None
    assert fp32.inference.p25 <= fp32.inference.median <= fp32.inference.p75
    assert [f.layer for f in fp32.fidelity] == ["stages.1", "embedding"]
    assert all(f.cosine_p1 > 1 - 1e-6 and f.recall_at_10 == 1 for f in fp32.fidelity)
    # Images of 320 x 240 are scaled in the DCT domain: near to exact decoding, not equal to it.
    assert all(0.9 < f.cosine_mean < 1 - 1e-6 for f in found.fast_decode)


@pytest.mark.skipif(has_nncf(), reason="nncf is installed")
def test_a_precision_that_cannot_run_says_why(vifex_command: Any) -> None:
    done = vifex_command("bench", "--precisions", "fp32,int8", "--seconds", "0.2", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    fp32, int8 = said["precisions"]
    assert fp32["inference"]["median"] > 0
    assert (int8["resolved"], int8["inference"], int8["batch"]) == (None, None, None)
    assert fp32["batch"] > 0 < fp32["requests"]
    assert int8["why_not"] == "int8 needs nncf. Install it in a checkout of Vifex: pip install '.[int8]'."
    assert (said["media"], said["samples"], said["fast_decode"], fp32["pipeline"]) == (0, 0, [], None)


def test_the_table_names_precisions_and_says_that_images_were_made_up(vifex_command: Any) -> None:
    done = vifex_command("bench", "--precisions", "fp32", "--seconds", "0.2")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^ fp32 +\d+ x \d+ +\d+\.\d +\d+\.\d to \d+\.\d +1\.00", done.stdout, re.MULTILINE)
    assert "random images" in done.stderr


def test_the_page_of_json_names_every_field() -> None:
    (line,) = [x for x in (ROOT / "docs" / "json.md").read_text().splitlines() if "`vifex bench`" in x]
    for kind in (Bench, Measured, Rate, Fidelity):
        for field in fields(kind):
            assert f"`{field.name}`" in line, field.name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precisions": ["fp32", "fp32"]}, "named once"),
        ({"precisions": []}, "named once"),
        ({"seconds": 0.0}, "measures nothing"),
        ({"precisions": ["fp32", "int9"]}, "no precision 'int9'. Did you mean int8"),
    ],
)
def test_what_makes_no_sense_is_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        bench("default", **options)


def test_media_that_give_nothing_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    with pytest.raises(InputError, match="no medium gave a sample"):
        bench("default", [tmp_path], precisions=["fp32"], seconds=0.1)
