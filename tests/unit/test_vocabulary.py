"""Names that the glossary retires are gone from the code."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

import pytest

import vifex

SOURCE = Path(vifex.__file__).parent
GLOSSARY = Path(__file__).parents[2] / "docs" / "glossary.md"

RETIRED_CLASSES = {
    "Wish", "Seen", "Unread", "Asked", "Settled", "Ear", "Taker", "Cut", "Once", "Keeper", "Shelf", "Spill",
    "Room", "Board", "Turns",
}  # fmt: skip
RETIRED_PARTS = {"wish", "wishes", "taker", "takers", "keeper", "shelf", "shelves", "untold"}
"""Parts of identifiers, as divided by underscores."""


def identifiers(text: str) -> set[str]:
    """Give every name in a Python source, strings and comments left out."""
    return {t.string for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type == tokenize.NAME}


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_no_retired_name_is_left(path: Path) -> None:
    names = identifiers(path.read_text(encoding="utf-8"))
    assert not names & RETIRED_CLASSES
    parts = {part for name in names for part in name.lower().split("_")}
    assert not parts & RETIRED_PARTS
    assert not set(re.split(r"[_.]", path.name)) & RETIRED_PARTS


def test_the_glossary_names_what_is_retired() -> None:
    text = GLOSSARY.read_text(encoding="utf-8")
    retired = text.partition("are retired:")[2]
    for name in RETIRED_CLASSES:
        assert re.search(rf"\b{name}\b", retired), name
