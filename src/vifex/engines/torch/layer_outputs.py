"""The module that the engine runs: pixels in, the requested layers out, in the promised order of axes."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vifex.engines.torch.attention import OpenAttention, unfused
from vifex.engines.torch.discover import Key, Part, Spot, first_tensor
from vifex.values import EngineError, ModelCard

__all__ = ["LayerOutput", "Pixels"]


class Pixels(nn.Module):
    """Turns ready pixels into the network's input.

    Takes uint8 `[N, H, W, 3]` or `[N, T, H, W, 3]`, gives float32 in the card's layout. With `p` a pixel's
    value in the network's channel order the network sees `(p / scale - mean) / std`. Sound, float32
    `[N, S]`, and ready input pass unchanged.
    """

    def __init__(self, card: ModelCard) -> None:
        super().__init__()
        self._as_it_is = card.takes_numbers
        given = card.layout if self._as_it_is else "NHWC" if card.frames is None else "NTHWC"
        self._order = [given.index(axis) for axis in card.layout]
        self._scale = card.scale
        self._reverse = card.channel_order == "BGR"
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(card.mean, dtype=torch.float32), persistent=False)
        self.register_buffer("std", torch.tensor(card.std, dtype=torch.float32), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalise and permute; channels-first layouts come as views, channels last in memory."""
        if self._as_it_is:
            return pixels
        x = pixels.flip(-1) if self._reverse else pixels
        x = (x.float() / self._scale - self.mean) / self.std
        return x.permute(self._order)


class _Recorder:
    """What hooks observed in one forward pass. Not a module, so that its state is not the network's."""

    def __init__(self, keys: set[Key]) -> None:
        self._keys = keys
        self.reset()

    def reset(self) -> None:
        self.calls: dict[tuple[str, Part], int] = {}
        self.found: dict[Key, Tensor] = {}
        self.running: list[str] = []

    def look(self, path: str, part: Part, value: Any) -> None:
        nth = self.calls[path, part] = self.calls.get((path, part), -1) + 1
        key = Key(path, part, nth)
        if key in self._keys:
            tensor = first_tensor(value)
            if tensor is not None:
                # A later function may change it in place; the layer is the value at the hook.
                self.found[key] = tensor.clone()

    def look_at_weights(self, weights: Tensor) -> None:
        self.look(self.running[-1] if self.running else "", "weights", weights)


class LayerOutput(nn.Module):
    """A network that returns its layers: float32 in the card's layout becomes one tensor per spot.

    The hooks stay on the network until `close`. One thread may run it at a time.
    """

    def __init__(self, network: nn.Module, spots: Sequence[Spot]) -> None:
        super().__init__()
        self.network = network
        self.spots = tuple(spots)
        keys = {spot.key for spot in spots}
        self._opens = any(spot.layer.kind == "attention" for spot in spots)
        self._recorder = recorder = _Recorder(keys)
        watched = {key.module for key in keys if key.part == "output"}
        self._hooks = []
        for path, part in network.named_modules():
            # Weights belong to the innermost running module, so every module is watched.
            if self._opens:
                enter = partial(_enter, recorder, path)
                self._hooks.append(part.register_forward_pre_hook(enter, prepend=True))
            if self._opens or path in watched:
                self._hooks.append(part.register_forward_hook(partial(_leave, recorder, path)))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Run the network; return float32 `[N, *layer.shape]` per spot.

        Raises:
            EngineError: If a layer's module was not run for this input.
        """
        recorder = self._recorder
        recorder.reset()
        with contextlib.ExitStack() as stack:
            if self._opens:
                stack.enter_context(unfused(self.network))
                stack.enter_context(OpenAttention(recorder.look_at_weights))
            self.network(x)
        found = recorder.found
        recorder.reset()
        return tuple(_ordered(found, spot) for spot in self.spots)

    def close(self) -> None:
        """Remove the hooks."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []


def _enter(recorder: _Recorder, path: str, *_: Any) -> None:
    recorder.running.append(path)


def _leave(recorder: _Recorder, path: str, *given: Any) -> None:
    if recorder.running:
        recorder.running.pop()
    recorder.look(path, "output", given[-1])


def _ordered(found: dict[Key, Tensor], spot: Spot) -> Tensor:
    if spot.key not in found:
        raise EngineError(
            f"the layer {spot.layer.name!r} was not run for some input: the network decides by its pixels.",
            todo="Read a layer that every input passes.",
        )
    tensor = found[spot.key]
    return (tensor if spot.order is None else tensor.permute(spot.order)).float().contiguous()
