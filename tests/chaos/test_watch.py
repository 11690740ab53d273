"""The command `vifex watch`: SIGKILL loses nothing that was committed, and SIGTERM ends it in good order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vifex

pytest.importorskip("watchdog", reason="watching by notifications needs watchdog")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX systems")

BURST = 100


def start(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "vifex", "watch", *map(str, words), "--json", "--settle", "0.2"]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def batch(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    found: dict[str, Any] = json.loads(line)
    return found


def test_killed_and_started_again_and_stopped(tmp_path: Path) -> None:
    folder, store = tmp_path / "in", tmp_path / "s.vifex"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "first.png")
    killed = start(folder, "-o", store)
    assert batch(killed)["ok"] == 1
    for i in range(BURST):
        os.link(folder / "first.png", folder / f"{i:03d}.png")
    # In the middle of the burst, or before or after it: whatever the moment is, nothing may be lost.
    while vifex.open(store).count_rows() < 2 and killed.poll() is None:
        pass
    killed.kill()
    killed.communicate()
    kept = vifex.open(store).count_rows()
    assert 1 < kept <= BURST + 1

    again = start(folder, "-o", store)
    found = batch(again)
    assert found["already_done"] == kept + found["copied"]
    assert found["ok"] + found["copied"] == BURST + 1 - kept, "all have the bytes of the first"
    again.send_signal(signal.SIGTERM)
    rest, errors = again.communicate(timeout=60)
    assert (again.returncode, rest, errors) == (0, "", "")
    with vifex.open(store) as opened:
        assert opened.count_rows() == opened.ledger().num_rows == BURST + 1
    assert vifex.extract(folder, store).already_done == BURST + 1
