"""Names that the glossary retires are gone: from identifiers, files, texts and the help of the commands."""

from __future__ import annotations

import ast
import re
import tokenize
from pathlib import Path

import pytest

import vifex

SOURCE = Path(vifex.__file__).parent
ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
COMMANDS = ROOT / "docs" / "commands.md"

CLASSES = {
    "Wish", "Seen", "Unread", "Asked", "Settled", "Ear", "Taker", "Cut", "Shown", "Once", "Keeper", "Shelf",
    "Spill", "Room", "Board", "Turns",
}  # fmt: skip
"""Retired names of classes, with or without an underscore before them."""

PARTS = {
    "wish", "wishes", "wished", "taker", "takers", "keeper", "keepers", "shelf", "shelves",
    "untold", "tap", "taps", "picture", "pictures", "room", "rooms", "bury", "buried", "strike",
    "strikes", "struck", "hungry", "unread", "ear", "ears", "care", "cares",
}  # fmt: skip
"""Words that are no part of any identifier or file name."""
FOREIGN = {"PictureType"}
"""Names of other libraries."""

WORDS = PARTS - {"ear", "ears", "care", "cares"}
"""Words that are not in strings, docstrings and comments either: no field uses them in another sense."""
FIELD = re.compile(r'groups? of pictures|attached pictures?|Picture size|`"tap"`', re.IGNORECASE)
"""The field's own phrases: FFmpeg's group of pictures, attached picture and a message; a key of format 1."""
STORED = {"taps", "tap_shape"}
"""A string that is exactly this is a key in files that exist: recipes, and graphs in the cache."""

OF_TYPE = {
    "TimedFrame": "shown",
    "Crop": "cut",
    "DecodeReport": "seen",
    "ModelRef": "asked",
    "EngineChoice": "settled",
    "SlotPool": "room",
    "Heartbeat": "board",
}
"""A class, and what a value of it was called. No module that knows the class has a variable of that name."""

MODULES = sorted(SOURCE.rglob("*.py"))
OTHERS = sorted(p for folder in ("tests", "benchmarks", "scripts") for p in (ROOT / folder).rglob("*.py"))


def tokens(path: Path, *kinds: int) -> list[tokenize.TokenInfo]:
    with path.open("rb") as file:
        return [t for t in tokenize.tokenize(file.readline) if t.type in kinds]


def parts(name: str) -> set[str]:
    """Divide an identifier at underscores and capitals, in lower case."""
    found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return {part.lower() for part in found}


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", FIELD.sub("", text).lower()))


def short(path: Path) -> str:
    return str(path.relative_to(SOURCE if path.is_relative_to(SOURCE) else ROOT))


@pytest.mark.parametrize("path", [*MODULES, *OTHERS], ids=short)
def test_no_retired_name_is_left(path: Path) -> None:
    names = {t.string for t in tokens(path, tokenize.NAME)} - FOREIGN
    assert not {name.lstrip("_") for name in names} & CLASSES
    assert not [name for name in names if parts(name) & PARTS]
    assert not parts(path.stem) & PARTS


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_no_text_uses_a_retired_word(path: Path) -> None:
    """Strings, docstrings and comments."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    texts += [t.string for t in tokens(path, tokenize.COMMENT)]
    assert not [text for text in texts if text not in STORED and words(text) & WORDS]


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_no_variable_has_the_name_of_a_retired_class(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    known = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    known |= {n.name for n in ast.walk(tree) if isinstance(n, ast.ClassDef)}
    variables = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    variables |= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    assert not [variable for kind, variable in OF_TYPE.items() if kind in known and variable in variables]


def test_the_help_of_the_commands_uses_no_retired_word() -> None:
    """`test_commands.py` sees that the page is what the commands print."""
    assert not words(COMMANDS.read_text(encoding="utf-8")) & PARTS


def test_the_glossary_names_what_is_retired() -> None:
    retired = GLOSSARY.read_text(encoding="utf-8").partition("are retired:")[2]
    for name in CLASSES | {"tap", "picture", "strike", "bury", "care", "hungry", "untold"}:
        assert re.search(rf"\b{name}\b", retired), name


def test_each_word_of_the_glossary_says_who_uses_it_so() -> None:
    rows = [line.split("|")[1:-1] for line in GLOSSARY.read_text().splitlines() if line.startswith("|")]
    assert len(rows) > 30
    for word, meaning, users in rows[2:]:
        assert meaning.strip().endswith("."), word
        assert users.strip(), word


def test_the_check_finds_a_retired_word(tmp_path: Path) -> None:
    """The check itself: identifiers in parts, texts without the field's own phrases."""
    module = tmp_path / "module.py"
    module.write_text("class _Room: wishes_left = 1  # the keeper\n")
    names = {t.string for t in tokens(module, tokenize.NAME)}
    assert {name.lstrip("_") for name in names} & CLASSES == {"Room"}
    assert parts("wishesLeft_ofShelf") & PARTS == {"wishes", "shelf"}
    assert words("# the keeper of a group of pictures") & WORDS == {"keeper"}
    assert words("a picture") & WORDS == {"picture"}
