"""Every command has help and a page, and the page says what the help says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vifex.cli.app import COMMANDS, _dashes_last
from vifex.cli.output import clean

ROOT = Path(__file__).resolve().parents[3]


def test_the_page_is_what_the_commands_say() -> None:
    """`python scripts/write_commands.py > docs/commands.md` makes it anew."""
    made = subprocess.run(
        [sys.executable, ROOT / "scripts" / "write_commands.py"], capture_output=True, text=True, check=True
    )
    assert (ROOT / "docs" / "commands.md").read_text() == made.stdout


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_told_in_the_page_of_json_or_lists_nothing(name: str) -> None:
    page = (ROOT / "docs" / "json.md").read_text()
    assert (f"`vifex {name}`" in page) == (name != "card")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["extract", "-", "-o", "x"], ["extract", "-o", "x", "--", "-"]),
        (["extract", "a", "-", "-o", "x", "--", "-b"], ["extract", "a", "-o", "x", "--", "-", "-b"]),
        (["extract", "a", "-o", "x"], ["extract", "a", "-o", "x"]),
        (["extract", "--", "-"], ["extract", "--", "-"]),
    ],
)
def test_a_lone_dash_is_standard_input(words: list[str], wanted: list[str]) -> None:
    assert _dashes_last(words) == wanted


def test_what_is_printed_cannot_move_the_cursor() -> None:
    assert clean("a\x1b[31m\nb\udcffc 照片") == "a\\x1b[31m\\x0ab\\xffc 照片"
