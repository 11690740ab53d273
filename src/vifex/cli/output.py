"""Printing: tables for people, JSON for programs, and text that cannot break the terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["clean", "print_json", "print_line", "print_table"]


def clean(text: object) -> str:
    """Make text safe to print: control characters and lone surrogates become escapes.

    A file's name may hold anything, an escape sequence of the terminal too.
    """
    return "".join(c if c.isprintable() else _escaped(ord(c)) for c in str(text))


def _escaped(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # how Python holds a byte that is no text
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def print_json(value: Any) -> None:
    """Print one JSON document on standard output."""
    print(json.dumps(value, ensure_ascii=True, allow_nan=False, indent=2))


def print_line(text: str, *, err: bool = False) -> None:
    """Print one line, encoded as well as the stream can."""
    stream = sys.stderr if err else sys.stdout
    data = text.encode(stream.encoding or "utf-8", "backslashreplace").decode(stream.encoding or "utf-8")
    print(data, file=stream)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = (), title: str = ""
) -> None:
    """Print a table; columns in `right` are aligned to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    # Output that goes into a file or a pipe is not cut at some terminal's width.
    width = None if sys.stdout.isatty() else 200
    Console(file=sys.stdout, width=width, highlight=False, emoji=False).print(table)
