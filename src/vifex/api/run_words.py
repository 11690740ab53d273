"""What a run of `vifex.extract` was given, as the ledger keeps it for `vifex.extract_again`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from vifex.media.remote.addresses import public
from vifex.values import Limits

__all__ = ["words_of_run"]

_PATHS: Final = ("model", "weights", "card")
"""Choices that may be the path of a file."""


def words_of_run(
    sources: Sequence[str | os.PathLike[str]],
    views: Mapping[str, Mapping[str, Any]],
    *,
    shard: str | None,
    limits: Limits | None,
) -> dict[str, Any]:
    """Return the sources and choices of a run as JSON can hold them; paths are absolute.

    Args:
        sources: As they were given.
        views: All choices of each view.
        shard: The part of the media.
        limits: What one file may cost.
    """
    return {
        "sources": [_source(os.fsdecode(source)) for source in sources],
        "views": {name: _choices(chosen) for name, chosen in views.items()},
        "shard": shard,
        "limits": None if limits is None or limits == Limits() else asdict(limits),
    }


def _source(source: str) -> str:
    if source == "-" or source.lower().startswith("file://"):
        return source
    # Passwords and signatures are not kept.
    return public(source) if "://" in source else os.path.abspath(source)  # noqa: PTH100


def _choices(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the choices that are not left to their defaults. A network in memory is `None`."""
    said: dict[str, Any] = {}
    for name, value in chosen.items():
        if name in _PATHS and isinstance(value, str | os.PathLike):
            path = Path(value)
            said[name] = os.path.abspath(path) if path.exists() else os.fspath(value)  # noqa: PTH100
        elif value is not None:
            said[name] = value if _is_plain(value) else None
    return said


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True
