"""Engines: a model, layers and batches of ready pixels become arrays.

An engine knows no files but the model's, and no videos. Its library is imported when it is loaded.
"""

from __future__ import annotations

from functools import cache
from typing import cast

from vifex.engines.base import Engine, Network
from vifex.engines.registry import ENGINES, GROUP
from vifex.engines.settled import EngineChoice, settle
from vifex.values.registry import load

__all__ = ["Engine", "EngineChoice", "Network", "load_engine", "settle"]


@cache
def load_engine(name: str = "openvino") -> Engine:
    """Load an engine; the same one at every call.

    Raises:
        InputError: If there is none of that name.
    """
    return cast(Engine, load(ENGINES, name, group=GROUP, what="engine")())
