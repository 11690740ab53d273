"""Paths on the command line, kept as they were typed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from cyclopts import Parameter, Token

__all__ = ["StorePath", "all_as_typed", "as_typed", "named_file", "path_or_address"]


def as_typed(kind: Any, tokens: Sequence[Token]) -> str:
    """Keep a path as it was typed. Its type on the command line is `Path`, so that a shell completes it."""
    return tokens[0].value


def all_as_typed(kind: Any, tokens: Sequence[Token]) -> list[str]:
    """Keep several paths as they were typed."""
    return [token.value for token in tokens]


def path_or_address(kind: Any, tokens: Sequence[Token]) -> Path | str:
    """Take where a store lies. An address stays text, as `Path` drops one of its two slashes."""
    text = tokens[0].value
    return text if "://" in text else Path(text)


StorePath: TypeAlias = Annotated[Path, Parameter(converter=path_or_address)]
"""A store, by the path of its folder or by its address."""


def named_file(kind: type[Path], tokens: Sequence[Token]) -> Path:
    """Take the path of a file that a command writes. A separator at its end is an error; `Path` drops it."""
    from vifex.search.files import check_names_file

    check_names_file(tokens[0].value)
    return Path(tokens[0].value)
