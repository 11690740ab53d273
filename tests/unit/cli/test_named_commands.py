"""Messages and documents name only commands that exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from vifex.cli.app import COMMANDS

SOURCE = Path(__file__).parents[3] / "src" / "vifex"
NAMED = re.compile(r"`vifex ([a-z]+)")


def texts() -> Iterator[tuple[Path, str]]:
    """Every string of the source, docstrings included."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield path, node.value


def test_every_command_that_a_text_names_exists():
    named = [(path, word) for path, text in texts() for word in NAMED.findall(text)]
    assert len(named) > 5
    assert [(str(path), word) for path, word in named if word not in COMMANDS] == []
