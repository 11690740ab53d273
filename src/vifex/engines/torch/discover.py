"""Finding the layers of a module: it runs under hooks that look at every module's output.

It runs twice, with one input and with two. A layer is an output whose first axis is the batch and whose
other axes have the same length in both runs. A module that takes only one input runs with one, here and
later.
"""

from __future__ import annotations

import contextlib
import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode, _FlopCounterMode

from vifex.engines.torch.attention import OpenAttention, unfused
from vifex.engines.torch.axes import FollowAxes, axes_of, mark
from vifex.engines.torch.kinds import kind_of
from vifex.values import Layer, ModelCard, ModelError
from vifex.values.models import CHANNELS, wrong_channels

__all__ = ["Found", "Key", "Spot", "discover", "first_tensor"]

Part = Literal["output", "weights"]

_OTHER_CHANNELS: Final = (
    rf"to have (\d+) channels, but got {CHANNELS} channels",
    rf"shape\[{{axis}}\] to be equal to (\d+), but got {CHANNELS}",
)
"""What a convolution and an exported program say of an input with other channels than an image has."""


class Key(NamedTuple):
    """Names one output in a forward pass."""

    module: str
    """Dotted name; empty for the network itself."""
    part: Part
    """The module's own output, or the weights of an attention that it computes in a function."""
    nth: int
    """Which of its calls, from 0."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a layer is read, and how to bring it into the promised order."""

    layer: Layer
    key: Key
    order: tuple[int, ...] | None
    """Transposition, batch included; `None` where the axes are right already."""
    twin: str | None
    """Name of the first layer that is this very tensor, where there is an earlier one."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a module."""

    spots: tuple[Spot, ...]
    """In the order in which they are computed."""
    macs: int
    """Multiplications for one input."""
    fixed_batch: bool
    """Whether it takes one input at a time and no more."""


@dataclass(slots=True)
class _Observed:
    """What hooks observed in one run, by key in the order of the calls."""

    shapes: dict[Key, tuple[int, ...]] = field(default_factory=dict)
    letters: dict[Key, str | None] = field(default_factory=dict)
    identity: dict[Key, tuple[object, ...]] = field(default_factory=dict)
    kept: list[Tensor] = field(default_factory=list)
    """Every observed tensor: while it lives, no other tensor has its memory."""


def first_tensor(value: Any) -> Tensor | None:
    """Return the tensor that a module's output is or begins with; `None` where there is none.

    A tuple or list (an RNN's) counts by its first item, a mapping or a `ModelOutput` by its first value.
    """
    for _ in range(3):
        if isinstance(value, Tensor):
            return value
        if isinstance(value, Mapping):
            value = next(iter(value.values()), None)
        elif isinstance(value, (tuple, list)):
            value = value[0] if value else None
        else:
            return None
    return None


class _LightCounter(_FlopCounterMode):
    """Counts for a `FlopCounterMode` and leaves PyTorch's compiler unloaded, which takes a second.

    PyTorch loads its compiler for every mode that it keeps the compiler from looking into. A network that
    is compiled has loaded it already, and is counted by PyTorch's own mode.
    """

    __torch_dispatch__ = inspect.unwrap(_FlopCounterMode.__torch_dispatch__)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False


def discover(module: nn.Module, card: ModelCard) -> Found:
    """Find a module's layers.

    Args:
        module: In evaluation mode, on the device that will run it.
        card: Says its input.

    Raises:
        ModelError: If it does not take the input that its card describes.
    """
    pixels = _pixels(module, card, 1)
    counter = FlopCounterMode(display=False)
    with counter if "torch._dynamo" in sys.modules else _LightCounter(counter):
        one = _run(module, card, pixels)
    macs = int(counter.get_total_flops()) // 2
    try:
        two, batch = _run(module, card, _pixels(module, card, 2)), 2
    except ModelError:
        two, batch = one, 1  # exported for one input: it is run with one at a time
    return Found(tuple(_spots(module, card, one, two, batch)), macs, batch == 1)


def _spots(module: nn.Module, card: ModelCard, one: _Observed, two: _Observed, batch: int) -> Iterator[Spot]:
    taken = {name for name, _ in module.named_modules()}
    firsts: dict[tuple[object, ...], str] = {}
    last = next(reversed(one.shapes), None)
    for key, shape in one.shapes.items():
        if len(shape) < 2 or shape[0] != 1 or two.shapes.get(key) != (batch, *shape[1:]):
            continue
        if key == last and not key.module and one.identity[key] in firsts:
            continue  # the network's output is its last module's
        form = kind_of(
            shape[1:],
            one.letters[key],
            card,
            path=key.module,
            weights=key.part == "weights",
            is_output=key == last,
        )
        if form is None or 0 in shape:
            continue
        sizes = shape[1:] if form.order is None else tuple(shape[i] for i in form.order)[1:]
        name = _name(key, taken)
        twin = firsts.setdefault(one.identity[key], name)
        yield Spot(Layer(name, form.kind, sizes), key, form.order, None if twin == name else twin)


def _name(key: Key, taken: set[str]) -> str:
    """Return a layer's name: the module's; `_1`, `_2`, ... behind it at its further calls."""
    base = key.module or "output"
    if key.part == "weights":
        base = f"{key.module}.softmax" if key.module else "softmax"
    elif key.module and not key.nth:
        return base
    name, n = (base, 1) if not key.nth else (f"{base}_{key.nth}", key.nth + 1)
    while name in taken:
        name, n = f"{base}_{n}", n + 1
    taken.add(name)
    return name


def _pixels(module: nn.Module, card: ModelCard, batch: int) -> torch.Tensor:
    """Return random pixels of the card's shape on the module's device."""
    tensor = next((p for p in module.parameters()), None)
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(card.input_shape(batch), generator=generator)
    return x.to(tensor.device if tensor is not None else "cpu")


def _run(module: nn.Module, card: ModelCard, x: torch.Tensor) -> _Observed:
    """Run a module once and observe every call of its modules."""
    mark(x, card.layout)
    observed = _Observed()
    with _watched(module, card, observed):
        try:
            module(x)
        except Exception as exc:
            channels = _channels(module, card, str(exc))
            if channels is not None and channels != CHANNELS:
                raise wrong_channels(channels, of=card.name) from exc
            why = (str(exc).strip().splitlines() or [type(exc).__name__])[0]
            raise ModelError(
                f"the network does not run on the card's {list(x.shape)} ({card.layout}): {why}",
                of=card.name,
                todo="Take longer windows."
                if card.audio is not None
                else "Correct height_px, width_px, frames or layout in its card.",
            ) from exc
    return observed


def _channels(module: nn.Module, card: ModelCard, message: str) -> int | None:
    """Return the channels that a network takes which did not run, as far as that can be known."""
    for pattern in _OTHER_CHANNELS:
        if found := re.search(pattern.format(axis=card.layout.find("C")), message):
            return int(found[1])
    if "TorchScript" in message:  # whose own message is lost while its calls are watched
        return next((int(p.shape[1]) for p in module.parameters() if p.dim() in (4, 5)), None)
    return None


@contextlib.contextmanager
def _watched(module: nn.Module, card: ModelCard, observed: _Observed) -> Iterator[None]:
    running: list[str] = []
    calls: dict[tuple[str, Part], int] = {}

    def look(path: str, part: Part, tensor: Tensor | None) -> None:
        nth = calls[path, part] = calls.get((path, part), -1) + 1
        if tensor is None or not tensor.is_floating_point() or tensor.dim() == 0:
            return
        key = Key(path, part, nth)
        observed.shapes[key], observed.letters[key] = tuple(tensor.shape), axes_of(tensor)
        # A tensor that is changed in place is another value in the same memory.
        observed.identity[key] = (tensor.data_ptr(), tensor._version, tuple(tensor.shape), tensor.stride())
        observed.kept.append(tensor)

    def enter(path: str, *_: Any) -> None:
        running.append(path)

    def leave(path: str, part: nn.Module, _: Sequence[Any], out: Any) -> None:
        running.pop()
        tensor = first_tensor(out)
        if isinstance(part, nn.RNNBase) and tensor is not None and tensor.dim() == 3:
            mark(tensor, "NTC" if part.batch_first else "TNC")
        look(path, "output", tensor)

    hooks = []
    for path, part in module.named_modules():
        hooks.append(part.register_forward_pre_hook(partial(enter, path), prepend=True))
        hooks.append(part.register_forward_hook(partial(leave, path)))
    try:
        opened = OpenAttention(lambda weights: look(running[-1] if running else "", "weights", weights))
        with torch.no_grad(), unfused(module), FollowAxes(card), opened:
            yield
    finally:
        for hook in hooks:
            hook.remove()
