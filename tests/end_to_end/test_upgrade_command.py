"""`vifex upgrade` says what it did, and does it once."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

PACKED = Path(__file__).parents[1] / "support" / "stores" / "format-1.tar.xz"


def test_the_command(tmp_path: Path, vifex_command: Callable[..., Any]) -> None:
    with tarfile.open(PACKED) as packed:
        packed.extractall(tmp_path, filter="data")
    store = tmp_path / "format-1.vifex"
    shown = json.loads(vifex_command("show", store, "--json").stdout)
    done = vifex_command("upgrade", store)
    assert (done.returncode, done.stdout) == (
        0,
        f"{store}: upgraded to format 2; rows and outcomes are as they were\n",
    )
    again = vifex_command("upgrade", store, "--json")
    assert json.loads(again.stdout) == {"store": str(store), "upgraded": False}
    assert json.loads(vifex_command("show", store, "--json").stdout) == shown
    assert vifex_command("check", store).returncode == 0
    assert vifex_command("upgrade", tmp_path / "absent").returncode == 4
