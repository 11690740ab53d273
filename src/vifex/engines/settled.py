"""Settling which engine runs a model's layers, before a recipe is written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from vifex.values import EngineError, Layer, Model

__all__ = ["ENGINE", "EngineChoice", "settle"]

ENGINE: Final = "VIFEX_ENGINE"
"""Environment variable: `torch` or `openvino` for networks that are code; by default whichever fits."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """A model as an engine runs it, and why that engine."""

    model: Model
    """With `engine` set: the model itself, or a converted file under its card and the hash of its weights."""
    why: str = ""
    """Why torch runs it on a CPU, where it does."""
    checked: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By layer: the worst `cosine` between the two engines and the largest `difference` as a part of the
    largest value, in fp32, as they were measured when the network was converted."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a run's record."""
        found: dict[str, Any] = {"engine": self.model.engine}
        if self.why:
            found["why"] = self.why
        if self.checked:
            found["worst_cosine"] = min(m["cosine"] for m in self.checked.values())
            found["worst_difference"] = max(m["difference"] for m in self.checked.values())
        return found


def settle(model: Model, layers: Sequence[Layer], *, engine: str | None = None) -> EngineChoice:
    """Return a model as the engine runs it that reads these layers.

    A file is run by OpenVINO. A network that is code runs in torch on a GPU; on a CPU it is converted to
    OpenVINO if every layer comes out equal there (cosine of at least 0.9999, no difference above 0.001 of
    the largest value, in fp32), else it runs in torch.

    Args:
        model: The network.
        layers: What is read, from its engine's `resolve_layers`.
        engine: `torch` or `openvino` where it is decided already, as by the recipe of a stored view; else
            what the environment's `VIFEX_ENGINE` says.

    Raises:
        EngineError: If it must be `openvino` and the layers are not equal there.
        ModelError: If the network cannot be made.
    """
    if model.builder is None:
        return EngineChoice(model)
    wanted = engine or os.environ.get(ENGINE) or None
    if wanted not in (None, "torch", "openvino"):
        raise EngineError(f"there is no engine {wanted!r}.", todo=f"Set {ENGINE} to torch or openvino.")
    if wanted == "torch":
        return EngineChoice(model, f"{ENGINE} asks for it" if engine is None else "")
    from vifex.engines import load_engine
    from vifex.engines.torch.engine import TorchEngine
    from vifex.engines.torch.settle import must_convert, settle_on_cpu

    torch_engine = cast(TorchEngine, load_engine("torch"))
    if torch_engine.device.type != "cpu":
        if wanted is None:
            return EngineChoice(model)
        torch_engine = TorchEngine(device="cpu")
    settled = settle_on_cpu(model, layers, torch_engine, load_engine("openvino"))
    return settled if wanted is None else must_convert(settled, model)
