"""Paths on the command line, kept as they were typed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cyclopts import Token

__all__ = ["all_as_typed", "as_typed", "named_file"]


def as_typed(kind: Any, tokens: Sequence[Token]) -> str:
    """Keep a path as it was typed. Its type on the command line is `Path`, so that a shell completes it."""
    return tokens[0].value


def all_as_typed(kind: Any, tokens: Sequence[Token]) -> list[str]:
    """Keep several paths as they were typed."""
    return [token.value for token in tokens]


def named_file(kind: type[Path], tokens: Sequence[Token]) -> Path:
    """Take the path of a file that a command writes. A separator at its end is an error; `Path` drops it."""
    from vifex.search.files import check_names_file

    check_names_file(tokens[0].value)
    return Path(tokens[0].value)
