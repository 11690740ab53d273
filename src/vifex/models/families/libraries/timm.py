"""The family `timm/`: every network of the library timm, `timm/NAME` or `timm/NAME.TAG`.

The card is the network's own configuration of its data; layers are timm's own module names, and
`penultimate` is what the classifier takes: timm's `forward_head(..., pre_logits=True)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any, Final

from vifex.models.families.shared.base import Entry
from vifex.models.families.shared.hub import hub_file, reading, url_file
from vifex.models.families.shared.licences import forbids_commerce
from vifex.models.families.shared.making import as_model, licence, no_such, provenance
from vifex.models.families.shared.places import point, read_input
from vifex.models.families.shared.weights import apply_state, load_state, seed_of, seeded
from vifex.values import Model, ModelCard, ModelError
from vifex.values.models import CHANNELS, wrong_channels
from vifex.values.registry import require

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["FAMILY", "build", "timm_pixels"]

_WEIGHTS: Final = "pytorch_model.bin"
"""The file in timm's repositories if the configuration names none; safetensors are preferred."""


def build(name: str, weights: str) -> nn.Module:
    """Make a network of timm, in evaluation mode, with its point `penultimate`.

    Args:
        name: As timm names it, with or without the tag of its weights.
        weights: `pretrained`, `random:SEED`, or a file's path.

    Raises:
        ModelError: If there is no such network, or its weights cannot be read or fetched, or are not its own.
        MissingExtraError: If timm is not installed.
    """
    name = _full_name(name)
    seed = seed_of(weights)
    if seed is not None:
        network = seeded(seed, lambda: _create(name))
    elif weights == "pretrained":
        network = _pretrained(name)
    else:
        network = _create(name)
        apply_state(network, _own_keys(network, load_state(weights)), of=weights)
    _add_penultimate(network)
    return network.eval()


class TimmFamily:
    """The family; see `base.Family`."""

    prefix = "timm"

    def catalogue(self) -> Iterator[Entry]:
        """Yield every network of timm that has published weights."""
        timm = _timm()
        for name in timm.list_models(pretrained=True):
            yield _entry(name, timm.get_pretrained_cfg(name))

    def load(self, name: str, weights: str) -> Model:
        """Make the model; see `base.Family.load`."""
        name = _full_name(name)
        config = _timm().get_pretrained_cfg(name)
        _check_channels(config.input_size, of=f"timm/{name}")
        network = build(name, weights)
        card = ModelCard(
            name=f"timm/{name}",
            **timm_pixels(_timm().data.resolve_model_data_config(network), of=f"timm/{name}"),
            default_layers=("penultimate",) if hasattr(network, "penultimate") else (),
            aliases=_aliases(network, config),
            licence=licence(weights, config.license or "unknown"),
            provenance=provenance(weights, _source(config)),
        )
        return as_model(card, "vifex.models.families.libraries.timm:build", name, weights, network)


FAMILY: Final = TimmFamily()


def timm_pixels(config: Mapping[str, Any], *, of: str) -> dict[str, Any]:
    """Return a data configuration of timm as fields of a card, like timm's evaluation transform.

    Args:
        config: As `timm.data.resolve_model_data_config` gives it.
        of: The model, for messages.

    Raises:
        ModelError: If a card cannot express how pixels are made.
    """
    _check_channels(config["input_size"], of=of)
    _, height, width = config["input_size"]
    hw = (int(height / config["crop_pct"]), int(width / config["crop_pct"]))
    how: dict[str, Any]
    if config["crop_mode"] == "squash":
        how = (
            {"resize": "stretch"} if hw == (height, width) else {"resize": "stretch_crop", "resize_hw_px": hw}
        )
    elif config["crop_mode"] == "center" and height == width and hw[0] >= height:
        how = {"resize": "shortest", "resize_px": hw[0]}
    else:
        # Borders around the image: nine names of timm 1.0.31 (volo_d4_448 ..., deepseek_vit_412m ...).
        raise ModelError(
            f"its images are padded (crop mode {config['crop_mode']}, {config['crop_pct']:g}), which Vifex "
            "does not do.",
            of=of,
            todo="Take another network of its kind.",
        )
    return {
        "height_px": height,
        "width_px": width,
        "mean": tuple(map(float, config["mean"])),
        "std": tuple(map(float, config["std"])),
        "interpolation": config["interpolation"],
        **how,
    }


def _check_channels(input_size: Sequence[int], *, of: str) -> None:
    if input_size[0] != CHANNELS:
        raise wrong_channels(input_size[0], of=of)


def _timm() -> Any:
    return require("timm", extra="torch", needed_for="a network of timm")


def _full_name(name: str) -> str:
    """Check a name and add the tag that timm uses by default."""
    timm = _timm()
    try:
        config = timm.get_pretrained_cfg(name, allow_unregistered=False)
    except RuntimeError as exc:
        raise no_such("timm", name, timm.list_models(include_tags="." in name)) from exc
    return f"{config.architecture}.{config.tag}" if config.tag else name


def _create(name: str, **options: Any) -> nn.Module:
    network: nn.Module = _timm().create_model(name, **options)
    return network


def _pretrained(name: str) -> nn.Module:
    """Let timm load its own checkpoint, because it knows each network's older keys."""
    of, config = f"timm/{name}", _timm().get_pretrained_cfg(name)
    if not config.has_weights:
        raise ModelError(
            "timm has no weights for it.", of=of, todo='Give `weights=FILE` or `weights="random:SEED"`.'
        )
    file = _weights_file(config, of)
    with reading(file, of=of):
        return _create(name, pretrained=True, pretrained_cfg_overlay={"file": str(file)})


def _weights_file(config: Any, of: str) -> Path:
    if config.file:
        return Path(config.file)
    if config.hf_hub_id:
        repository = config.hf_hub_id.partition("@")[0]
        name = config.hf_hub_filename or _WEIGHTS
        safe = "model.safetensors" if name == _WEIGHTS else str(Path(name).with_suffix(".safetensors"))
        return hub_file(repository, [safe, name] if safe != name else [name], of=of)
    hub: Any = require("torch.hub", extra="torch", needed_for="fetching weights")
    return url_file(config.url, Path(hub.get_dir()) / "checkpoints", of=of)


def _own_keys(network: Any, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Translate the keys of another repository, if timm knows how and the keys are not its own already."""
    from sys import modules

    own = network.state_dict().keys()
    translate = getattr(modules[type(network).__module__], "checkpoint_filter_fn", None)
    if translate is None or own <= state.keys():
        return state
    try:
        found: Mapping[str, Tensor] = translate(dict(state), network)
    except (KeyError, RuntimeError, ValueError, IndexError, AttributeError, TypeError):
        return state  # not a checkpoint of this network; the error names its keys
    return found if own <= found.keys() else state


def _add_penultimate(network: Any) -> None:
    """Add the point `penultimate`, and let networks with several classifiers take it as timm does."""
    classifier = network.pretrained_cfg.get("classifier")
    if isinstance(classifier, str) and _has(network, classifier):
        read_input(network, classifier)
    elif classifier and hasattr(network, "forward_head"):
        # Distilled networks and their like average several heads: only timm's own function knows what
        # goes into which.
        point(network, "penultimate")
        network.forward = MethodType(_forward, network)


def _forward(network: Any, x: Tensor) -> Any:
    features = network.forward_features(x)
    network.penultimate(network.forward_head(features, pre_logits=True))
    return network.forward_head(features)


def _aliases(network: Any, config: Any) -> dict[str, str]:
    stem = config.first_conv if isinstance(config.first_conv, str) else None
    head = config.classifier if isinstance(config.classifier, str) else None
    known = {"stem": stem, "head": head, "logits": head}
    return {k: v for k, v in known.items() if v and _has(network, v) and not _has(network, k)}


def _has(network: Any, name: str) -> bool:
    return any(own == name for own, _ in network.named_modules())


def _source(config: Any) -> str:
    return f"https://huggingface.co/{config.hf_hub_id}" if config.hf_hub_id else str(config.url or "")


def _entry(name: str, config: Any) -> Entry:
    _, height, width = config.input_size
    terms = config.license or "unknown"
    papers: Iterable[str] = (
        [config.paper_ids] if isinstance(config.paper_ids, str) else config.paper_ids or ()
    )
    return Entry(
        name=f"timm/{name}",
        input=f"{height} x {width}",
        licence=terms,
        weights_from=_source(config),
        paper=", ".join(papers),
        non_commercial=forbids_commerce(terms),
    )
