"""The network that is distilled: any model that Vifex loads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from vifex.models import load_model
from vifex.models.run_folders import run_folder
from vifex.models.trainable import read_description
from vifex.values import InputError, Model, ModelCard

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Teacher"]


class Teacher:
    """Gives the scores or the features of images.

    Args:
        name: A model by name, file or run folder.
        batch: Images of a batch.
        on: `logits` for its scores; else its default layer, averaged over positions.
        precision: `fp32` or `bf16`.

    Raises:
        ModelError: If there is no such model.
        InputError: If the model takes no images, or is a graph and has no scores that are known as such.
    """

    def __init__(self, name: str, *, batch: int, on: str, precision: str) -> None:
        self.model = model = load_model(name)
        self.card = card = model.card
        if card.audio is not None or card.frames is not None:
            raise InputError("the teacher takes no single images.", of=name, todo="Name a model of images.")
        folder = run_folder(Path(name))
        self.classes = read_description(folder).classes if folder is not None else ()
        self._precision = precision
        self._run: Callable[[Tensor], Tensor]
        if model.builder is not None:
            self._run = self._module(model, on)
        elif on == "logits":
            raise InputError(
                "the teacher is a graph, and which of its outputs are scores is not known.",
                of=name,
                todo="Set loss.distill_on to features or similarity.",
            )
        else:
            self._run = self._graph(model, batch, precision)

    def __call__(self, pixels: Tensor) -> Tensor:
        """Return scores or features, float32 `[B, D]`.

        Args:
            pixels: `[B, 3, H, W]`, 0 to 255, RGB.
        """
        size = (self.card.height_px, self.card.width_px)
        if pixels.shape[-2:] != size:
            pixels = functional.interpolate(pixels, size, mode="bilinear", antialias=True)
        with torch.no_grad():
            return self._run(pixels).detach().float()

    def _module(self, model: Model, on: str) -> Callable[[Tensor], Tensor]:
        from importlib import import_module

        assert model.builder is not None
        where, _, attribute = model.builder.target.partition(":")
        module = getattr(import_module(where), attribute)(model.builder.name, model.builder.weights)
        module.requires_grad_(False)
        seen: list[Tensor] = []
        if on != "logits":
            layer = model.card.default_layers[0] if model.card.default_layers else "penultimate"
            module.get_submodule(layer).register_forward_hook(lambda m, i, o: seen.append(o))

        def run(pixels: Tensor) -> Tensor:
            module.to(pixels.device)
            is_bf16 = self._precision == "bf16"
            with torch.autocast(pixels.device.type, torch.bfloat16, enabled=is_bf16):
                scores: Tensor = module(_prepared(pixels, model.card))
            return scores if on == "logits" else _vector(seen.pop())

        return run

    def _graph(self, model: Model, batch: int, precision: str) -> Callable[[Tensor], Tensor]:
        from vifex.engines.loading import load_engine

        engine = load_engine(model.engine)
        layers = engine.resolve_layers(model, [])[:1]
        network = engine.compile(model, layers, precision=engine.resolve_precision(precision), batch=batch)

        def run(pixels: Tensor) -> Tensor:
            rounded = pixels.round().clamp(0, 255).to("cpu", torch.uint8).permute(0, 2, 3, 1).numpy()
            padded = np.zeros(network.input_shape, dtype=np.uint8)
            padded[: len(rounded)] = rounded
            found = network.submit(padded).result()[layers[0].name][: len(rounded)]
            return _vector(torch.from_numpy(found)).to(pixels.device)

        return run


def _prepared(pixels: Tensor, card: ModelCard) -> Tensor:
    """Return the network's own input."""
    if card.channel_order == "BGR":
        pixels = pixels.flip(1)
    mean, std = (torch.tensor(v, device=pixels.device).view(1, 3, 1, 1) for v in (card.mean, card.std))
    ready = (pixels / card.scale - mean) / std
    return ready.permute(0, 2, 3, 1) if card.layout == "NHWC" else ready


def _vector(found: Tensor) -> Tensor:
    """Average a map or tokens over positions."""
    if found.ndim == 4:
        return found.mean((2, 3))
    return found.mean(1) if found.ndim == 3 else found
