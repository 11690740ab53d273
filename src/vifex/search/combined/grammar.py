"""The text of a combined query: `A THEN WITHIN 5s B`, `A NOT B`.

    query  = step { "THEN" [ "WITHIN" time ] step }
    step   = single { "NOT" single }
    single = "words in quotes" | what `vifex.search.query` reads

The operators are whole words in capitals, with white space around them. Words in double quotes are text for
the model, whatever they hold. A text that names a file that exists, and one that begins with `text:`, is
never combined.
"""

from __future__ import annotations

import os
import re
from typing import Any

from vifex.search.combined.values import Combined, Then, Without
from vifex.search.query import TextQuery, names_file
from vifex.search.times import parse_time
from vifex.values import InputError

__all__ = ["parse_combined"]

_TOKEN = re.compile(r'"[^"]*"(?=\s|$)|\S+')
_OPERATORS = frozenset({"THEN", "NOT"})


def parse_combined(given: object) -> Any:
    """Return what a query means: a combined query, words in quotes as such, or what was given.

    Raises:
        InputError: If an operator lacks a query beside it, or a time cannot be read.
    """
    if not isinstance(given, str) or given.startswith("text:") or names_file(given):
        return given
    parts = _split(given)
    if len(parts) == 1:
        return _single(given, given)
    result: Any = None
    within_s: float | None = None
    for operator, text in parts:
        if operator == "NOT":
            result = _without(result, _single(text, given))
        elif result is None:
            result = _single(text, given)
        else:
            within_s, text = _within(text, given)
            result = Then(result, _single(text, given), within_s)
    return result


def _without(result: Any, unwanted: Any) -> Combined:
    """Take a query away from the last step of a sequence."""
    if isinstance(result, Then):
        return Then(result.first, Without(result.second, unwanted), result.within_s)
    return Without(result, unwanted)


def _split(text: str) -> list[tuple[str, str]]:
    """Return the operators, `THEN` before the first step, and the text after each."""
    parts, operator, start = [], "THEN", 0
    for token in _TOKEN.finditer(text):
        if token[0] in _OPERATORS:
            parts.append((operator, text[start : token.start()].strip()))
            operator, start = token[0], token.end()
    return [*parts, (operator, text[start:].strip())]


def _within(text: str, whole: str) -> tuple[float | None, str]:
    word, _, rest = text.partition(" ")
    if word != "WITHIN":
        return None, text
    time, _, step = rest.strip().partition(" ")
    within_s = parse_time(time)
    if within_s is None:
        raise InputError(
            f"{time!r} is no time.", of=whole, todo="Write for example: A THEN WITHIN 5s B, or WITHIN 1:30."
        )
    return within_s, step.strip()


def _single(text: str, whole: str) -> Any:
    if not text and whole.strip():
        raise InputError(
            "THEN and NOT stand between two queries.",
            of=os.fspath(whole),
            todo='Write for example: a.jpg NOT b.jpg. For these words as text write "text:..." before them.',
        )
    quoted = re.fullmatch(r'"([^"]*)"', text.strip())
    return TextQuery(quoted[1].strip()) if quoted and quoted[1].strip() else text
