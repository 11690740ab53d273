"""Both READMEs say the same, and every command and every Python line in them runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from doc_blocks import ROOT, blocks_of, run_page

READMES = ("README.md", "README.zh-CN.md")

pytest.importorskip("skimage", reason="the demo's photographs come with scikit-image")


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_both_say_the_same() -> None:
    english, chinese = (blocks_of(name) for name in READMES)
    assert english == chinese
    tables = [re.findall(r"^\| (`[^|]*`|one per layer|每层一列) ", _text(n), re.MULTILINE) for n in READMES]
    assert len(tables[0]) == len(tables[1]) == 11
    assert tables[0][:-1] == tables[1][:-1]
    headings = [re.findall(r"^#+ ", _text(n), re.MULTILINE) for n in READMES]
    assert headings[0] == headings[1]
    links = [re.findall(r"\]\(([^)]+)\)", _text(n)) for n in READMES]
    assert sorted(set(links[0]) - {READMES[1]}) == sorted(set(links[1]) - {READMES[0]})


@pytest.mark.parametrize("name", READMES)
def test_they_are_short_and_their_links_lead_somewhere(name: str) -> None:
    text = _text(name)
    assert len(text.splitlines()) <= 130
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / target).exists(), target


def test_make_runs_what_the_tests_run() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert "$(BIN)/python scripts/demo.py" in makefile
    assert "$(BIN)/python -m pytest" in makefile


@pytest.mark.slow
def test_every_line_runs(page_folder: Path) -> None:
    """The English one is run; the Chinese one has the same blocks (`test_both_say_the_same`)."""
    assert run_page(READMES[0], page_folder) == 3
    assert (page_folder / "hits.html").stat().st_size > 10_000
