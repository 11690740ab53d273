"""The family `fuse/`: one network read at several layers, and a head that fuses them into one vector.

    fuse/METHOD[:OPTION,...](BACKBONE#LAYER+LAYER[+LAYER...])

- METHOD is `concat`, `weighted`, `sum` (the feature pyramid's, of maps), `gated` or `attention`.
- An OPTION is a number (the `width` of `sum`, the `hidden` of `gated` and `attention`), `raw` (do not scale
  each vector to length 1), or `KEY=VALUE`: `weights=2/1/1`, `take=mean`.
- BACKBONE is any network of a family, with its prefix; a LAYER is one of its modules or aliases. Maps and
  tokens are averaged; `sum` takes maps, the finest first.

Examples: `fuse/concat(torchvision/resnet18#layer2+layer3+layer4)`, `fuse/sum:64(timm/resnet18#layer3+layer4)`

Weights: `random:SEED` for both parts; `pretrained` for `concat` and `weighted`, with the backbone's published
weights; a file with the keys `backbone.*` and `head.*`, or with `head.*` alone for a published backbone. The
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
from vifex.models.families.registry import FAMILIES, GROUP
from vifex.models.families.shared.base import Entry
from vifex.models.families.shared.making import as_model
from vifex.models.families.shared.weights import seeded
from vifex.models.heads.registry import FUSION_GROUP, FUSION_HEADS
from vifex.values import InputError, Model, ModelError
from vifex.values.registry import load, names, near, require

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["FAMILY", "Fused", "build", "parse"]

_NAME: Final = re.compile(
    r"(?P<method>\w+)(?::(?P<options>[^()]*))?\((?P<backbone>[^#]+)#(?P<layers>[^#]+)\)"
)
_EXAMPLE: Final = "fuse/concat(torchvision/resnet18#layer2+layer3+layer4)"
_BY_VIEWS: Final = "extract its layers into one view and join them there with vifex fuse"
_SIZES: Final = {"sum": "width", "gated": "hidden", "attention": "hidden"}
_READY: Final = ("concat", "weighted")
"""Methods that need no learned weights."""


@dataclass(frozen=True, slots=True)
class Fused:
    """The parts of a name."""

    method: str
    options: dict[str, Any]
    """Of the head's class."""
    unit: bool
    backbone: str
    """As `load_model` takes it."""
    layers: tuple[str, ...]


def parse(name: str) -> Fused:
    """Split a name without its `fuse/` into its parts.

    Raises:
        ModelError: If it does not have the form above.
    """
    match = _NAME.fullmatch(name)
    layers = [layer.strip() for layer in match["layers"].split("+")] if match is not None else []
    if match is None or len(layers) < 2 or len(set(layers)) < len(layers):
        raise ModelError(
            f"'fuse/{name}' is not fuse/METHOD[:OPTION,...](BACKBONE#LAYER+LAYER) with different layers.",
            todo=f"Write for example {_EXAMPLE}; to fuse a model that is a file, {_BY_VIEWS}.",
        )
    method = match["method"]
    if method not in names(FUSION_HEADS, group=FUSION_GROUP) and method != "pca":
        known = names(FUSION_HEADS, group=FUSION_GROUP)
        raise ModelError(
            f"there is no fusion {method!r}.",
            of=f"fuse/{name}",
            todo=f"{near(method, known)}Known: {', '.join(known)}.",
        )
    if method == "pca":
        raise ModelError(
            "a projection is learned from the rows of a store, not inside a network.",
            of=f"fuse/{name}",
            todo=f"For pca {_BY_VIEWS} and `method=pca, dims=N`.",
        )
    options = parse_options(match["options"], flags={"raw": "raw"}, number=_SIZES.get(method, "hidden"))
    unit = not options.pop("raw", False)
    return Fused(method, options, unit, match["backbone"], tuple(layers))


def build(name: str, weights: str) -> nn.Module:
    """Make a network that is read at several layers: a batch to `[N, D]`, in evaluation mode.

    Args:
        name: Without `fuse/`, see above.
        weights: `random:SEED`, `pretrained`, or the path of a checkpoint.

    Raises:
        ModelError: If the name or the backbone is unknown, or the weights belong to another network.
        MissingExtraError: If a library is not installed.
    """
    return _made(name, weights)[0]


class FuseFamily:
    """The family; see `base.Family`."""

    prefix = "fuse"

    def catalogue(self) -> Iterable[Entry]:
        """Yield one example per method; any backbone may stand in the brackets."""
        for method in sorted(FUSION_HEADS):
            size = ":256" if method in _SIZES else ""
            yield Entry(
                name=f"fuse/{method}{size}(torchvision/resnet18#layer2+layer3+layer4)",
                input="224 x 224",
                licence="the backbone's",
                weights_from="the backbone's" + "; a head's are yours" * (method not in _READY),
            )

    def load(self, name: str, weights: str) -> Model:
        """Make the model; see `base.Family.load`."""
        module, inner, said = _made(name, weights)
        card = replace(
            inner.card,
            name=f"fuse/{name}",
            default_layers=("head",),
            aliases={
                **{alias: f"backbone.{layer}" for alias, layer in inner.card.aliases.items()},
                "features": "head",
            },
            provenance=f"{inner.card.name}: {inner.card.provenance}; fusion: {weights}",
            fusion=said,
        )
        return as_model(card, "vifex.models.families.composed.fuse:build", name, weights, module)


def _made(name: str, weights: str) -> tuple[nn.Module, Model, str]:
    require("torch", extra="torch", needed_for=f"fuse/{name}")
    from vifex.models.nets.multi_scale import MultiScale

    parts = parse(name)
    if weights == "pretrained" and parts.method not in _READY:
        raise ModelError(
            f"the fusion {parts.method!r} has weights of its own, and none are published.",
            of=f"fuse/{name}",
            todo='Give `weights=FILE` with the keys head.* (and backbone.*), or `weights="random:SEED"`.',
        )
    given = given_weights(weights)
    inner = _inner(parts.backbone, given.of_backbone)
    backbone = module_of(inner)
    layers = [find_module(backbone, inner, layer, example="BACKBONE#LAYER+LAYER") for layer in parts.layers]
    sizes = _sizes(backbone, layers, inner, maps=parts.method == "sum")
    head = seeded(given.seed or 0, lambda: _head(parts, sizes))
    module = MultiScale(backbone, layers, head, pooled=parts.method != "sum", unit=parts.unit).eval()
    given.apply(module, head)
    return module, inner, _description(parts, layers, sizes, int(head.out_features))


def _inner(name: str, weights: str) -> Model:
    known = names(FAMILIES, group=GROUP)
    prefix = re.split("[/:]", name, maxsplit=1)[0]
    if prefix not in known:
        raise ModelError(
            f"{name!r} does not belong to a family of networks made by code ({', '.join(known)}), and only "
            "those can be read at several layers.",
            of="fuse",
            todo=f"{near(prefix, known)}Write for example {_EXAMPLE}; for a file {_BY_VIEWS}.",
        )
    return inner_model(name, weights)


def _sizes(backbone: nn.Module, layers: list[str], model: Model, *, maps: bool) -> list[int]:
    """Run one empty input to see how many numbers each layer gives."""
    import torch

    from vifex.models.nets.multi_scale import as_vector, outputs_at

    try:
        with torch.no_grad():
            outputs = outputs_at(backbone, layers, torch.zeros(model.card.input_shape(1)))
    except ValueError as exc:
        raise ModelError(f"{exc}.", of=model.card.name, todo="Name other modules.") from exc
    if maps:
        _check_maps(layers, outputs, model)
    return [int(as_vector(output).shape[1]) for output in outputs]


def _check_maps(layers: list[str], outputs: list[Tensor], model: Model) -> None:
    areas = [output.shape[2] * output.shape[3] if output.dim() == 4 else 0 for output in outputs]
    if 0 in areas:
        raise ModelError(
            f"the module {layers[areas.index(0)]!r} gives no map, and a pyramid is of maps.",
            of=model.card.name,
            todo="Use fuse/concat or fuse/weighted for it.",
        )
    if areas != sorted(areas, reverse=True):
        raise ModelError(
            "a pyramid goes from the finest map to the coarsest.",
            of=model.card.name,
            todo=f"Name the layers in that order (cells: {', '.join(map(str, areas))}).",
        )


def _head(parts: Fused, sizes: list[int]) -> nn.Module:
    try:
        make = load(FUSION_HEADS, parts.method, group=FUSION_GROUP, what="fusion")
        head: nn.Module = make(sizes, **parts.options)
    except InputError as exc:
        raise ModelError(exc.what, of=f"fuse/{parts.method}", todo=exc.todo) from exc
    except (TypeError, ValueError) as exc:
        given = ", ".join(f"{k}={v}" for k, v in parts.options.items())
        raise ModelError(
            f"the fusion {parts.method!r} cannot be made with {given or 'no options'}: {exc}.", of="fuse"
        ) from exc
    return head


def _description(parts: Fused, layers: list[str], sizes: list[int], size: int) -> str:
    """Return the sentence of the card that says how the vector is made."""
    inputs = ", ".join(f"{layer} [{n}]" for layer, n in zip(layers, sizes, strict=True))
    if parts.method == "sum":
        lengths = "maps summed from the coarsest to the finest"
    else:
        lengths = "each averaged over its cells" + ", then of length 1" * parts.unit
    options = "".join(f", {k}={v}" for k, v in parts.options.items())
    return f"{parts.method} of {inputs} of {parts.backbone}, {lengths}{options}: {size} numbers"


FAMILY: Final = FuseFamily()
