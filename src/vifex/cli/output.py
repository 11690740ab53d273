"""Printing: tables for people, JSON for programs, and text that cannot break the terminal."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from vifex.values.printing import clean, escaped, fit, one_line

__all__ = ["clean", "escape_unencodable", "fit", "one_line", "print_json", "print_line", "print_table"]


def escape_unencodable() -> None:
    """Let standard output and error write what their encoding lacks as escapes, whoever prints there.

    Python's own choice raises an error in the middle of the output.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def print_json(value: Any) -> None:
    """Print one JSON document on standard output, in ASCII."""
    print(json.dumps(_without_surrogates(value), ensure_ascii=True, allow_nan=False, indent=2))


def _without_surrogates(value: Any) -> Any:
    r"""Write bytes that are no text as `\xNN`: no other program reads Python's lone surrogates."""
    match value:
        case str():
            return "".join(escaped(ord(c)) if "\ud800" <= c <= "\udfff" else c for c in value)
        case dict():
            return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
        case list() | tuple():
            return [_without_surrogates(item) for item in value]
        case _:
            return value


def print_line(text: str, *, err: bool = False) -> None:
    """Print one line, encoded as well as the stream can."""
    stream = sys.stderr if err else sys.stdout
    print(fit(text, stream), file=stream)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = (), title: str = ""
) -> None:
    """Print a table; columns in `right` are aligned to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.SIMPLE_HEAD,
        title=fit(clean(title), sys.stdout) or None,
        title_justify="left",
        pad_edge=False,
    )
    for column in columns:
        header = Text(fit(clean(column), sys.stdout))
        table.add_column(header, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(fit(clean(cell), sys.stdout)) for cell in row))
    # Output that goes into a file or a pipe is not cut at some terminal's width.
    width = None if sys.stdout.isatty() else 200
    Console(file=sys.stdout, width=width, highlight=False, emoji=False).print(table)
