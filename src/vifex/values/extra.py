"""Extra columns: what a source says of a medium, a box or a moment beside what Vifex reads.

They are one JSON object for each row, in its column `extra`. A text stands for an object, with its keys
sorted and no spaces, so that equal objects are equal texts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["EXTRA", "LONGEST_VALUE", "MOST_NAMES", "extra_dict", "extra_text"]

EXTRA: Final = "extra"
"""Name of the column of rows."""
MOST_NAMES: Final = 100
"""Extra columns of one source at most."""
LONGEST_VALUE: Final = 4096
"""Characters of a value, written as JSON, at most."""
_MOST_INT: Final = 1 << 63


def extra_text(values: Mapping[str, Any]) -> str | None:
    """Return values as the text of a JSON object; `None` if there is none.

    What JSON cannot hold becomes text: dates, bytes that are no UTF-8 (as `\\xNN`), and whole numbers beyond
    64 bits. Values that are absent or NaN are left out.
    """
    kept = {_clean(str(name)): _plain(value) for name, value in values.items()}
    kept = {name: value for name, value in kept.items() if value is not None}
    if not kept:
        return None
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def extra_dict(text: str | None) -> dict[str, Any]:
    """Return what a text stands for; empty where there is none."""
    return json.loads(text) if text else {}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_MOST_INT <= value < _MOST_INT else str(value)
    if isinstance(value, float):
        if math.isinf(value):
            return str(value)
        return None if math.isnan(value) else value
    if isinstance(value, Mapping):
        return {_clean(str(name)): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return _clean(value if isinstance(value, str) else str(value))


def _clean(text: str) -> str:
    """Return a text without lone surrogates, which stand for bytes that are no UTF-8, and without zeros."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")
