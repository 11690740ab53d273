"""Thresholds in the cache folder, so that each state of a view is measured once."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vifex.engines.cache import cache_folder
from vifex.search.calibrated.threshold import ScoreThreshold, measure_threshold
from vifex.search.columns import one_column

if TYPE_CHECKING:
    from vifex.store import View

__all__ = ["kept_threshold"]

_METHOD = 2
"""Grows when the measurement changes."""


def kept_threshold(view: View, column: str | None = None) -> ScoreThreshold:
    """Return the threshold of a view as it is now; see `measure_threshold`.

    It is measured once for each commit. Without a writable cache folder it is measured every time.

    Raises:
        InputError: If it cannot be measured.
    """
    column = one_column(view, column)
    of = json.dumps([_METHOD, view.id, view.name, view.commit, view.checksum, column])
    path = cache_folder() / "thresholds" / f"{hashlib.sha256(of.encode()).hexdigest()[:32]}.json"
    found = _read(path)
    if found is None:
        found = measure_threshold(view, column)
        _write(path, found)
    return found


def _read(path: Path) -> ScoreThreshold | None:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        kept.pop("how")
        return ScoreThreshold(**kept)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _write(path: Path, threshold: ScoreThreshold) -> None:
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(json.dumps(threshold.to_dict()) + "\n", encoding="utf-8")
        os.replace(aside, path)  # noqa: PTH105
