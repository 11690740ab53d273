"""A disk that fills up: one sentence, a store that still opens, and a resume that loses nothing.

A limit on the size of files stands for the disk: it makes the same writes fail, and needs no rights.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vifex

IMAGES = 160
LIMIT_KIB = 12_000


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX systems")
def test_what_cannot_be_written_is_told_and_made_up_for(tmp_path: Path, vifex_command: Any) -> None:
    media, store = tmp_path / "media", tmp_path / "s.vifex"
    media.mkdir()
    for i in range(IMAGES):
        Image.fromarray(np.full((8, 8, 3), i, np.uint8)).save(media / f"{i:03d}.png")
    # Whole maps of 110 kB an image: all of them in one file are more than the limit.
    words = ["extract", media, "-o", store, "--layers", "stages.0", "--pool", "none", "--precision", "fp32"]
    command = shlex.join([sys.executable, "-m", "vifex", *map(str, words)])
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f {LIMIT_KIB}; {command}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 4, done.stderr
    assert "all that was committed is kept" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    with vifex.open(store) as opened:
        kept = len(opened.main)
    assert kept < IMAGES
    assert vifex_command(*words).returncode == 0
    with vifex.open(store) as opened:
        keys = opened.to_arrow(["key"]).column("key").to_pylist()
    assert len(keys) == len(set(keys)) == IMAGES
