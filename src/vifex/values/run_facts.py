"""Facts of a run that decide no number: versions, machine and time, as the JSON text that ledgers keep."""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any, Final

__all__ = ["read_facts", "run_facts"]

_DISTRIBUTIONS: Final = {"open_clip": "open_clip_torch", "sklearn": "scikit-learn"}
"""Distributions of modules with another name."""


def run_facts(packages: Iterable[str] = (), **more: Any) -> str:
    """Return the facts of this run as JSON text.

    Args:
        packages: Distributions or modules whose versions count, beside those of Python and Vifex.
        **more: Further facts as plain values; `machine` is merged with what is known of it.
    """
    versions = {name: version(_DISTRIBUTIONS.get(name, name)) for name in ("vifex", *packages)}
    machine = {"system": platform.system(), "cpu": platform.machine(), **more.pop("machine", {})}
    facts = {
        "versions": {"python": platform.python_version(), **versions},
        "machine": machine,
        "started_unix_s": round(time.time(), 3),
        "command": sys.argv[1:2],
        **more,
    }
    return json.dumps(facts, sort_keys=True)


def read_facts(text: str) -> dict[str, Any]:
    """Read what `run_facts` wrote; nothing of what another program wrote in another form."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
