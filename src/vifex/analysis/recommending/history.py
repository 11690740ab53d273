"""Histories: what was seen, when, and how much it counts, from a file or from Python values."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from vifex.values import InputError
from vifex.values.registry import near

__all__ = ["HistoryItem", "HistoryLike", "read_history"]

HistoryLike: TypeAlias = "str | os.PathLike[str] | Sequence[str | Mapping[str, Any]]"
"""A file, or names or mappings with the fields of a file."""

_SECONDS_PER_DAY: Final = 86_400.0
_MEDIA: Final = ("name", "media", "medium", "path", "uri", "medium_id", "key")
_TIMES: Final = ("time", "at", "timestamp", "date")
_WEIGHTS: Final = ("weight", "rating")
_SUFFIXES: Final = (".csv", ".tsv", ".json", ".jsonl", ".parquet", ".txt")
_FORM: Final = "A history has a column name (or path, uri, medium_id), and may have time and weight."


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """A medium of a history."""

    name: str
    """Name, path, address or id of the medium."""
    day: float
    """Days since 1970; NaN where no time is given."""
    weight: float
    """1 by default; below 0 for what was disliked."""


def read_history(given: HistoryLike) -> list[HistoryItem]:
    """Read a history.

    Args:
        given: A CSV, TSV, JSON, JSON Lines or Parquet file with the columns `name` (or `path`, `uri`,
            `medium_id`), and, if they are known, `time` (seconds since 1970, or a date and time of ISO
            8601) and `weight`; a text file with a name on each line; or a list of names or of mappings with
            these fields.

    Raises:
        InputError: If the file cannot be read, a field is missing or a value makes no sense.
    """
    if isinstance(given, str | os.PathLike):
        path = Path(given)
        records, of = _read(path), os.fspath(path)
    else:
        records, of = [{"name": one} if isinstance(one, str) else dict(one) for one in given], "history"
    if not records:
        raise InputError("the history is empty.", of=of, todo=_FORM)
    return [_item(record, number, of) for number, record in enumerate(records, start=1)]


def _read(path: Path) -> list[dict[str, Any]]:
    import pyarrow as pa

    suffix = path.suffix.lower()
    if not path.is_file():
        raise InputError("there is no such file.", of=str(path), todo=_FORM)
    if suffix not in _SUFFIXES:
        raise InputError(
            "a history is not read from a file of this kind.",
            of=str(path),
            todo=f"Known: {', '.join(_SUFFIXES)}.",
        )
    try:
        return _records(path, suffix)
    except (OSError, ValueError, pa.ArrowException) as exc:
        raise InputError(f"the file cannot be read: {' '.join(str(exc).split())}.", of=str(path)) from exc


def _records(path: Path, suffix: str) -> list[dict[str, Any]]:
    if suffix == ".txt":
        lines = path.read_text(encoding="utf-8").splitlines()
        return [{"name": line.strip()} for line in lines if line.strip()]
    if suffix in (".json", ".jsonl"):
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if suffix == ".json" else [json.loads(s) for s in text.splitlines() if s]
        if not isinstance(found, list):
            raise ValueError("a list of items is needed")
        return [{"name": one} if isinstance(one, str) else dict(one) for one in found]
    if suffix == ".parquet":
        from pyarrow import parquet

        table = parquet.read_table(path)
    else:
        # Times keep their text, so that all kinds of files are read alike.
        import pyarrow as pa
        from pyarrow import csv

        options = csv.ConvertOptions(column_types=dict.fromkeys((*_MEDIA, *_TIMES), pa.string()))
        parse = csv.ParseOptions(delimiter="\t" if suffix == ".tsv" else ",")
        table = csv.read_csv(path, parse_options=parse, convert_options=options)
    records: list[dict[str, Any]] = table.to_pylist()
    return records


def _item(record: Mapping[str, Any], number: int, of: str) -> HistoryItem:
    name = next((record[field] for field in _MEDIA if record.get(field)), None)
    if name is None:
        known = [str(field) for field in record]
        hint = next((said for field in known if (said := near(field, list(_MEDIA)))), "")
        raise InputError(f"item {number} names no medium.", of=of, todo=f"{hint}{_FORM}")
    if isinstance(name, os.PathLike):
        name = os.fspath(name)
    time = next((record[field] for field in _TIMES if record.get(field) not in (None, "")), None)
    weight = next((record[field] for field in _WEIGHTS if record.get(field) not in (None, "")), 1.0)
    try:
        return HistoryItem(str(name), math.nan if time is None else _day(time), _finite(weight))
    except ValueError as exc:
        raise InputError(f"item {number} ({name}): {exc}.", of=of, todo=_FORM) from exc


def _finite(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is no number") from None
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is no finite number")
    return number


def _day(value: Any) -> float:
    """Read a time: a datetime, seconds since 1970, or ISO 8601. A time without a zone is UTC."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                raise ValueError(f"{value!r} is neither seconds nor a date of ISO 8601") from None
    if hasattr(value, "timestamp"):
        moment = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return float(moment.timestamp()) / _SECONDS_PER_DAY
    if hasattr(value, "toordinal"):  # a date
        return float(value.toordinal() - datetime(1970, 1, 1).toordinal())
    return _finite(value) / _SECONDS_PER_DAY
