"""Every command and every Python line in both READMEs, run in the order in which they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READMES = ("README.md", "README.zh-CN.md")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(name: str) -> list[tuple[str, str]]:
    return _BLOCK.findall((ROOT / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make demo` leaves: it runs this script with the project's Python."""
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "demo.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "demo"


def test_both_say_the_same() -> None:
    english, chinese = (blocks(name) for name in READMES)
    assert english == chinese
    tables = [
        re.findall(r"^\| (`[^|]*`|one per layer|每层一列) ", (ROOT / n).read_text("utf-8"), re.MULTILINE)
        for n in READMES
    ]
    assert len(tables[0]) == len(tables[1]) == 11
    assert tables[0][:-1] == tables[1][:-1]
    headings = [re.findall(r"^#+ ", (ROOT / n).read_text("utf-8"), re.MULTILINE) for n in READMES]
    assert headings[0] == headings[1]


@pytest.mark.parametrize("name", READMES)
def test_images_and_links_are_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / target).exists(), target


def test_make_runs_what_the_tests_run() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert "$(BIN)/python scripts/demo.py" in makefile
    assert "$(BIN)/python -m pytest" in makefile


@pytest.mark.slow
@pytest.mark.parametrize("name", READMES)
def test_every_line_runs(name: str, demo: Path, tmp_path: Path) -> None:
    shutil.copytree(demo, tmp_path / "demo")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    ran = 0
    for language, text in blocks(name):
        if language == "python":
            command: list[str | Path] = [sys.executable, "-W", "error", "-c", text]
            subprocess.run(command, cwd=tmp_path, env=environment, check=True)
            ran += 1
            continue
        assert language == "sh"
        for line in text.splitlines():
            if line in ("make demo", "make test"):
                continue  # the first is the fixture above; the second is what runs this
            subprocess.run(["bash", "-ec", line], cwd=tmp_path, env=environment, check=True)
            ran += 1
    assert ran == 10
    assert (tmp_path / "hits.html").stat().st_size > 10_000
