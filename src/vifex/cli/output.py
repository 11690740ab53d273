"""Printing: tables for people, JSON for programs, and text that cannot break the terminal."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from vifex.values.printing import clean, escaped, fit, one_line

__all__ = [
    "clean",
    "escape_unencodable",
    "fit",
    "one_line",
    "open_streams",
    "print_json",
    "print_json_line",
    "print_line",
    "print_table",
]


def open_streams() -> None:
    """Open what of standard input, output and error is closed: it is empty, or takes all and keeps nothing.

    A closed one is `None` in Python; and the next file that is opened, one of a store say, would get its
    number, and all that a library prints on that number.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free, which is this one.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            mode = "r" if number == 0 else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


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


def print_json_line(value: Any) -> None:
    """Print one JSON document on one line of standard output, in ASCII."""
    print(json.dumps(_without_surrogates(value), ensure_ascii=True, allow_nan=False))


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
    console = Console(file=sys.stdout, width=width, highlight=False, emoji=False)
    # Rich would leave with status 1 where the reader of a pipe has left.
    console.on_broken_pipe = _broken_pipe  # type: ignore[method-assign]
    console.print(table)


def _broken_pipe() -> None:
    raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
