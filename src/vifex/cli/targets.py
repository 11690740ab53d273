"""Paths of files that a command writes, as they were typed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cyclopts import Token

__all__ = ["named_file"]


def named_file(kind: type[Path], tokens: Sequence[Token]) -> Path:
    """Take a path as it was typed: `Path` would forget the separator at the end of a folder's."""
    from vifex.search.files import check_names_file

    check_names_file(tokens[0].value)
    return Path(tokens[0].value)
