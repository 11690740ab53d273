"""The family `seq/`: an image network over the frames of a clip, followed by a temporal head.

    seq/HEAD[:OPTION,...](BACKBONE[#LAYER])

- HEAD is a name of `vifex.models.heads`: mean, max, attention, rnn, lstm, gru, tcn, transformer,
  nonlocal.
- An OPTION is a number (the head's `hidden`, for `nonlocal` its `inner`), `bi` (two directions), `KEY=VALUE`
  (any option of the head's class, e.g. `layers=2`, `take=mean`, `pairwise=dot`), `standardise=true` (the
  head's weights hold the mean and deviation of the features), or `frames=T`: frames per clip, 16 by default.
- BACKBONE is any image network of a family, with its prefix; LAYER is one of its modules or aliases, by
  default the default layer of its card. A map or tokens are averaged.

Examples: `seq/lstm:512(torchvision/resnet18)`, `seq/gru:256,bi,frames=32(timm/resnet18.a1_in1k#layer4)`.

Weights: `random:SEED` for both parts; `pretrained` for heads without weights, with the backbone's published
ones; a file with the keys `backbone.*` and `head.*`, or with `head.*` alone for a published backbone. The
pixels are those of the backbone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from vifex.models.families.composed.composing import (
    find_module,
    given_weights,
    inner_model,
    module_of,
    parse_options,
)
from vifex.models.families.shared.base import Entry
from vifex.models.families.shared.making import as_model
from vifex.models.families.shared.weights import seeded
from vifex.models.heads import head_names, make_head
from vifex.values import InputError, Model, ModelError
from vifex.values.models import CHANNELS
from vifex.values.registry import require

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FAMILY", "Composite", "build", "frame_network", "parse"]

_NAME: Final = re.compile(
    r"(?P<head>\w+)(?::(?P<options>[^()]*))?\((?P<backbone>[^#]+)(?:#(?P<layer>[^#]+))?\)"
)
_FRAMES: Final = 16
_EXAMPLE: Final = "seq/lstm:512(torchvision/resnet18)"


@dataclass(frozen=True, slots=True)
class Composite:
    """The parts of a name."""

    head: str
    options: dict[str, Any]
    """Of the head's class."""
    frames: int
    backbone: str
    """As `load_model` takes it."""
    layer: str | None


def parse(name: str) -> Composite:
    """Split a name without its `seq/` into its parts.

    Raises:
        ModelError: If it does not have the form above.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise ModelError(
            f"'seq/{name}' is not seq/HEAD[:OPTION,...](BACKBONE[#LAYER]).",
            todo=f"Write for example {_EXAMPLE}.",
        )
    number = "inner" if match["head"] == "nonlocal" else "hidden"
    options = parse_options(match["options"], flags={"bi": "both"}, number=number)
    frames = options.pop("frames", _FRAMES)
    if not isinstance(frames, int) or isinstance(frames, bool) or frames < 1:
        raise ModelError(
            f"frames={frames} is not a number of frames.", of=f"seq/{name}", todo="Write frames=16."
        )
    return Composite(match["head"], options, frames, match["backbone"], match["layer"])


def build(name: str, weights: str) -> nn.Module:
    """Make a composite network: `[N, T, C, H, W]` to `[N, D']`, in evaluation mode.

    Args:
        name: Without `seq/`, see above.
        weights: `random:SEED`, `pretrained`, or the path of a checkpoint.

    Raises:
        ModelError: If the name or the backbone is unknown, or the weights belong to another network.
        MissingExtraError: If a library is not installed.
    """
    return _made(name, weights)[0]


def frame_network(name: str, weights: str) -> tuple[nn.Module, str, int]:
    """Return an image network in evaluation mode, the module to read, and how many numbers it gives.

    Args:
        name: `BACKBONE[#LAYER]`, see above.
        weights: `random:SEED`, `pretrained`, or the path of a checkpoint.

    Raises:
        ModelError: If there is no such network or module.
    """
    backbone, _, layer = name.partition("#")
    inner = _inner(backbone, weights)
    network = module_of(inner)
    chosen = _layer(network, inner, layer or None)
    return network, chosen, _size(network, chosen, inner)


class SeqFamily:
    """The family; see `base.Family`."""

    prefix = "seq"

    def catalogue(self) -> Iterable[Entry]:
        """Yield one example per head; any backbone may stand in the brackets."""
        for head in head_names():
            size = ":512" if head in ("rnn", "lstm", "gru", "tcn") else ""
            yield Entry(
                name=f"seq/{head}{size}(torchvision/resnet18)",
                input=f"{_FRAMES} x 224 x 224",
                licence="the backbone's",
                weights_from="the backbone's; a head's are yours",
            )

    def load(self, name: str, weights: str) -> Model:
        """Make the model; see `base.Family.load`."""
        module, inner, parts = _made(name, weights)
        card = replace(
            inner.card,
            name=f"seq/{name}",
            frames=parts.frames,
            layout="NTCHW",
            default_layers=("head",),
            aliases={"features": "head", "penultimate": "frames"},
            provenance=f"{inner.card.name}: {inner.card.provenance}; head {parts.head}: {weights}",
        )
        return as_model(card, "vifex.models.families.composed.seq:build", name, weights, module)


def _made(name: str, weights: str) -> tuple[nn.Module, Model, Composite]:
    require("torch", extra="torch", needed_for=f"seq/{name}")
    from vifex.models.nets.over_frames import OverFrames

    parts = parse(name)
    if weights == "pretrained" and _head(parts, 1).state_dict():
        raise ModelError(
            f"the head {parts.head!r} has weights of its own, and none are published.",
            of=f"seq/{name}",
            todo='Give `weights=FILE` with the keys head.* (and backbone.*), or `weights="random:SEED"`.',
        )
    given = given_weights(weights)
    inner = _inner(parts.backbone, given.of_backbone)
    backbone = module_of(inner)
    layer = _layer(backbone, inner, parts.layer)
    head = seeded(given.seed or 0, lambda: _head(parts, _size(backbone, layer, inner)))
    module: nn.Module = OverFrames(backbone, layer, head).eval()
    given.apply(module, head)
    return module, inner, parts


def _inner(name: str, weights: str) -> Model:
    """Load the network for images by its full name."""
    model = inner_model(name, weights)
    if model.builder is None or model.card.frames is not None:
        raise ModelError(
            f"{name} is not an image network made by code.",
            of="seq",
            todo=f"Give one, e.g. {_EXAMPLE}.",
        )
    return model


def _layer(backbone: nn.Module, model: Model, wanted: str | None) -> str:
    """Return the name of the module to read."""
    chosen = wanted or next(iter(model.card.default_layers), None)
    if chosen is None:
        raise ModelError("it names no default layer.", of=model.card.name, todo="Name one: BACKBONE#LAYER.")
    return find_module(backbone, model, chosen, example="BACKBONE#LAYER")


def _size(backbone: nn.Module, layer: str, model: Model) -> int:
    """Run one black image and return how many numbers a frame gives."""
    import torch

    from vifex.models.nets.over_frames import image_vector

    card = model.card
    image = torch.zeros(1, CHANNELS, card.height_px, card.width_px)
    with torch.no_grad():
        try:
            return int(image_vector(backbone, layer, image).shape[1])
        except ValueError as exc:
            raise ModelError(f"{exc}.", of=card.name, todo="Name another module: BACKBONE#LAYER.") from exc


def _head(parts: Composite, size: int) -> nn.Module:
    try:
        return make_head(parts.head, size, **parts.options)
    except InputError as exc:
        raise ModelError(exc.what, of=f"seq/{parts.head}", todo=exc.todo) from exc


FAMILY: Final = SeqFamily()
