"""Fields of a source that have no meaning for Vifex: which are kept as extra columns, and of which type."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from vifex.values.extra import LONGEST_VALUE, MOST_NAMES, extra_text

__all__ = ["ExtraFields"]

_NUMBER: Final = re.compile(r"[+-]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_MOST_VALUES: Final = 16
"""Different values of one column that several lines of a medium may state."""
_MOST_TOLD: Final = 1000
_TRUTHS: Final = {"true": True, "false": False, "True": True, "False": False}


class ExtraFields:
    """The extra columns of one source.

    Each row is looked at first, so that a column of a table, whose cells are texts, is one of numbers only
    where all its cells are. `007` and `1_000` are texts.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, set[str]] = {}
        self._long: dict[str, None] = {}
        self._beyond: dict[str, None] = {}
        self._scattered: dict[str, None] = {}

    @property
    def names(self) -> list[str]:
        """The columns that are kept, in the order in which rows state them."""
        return [name for name in self._kinds if name not in self._long]

    @property
    def left_out(self) -> list[tuple[list[str], str]]:
        """The columns that are not kept, and why."""
        found = []
        if self._long:
            found.append((list(self._long), f"values of more than {LONGEST_VALUE:,} characters"))
        if self._beyond:
            found.append((list(self._beyond), f"the limit of {MOST_NAMES} extra columns for a source"))
        return found

    @property
    def scattered(self) -> str | None:
        """A sentence on media that state too many values of one column; `None` if none does."""
        if not self._scattered:
            return None
        of = ", ".join(self._scattered)
        return f"{of}: more than {_MOST_VALUES} different values for one file, which are not kept."

    def look(self, given: Mapping[str, Any]) -> None:
        """Take note of the values of a row, before any is kept."""
        for name, value in given.items():
            kinds = self._kinds.get(name)
            if kinds is None:
                if len(self._kinds) >= MOST_NAMES:
                    if len(self._beyond) < _MOST_TOLD:
                        self._beyond.setdefault(name)
                    continue
                kinds = self._kinds[name] = set()
            kinds.add(_kind(value))
            if _is_long(value):
                self._long.setdefault(name)

    def text(self, given: Mapping[str, Any], *, cells: bool = False) -> str | None:
        """Return the extra columns of a row that was looked at.

        Args:
            given: Its fields.
            cells: Whether texts are cells of a table, which may be numbers.
        """
        kept = self._kept(given, cells=cells)
        return extra_text(kept) if kept else None

    def text_of_many(self, lines: Sequence[tuple[Mapping[str, Any], bool]]) -> str | None:
        """Return the extra columns of a medium with several lines, which share its rows.

        A column whose values differ becomes the list of them.

        Args:
            lines: Fields of each line, and whether they are cells.
        """
        found: dict[str, list[Any]] = {}
        for given, cells in lines:
            for name, value in self._kept(given, cells=cells).items():
                values = found.setdefault(name, [])
                if value not in values and len(values) <= _MOST_VALUES:
                    values.append(value)
        for name in [name for name, values in found.items() if len(values) > _MOST_VALUES]:
            self._scattered.setdefault(name)
            del found[name]
        return extra_text({name: values[0] if len(values) == 1 else values for name, values in found.items()})

    def _kept(self, given: Mapping[str, Any], *, cells: bool) -> dict[str, Any]:
        return {
            name: self._typed(name, value) if cells else value
            for name, value in given.items()
            if name in self._kinds and name not in self._long
        }

    def _typed(self, name: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        kinds = self._kinds[name]
        if kinds == {"truth"}:
            return _TRUTHS[value]
        if kinds == {"number"}:
            number = float(value)
            return int(value) if number.is_integer() and value.lstrip("+-").isdigit() else number
        return value


def _kind(value: Any) -> str:
    if not isinstance(value, str):
        return "typed"
    return "truth" if value in _TRUTHS else "number" if _NUMBER.fullmatch(value) else "text"


def _is_long(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) > LONGEST_VALUE
    if isinstance(value, bytes):
        return True
    if not isinstance(value, Mapping | list | tuple):
        return False
    return len(value) > LONGEST_VALUE or len(json.dumps(value, default=str)) > LONGEST_VALUE
