"""The torch engine: networks that are code, on CPUs, CUDA and MPS devices.

It asks a model's builder for the module, finds its taps by running it once under hooks, and runs it with
the same interface as every engine. Where a CPU runs it, `convert` hands the network to OpenVINO if its
taps come out equal there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vifex.values.registry import require

if TYPE_CHECKING:
    from vifex.engines.base import Engine

__all__ = ["make_engine"]


def make_engine() -> Engine:
    """Make the engine.

    Raises:
        MissingExtraError: If torch is not installed.
    """
    require("torch", extra="torch", needed_for="a network that is code")
    from vifex.engines.torch.engine import TorchEngine

    return TorchEngine()
