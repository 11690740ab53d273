"""Engines: a model, layers and batches of ready pixels become arrays.

An engine reads only the files of the model. Its library is imported when the engine is loaded.
"""

from __future__ import annotations

from vifex.engines.base import Engine, Network
from vifex.engines.choice import EngineChoice
from vifex.engines.choosing import settle
from vifex.engines.loading import load_engine
from vifex.engines.options import EngineOptions

__all__ = ["Engine", "EngineChoice", "EngineOptions", "Network", "load_engine", "settle"]
