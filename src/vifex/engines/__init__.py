"""Engines: a model, layers and batches of ready pixels become arrays.

An engine knows no files but the model's, and no videos. Its library is imported when it is loaded.
"""

from __future__ import annotations

from vifex.engines.base import Engine, Network
from vifex.engines.choice import EngineChoice
from vifex.engines.choosing import settle
from vifex.engines.loading import load_engine
from vifex.engines.options import EngineOptions

__all__ = ["Engine", "EngineChoice", "EngineOptions", "Network", "load_engine", "settle"]
