"""The family `torchvision/`: its classifiers of images and of videos, `torchvision/NAME[.WEIGHTS]`.

`WEIGHTS` is a member of the network's enumeration of weights, e.g. `IMAGENET1K_V2`; without it the one
that torchvision calls its default. The card is the transform that belongs to those weights.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vifex.models.families.shared.base import Entry
from vifex.models.families.shared.hub import url_file
from vifex.models.families.shared.licences import forbids_commerce
from vifex.models.families.shared.making import as_model, licence, no_such, provenance
from vifex.models.families.shared.places import first_convolution, last_linear, read_input
from vifex.models.families.shared.weights import apply_state, load_state, seed_of, seeded
from vifex.values import Model, ModelCard, ModelError
from vifex.values.registry import near, require

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["FAMILY", "build"]

_HEADS: Final = ("classifier", "fc", "heads", "head")
"""Names of the part after the features in torchvision."""
_DENSE: Final = re.compile(r"(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..+)")
"""Old keys of its DenseNet checkpoints, with a dot that names of modules no longer may have."""
_SWAG: Final = "cc-by-nc-4.0 (facebookresearch/SWAG)"
_TORCHVISION: Final = "unknown (torchvision: BSD-3-Clause for its code; the weights carry none of their own)"


def build(name: str, weights: str) -> nn.Module:
    """Make a network of torchvision, in evaluation mode, with its point `penultimate`.

    Args:
        name: `NAME` or `NAME.WEIGHTS`.
        weights: `pretrained`, `random:SEED`, or a file's path.

    Raises:
        ModelError: If there is no such network, or its weights cannot be read or fetched, or are not its own.
        MissingExtraError: If torchvision is not installed.
    """
    network_name, published = _resolve(name)
    seed = seed_of(weights)
    if seed is not None:
        network = seeded(seed, lambda: _create(network_name, published))
    else:
        file = _fetched(network_name, published) if weights == "pretrained" else weights
        network = _create(network_name, published)
        apply_state(network, _own_keys(load_state(file)), of=str(file))
    read_input(network, _classifier(network)[1])
    return network.eval()


class TorchvisionFamily:
    """The family; see `base.Family`."""

    prefix = "torchvision"

    def catalogue(self) -> Iterator[Entry]:
        """Yield every classifier with each of its published weights."""
        for name in _names():
            for published in _models().get_model_weights(name):
                yield _entry(name, published)

    def load(self, name: str, weights: str) -> Model:
        """Make the model; see `base.Family.load`."""
        network_name, published = _resolve(name)
        name = f"{network_name}.{published.name}"
        network = build(name, weights)
        head, linear = _classifier(network)
        stem = first_convolution(network)
        # A convolution as the last layer gives scores per position, which the rest of its part averages.
        logits = linear if type(network.get_submodule(linear)).__name__ == "Linear" else head
        aliases = {"head": head, "logits": logits, "stem": stem}
        own = dict(network.named_modules())
        card = ModelCard(
            name=f"torchvision/{name}",
            **_pixels(network_name, published),
            default_layers=("penultimate",),
            aliases={k: v for k, v in aliases.items() if v and k not in own},
            licence=licence(weights, _licence(published)),
            provenance=provenance(weights, published.url),
        )
        return as_model(card, "vifex.models.families.libraries.torchvision:build", name, weights, network)


FAMILY: Final = TorchvisionFamily()


def _models() -> Any:
    library: Any = require("torchvision", extra="torch", needed_for="a network of torchvision")
    return library.models


def _names() -> list[str]:
    models = _models()
    return [*models.list_models(module=models), *models.list_models(module=models.video)]


def _resolve(name: str) -> tuple[str, Any]:
    """Split a name and find its weights.

    Returns:
        The network's name, and the member of its enumeration of weights.
    """
    network, _, wanted = name.partition(".")
    known = _names()
    if network not in known:
        raise no_such("torchvision", name, known)
    published = _models().get_model_weights(network)
    if wanted in ("", "DEFAULT"):
        return network, published.DEFAULT
    if wanted not in published.__members__:
        choices = list(published.__members__)
        raise ModelError(
            f"torchvision/{network} has no weights {wanted!r}.",
            todo=f"{near(wanted, choices)}Known: {', '.join(choices)}.",
        )
    return network, published[wanted]


def _create(name: str, published: Any) -> nn.Module:
    """Make the network as torchvision makes it for those weights, but for the auxiliary heads.

    They are for training alone: nothing in evaluation passes through them.
    """
    meta, options = published.meta, {"num_classes": len(published.meta["categories"])}
    if name.startswith("vit_"):
        options["image_size"] = meta["min_size"][0]
    if name in ("googlenet", "inception_v3"):
        # Their weights were trained by another library on pixels of another range.
        options.update(transform_input=True, aux_logits=False, init_weights=True)
    network: nn.Module = _models().get_model(name, weights=None, **options)
    return network


def _fetched(name: str, published: Any) -> Path:
    hub: Any = require("torch.hub", extra="torch", needed_for="fetching weights")
    return url_file(published.url, Path(hub.get_dir()) / "checkpoints", of=f"torchvision/{name}")


def _own_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    # Auxiliary heads are for training alone, and the networks here have none.
    kept = {k: v for k, v in state.items() if not k.startswith(("aux1.", "aux2.", "AuxLogits."))}
    return {_DENSE.sub(r"\1\2", k): v for k, v in kept.items()}


def _classifier(network: nn.Module) -> tuple[str, str]:
    """Return the name of the part behind the features, and of the last layer in it that has weights."""
    children = dict(network.named_children())
    head = next(name for name in _HEADS if name in children)
    return head, last_linear(network, head)


def _pixels(name: str, published: Any) -> dict[str, Any]:
    """Return the transform of some weights as fields of a card."""
    preset = published.transforms()
    video = type(preset).__name__ == "VideoClassification"
    height, width = (list(preset.crop_size) * 2)[:2]
    sizes = tuple(preset.resize_size)
    fields: dict[str, Any] = {
        "height_px": height,
        "width_px": width,
        "mean": tuple(preset.mean),
        "std": tuple(preset.std),
        "interpolation": preset.interpolation.value,
    }
    if len(sizes) == 2:
        fields |= {"resize": "stretch_crop", "resize_hw_px": sizes}
    else:
        fields |= {"resize": "shortest", "resize_px": sizes[0]}
    if video:
        # Its presets for videos resize tensors without antialiasing, as when those networks were trained.
        fields |= {"frames": _frames(published), "layout": "NCTHW", "interpolation": "bilinear_2x2"}
    return fields


def _frames(published: Any) -> int:
    """Read the length of the clips that torchvision measured the weights with from their description."""
    length = re.search(r"clip_len=(\d+)", published.meta["_docs"])
    return int(length[1]) if length else int(published.meta.get("min_temporal_size", 16))


def _licence(published: Any) -> str:
    return _SWAG if "SWAG" in published.meta.get("license", "") else _TORCHVISION


def _entry(name: str, published: Any) -> Entry:
    pixels = _pixels(name, published)
    frames = f"{pixels['frames']} x " if "frames" in pixels else ""
    terms = _licence(published)
    return Entry(
        name=f"torchvision/{name}.{published.name}",
        input=f"{frames}{pixels['height_px']} x {pixels['width_px']}",
        licence=terms,
        weights_from=published.url,
        parameters=published.meta["num_params"],
        non_commercial=forbids_commerce(terms),
    )
