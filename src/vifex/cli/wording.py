"""Messages of the library in the words of the command line.

The library names an option as a Python call has it, in backticks: `` `clip="16x2"` ``. Here it becomes
`--clip 16x2`.
"""

from __future__ import annotations

import ast
import re
import shlex
from typing import Final

__all__ = ["as_options", "option_name"]

_QUOTED: Final = re.compile(r"`([^`]*)`")
_NAMES: Final = {
    "start_s": "start",
    "end_s": "end",
    "times_s": "times",
    "window_s": "window",
    "window_hop_s": "window-hop",
    "within_s": "within",
    "gap_s": "gap",
    "settle_s": "settle",
    "poll_s": "poll",
    "half_life_days": "half-life",
    "file_s": "file-limit",
    "stall_s": "stall-limit",
    "memory_bytes": "memory-limit",
    "decoded_frames": "frame-limit",
}
"""Options whose name in Python carries a unit."""


def option_name(keyword: str) -> str:
    """Give the option of the command line for a keyword of Python: `--window-hop` for `window_hop_s`."""
    return f"--{_NAMES.get(keyword, keyword.replace('_', '-'))}"


def as_options(text: str) -> str:
    """Replace the keywords of Python in a message by options of the command line.

    Text in backticks that is neither a keyword (`` `clip=` ``), keywords with values
    (`` `model="a.onnx", trust_code=True` ``) nor a value in quotes stays as it is.
    """
    return _QUOTED.sub(lambda match: _option(match[1]) or match[0], text)


def _option(code: str) -> str | None:
    if code.endswith("=") and code[:-1].isidentifier():
        return option_name(code[:-1])
    try:
        call = ast.parse(f"f({code})", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    assert isinstance(call, ast.Call)
    if call.keywords and not call.args and all(k.arg for k in call.keywords):
        return " ".join(_with_value(k.arg or "", k.value) for k in call.keywords)
    match call.args, call.keywords:
        case [ast.Constant(value=str(value))], []:
            return value
    return None


def _with_value(keyword: str, value: ast.expr) -> str:
    option = option_name(keyword)
    match value:
        case ast.Constant(value=True):
            return option
        case ast.Constant(value=str(text)):
            return f"{option} {shlex.quote(text)}"
        case ast.List(elts=parts):
            return f"{option} {','.join(map(ast.unparse, parts))}"
        case _:
            return f"{option} {ast.unparse(value)}"
