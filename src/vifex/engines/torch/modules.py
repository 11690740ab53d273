"""The modules of models: builders make them, and a few are kept for the next use."""

from __future__ import annotations

import threading
from importlib import import_module
from typing import Any, Final

import torch
from torch import nn

from vifex.values import Model, ModelError, VifexError

__all__ = ["Modules", "make_module"]

_KEPT: Final = 2


def make_module(model: Model) -> nn.Module:
    """Make a model's module, in evaluation mode and without gradients.

    Raises:
        ModelError: If nothing makes it, or its builder fails.
    """
    if model.builder is None:
        raise ModelError("no code makes this network: it is a file for another engine.", of=model.card.name)
    module_name, _, attribute = model.builder.target.partition(":")
    try:
        module = _made(model)
        if module is None:
            build = getattr(import_module(module_name), attribute)
            module = build(model.builder.name, model.builder.weights)
    except VifexError:
        raise
    except Exception as exc:
        raise ModelError(
            f"the network could not be made: {type(exc).__name__}: {exc}.", of=model.card.name
        ) from exc
    if not isinstance(module, nn.Module):
        raise ModelError(
            f"its builder gave {type(module).__name__}, not a torch.nn.Module.", of=model.card.name
        )
    for parameter in module.parameters():  # programs have no `requires_grad_` of their own
        parameter.requires_grad_(False)
    return module.eval()


def _made(model: Model) -> Any:
    """Take the module that loading the model has made; `None` if there is none or it is taken."""
    try:
        return model.builder.made.pop() if model.builder is not None else None
    except IndexError:
        return None


class Modules:
    """Modules that are not in use. Who takes one has it alone until giving it back.

    Two networks never share a module: the hooks of both would run.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._lock = threading.Lock()
        self._idle: dict[str, nn.Module] = {}

    def take(self, model: Model) -> nn.Module:
        """Return a model's module on the device; make it if none is kept."""
        with self._lock:
            module = self._idle.pop(_key(model), None)
        return make_module(model).to(self._device) if module is None else module

    def give_back(self, model: Model, module: nn.Module) -> None:
        """Keep a module, with its hooks removed, for the next use; drop the oldest of too many."""
        with self._lock:
            self._idle[_key(model)] = module
            while len(self._idle) > _KEPT:
                del self._idle[next(iter(self._idle))]


def _key(model: Model) -> str:
    return f"{model.weights_sha256} {model.builder}"
