"""The choice of the engine that runs a model's layers, before a recipe is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from vifex.engines.choice import EngineChoice
from vifex.engines.loading import load_engine
from vifex.engines.options import EngineOptions
from vifex.values import EngineError, Layer, Model

__all__ = ["check_file", "settle"]


def settle(
    model: Model,
    layers: Sequence[Layer],
    *,
    options: EngineOptions | None = None,
    made_by: str | None = None,
) -> EngineChoice:
    """Choose the engine that runs a model's layers, and give the model as that engine runs it.

    A file is run by OpenVINO. A network that is code runs in torch on a GPU; on a CPU it is converted to
    OpenVINO if every layer comes out equal there (cosine of at least 0.9999, no difference above 0.001 of
    the largest value, in fp32), else it runs in torch.

    Args:
        model: The network.
        layers: What is read, from its engine's `resolve_layers`.
        options: What the user chose.
        made_by: The engine that made the view which is queried; it must run the query as well.

    Raises:
        EngineError: If the engine that is asked for cannot run the network, or not on that device.
        ModelError: If the network cannot be made.
    """
    options = options or EngineOptions()
    if model.builder is None:
        check_file(model, options)
        choice = EngineChoice(model)
    else:
        choice = _of_code(model, layers, options, made_by)
    if options.compile and choice.model.engine != "torch":
        raise EngineError(
            f"compile is for networks that torch runs, and {choice.model.engine} runs this one.",
            of=model.card.name,
            todo="Leave compile out.",
        )
    return choice


def check_file(model: Model, options: EngineOptions) -> None:
    """Refuse a choice that a file cannot follow. The environment variables are for networks that are code.

    Raises:
        EngineError: If OpenVINO runs the file, and the choice is torch or a device other than the CPU.
    """
    if model.engine == "openvino" and (options.engine == "torch" or not options.allows_openvino):
        choice = "the engine torch" if options.engine == "torch" else f"the device {options.device}"
        raise EngineError(
            f"the model is a file that OpenVINO runs on the CPU, and {choice} is for networks that are code.",
            of=model.card.name,
            todo="Leave that choice out, or name a network of PyTorch; see `vifex models`.",
        )


def _of_code(
    model: Model, layers: Sequence[Layer], options: EngineOptions, made_by: str | None
) -> EngineChoice:
    wanted = made_by or options.wanted_engine
    if wanted == "torch":
        return EngineChoice(model, options.why_engine if made_by is None else "")
    if wanted == "openvino" and not options.allows_openvino:
        raise EngineError(
            f"OpenVINO runs networks on the CPU, not on {options.device}.",
            of=model.card.name,
            todo="Use the engine torch for that device, or leave the device out.",
        )
    from vifex.engines.torch.engine import TorchEngine
    from vifex.engines.torch.settle import must_convert, settle_on_cpu

    torch_engine = cast(TorchEngine, load_engine("torch", options))
    if torch_engine.device.type != "cpu":
        if wanted is None:
            return EngineChoice(model)
        torch_engine = TorchEngine(device="cpu")
    choice = settle_on_cpu(model, layers, torch_engine, load_engine("openvino"))
    return choice if wanted is None else must_convert(choice, model, made_view=made_by is not None)
