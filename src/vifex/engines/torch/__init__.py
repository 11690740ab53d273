"""The torch engine: networks that are code, on CPUs, CUDA and MPS devices.

The engine gets the module from the model's builder, finds its layers by running it once under hooks, and
runs it behind the interface that all engines share. On a CPU, `settle` has OpenVINO run the network where
its layers are equal there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vifex.values.registry import require

if TYPE_CHECKING:
    from vifex.engines.base import Engine
    from vifex.engines.options import EngineOptions
    from vifex.values import Model

__all__ = ["count_parameters", "make_engine"]


def make_engine(options: EngineOptions) -> Engine:
    """Make the engine.

    Args:
        options: The device, and whether networks run through `torch.compile`.

    Raises:
        MissingExtraError: If torch is not installed.
        EngineError: If this machine lacks the device.
    """
    require("torch", extra="torch", needed_for="a network that is code")
    from vifex.engines.torch.engine import TorchEngine

    return TorchEngine(options.device, compile=options.compile)


def count_parameters(model: Model) -> tuple[int, int]:
    """Count a network's learned numbers, and their bytes in memory, buffers included.

    Args:
        model: Made by a builder.

    Raises:
        ModelError: If it cannot be made.
        MissingExtraError: If torch is not installed.
    """
    from vifex.engines.loading import load_engine

    engine: Any = load_engine("torch")
    with engine.borrowed(model) as (module, _):
        learned = sum(p.numel() for p in module.parameters())
        held = [*module.parameters(), *module.buffers()]
        return learned, sum(t.numel() * t.element_size() for t in held)
