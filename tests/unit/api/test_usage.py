"""The calls of `tests/support/api_usage.py` have the types that they promise, by a strict type checker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
USAGE = "tests/support/api_usage.py"


def check(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", "--strict", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_calls_have_their_types() -> None:
    pytest.importorskip("mypy")
    done = check(USAGE)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_a_wrong_call_is_found(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    text = (ROOT / USAGE).read_text().replace("view.search(query, 3), list[vifex.Hit]", "view.search(3), int")
    (tmp_path / "wrong.py").write_text(text)
    done = check(str(tmp_path / "wrong.py"))
    assert done.returncode == 1
    assert "No overload variant" in done.stdout
