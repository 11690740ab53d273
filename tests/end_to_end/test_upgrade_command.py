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

    def show() -> dict[str, Any]:
        """What the store holds, without its size on the disk, its runs, and the labels of the ledger."""
        shown: dict[str, Any] = json.loads(vifex_command("show", store, "--json").stdout)
        overview = shown.pop("overview")
        return {**shown, "kinds": overview["collection"]["kinds"], "facts": overview["views"]}

    shown = show()
    done = vifex_command("upgrade", store)
    assert (done.returncode, done.stdout) == (
        0,
        f"{store}: upgraded to format 2; rows and outcomes are as they were\n",
    )
    again = vifex_command("upgrade", store, "--json")
    assert json.loads(again.stdout) == {"store": str(store), "upgraded": False}
    assert show() == shown
    assert vifex_command("check", store).returncode == 0
    assert vifex_command("upgrade", tmp_path / "absent").returncode == 4
