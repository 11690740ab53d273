"""Loading an engine by its name; its library is imported with it."""

from __future__ import annotations

from functools import cache
from typing import cast

from vifex.engines.base import Engine
from vifex.engines.options import EngineOptions
from vifex.engines.registry import ENGINES, GROUP
from vifex.values.registry import load

__all__ = ["load_engine"]


def load_engine(name: str = "openvino", options: EngineOptions | None = None) -> Engine:
    """Load an engine; calls with the same device and `compile` return the same one.

    Args:
        name: In the registry of engines.
        options: The device and `compile` of the torch engine; other engines have neither.

    Raises:
        InputError: If there is no engine of that name.
        EngineError: If this machine lacks the device.
    """
    chosen = options or EngineOptions()
    return _load(name) if name != "torch" else _load(name, chosen.device, chosen.compile)


@cache
def _load(name: str, device: str | None = None, compile: bool | None = None) -> Engine:
    make = load(ENGINES, name, group=GROUP, what="engine")
    if name != "torch":
        return cast(Engine, make())
    return cast(Engine, make(EngineOptions(device=device, compile=compile)))
