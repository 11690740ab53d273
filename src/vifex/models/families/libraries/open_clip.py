"""The family `open_clip/`: image towers of open_clip's networks, `open_clip/ARCH[/TAG]`.

`TAG` names the weights and may be left out if they are random or from a file. The layer `embedding` is
the image vector after its projection, not scaled to length 1, in the space of the text tower's vectors.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any, Final

from vifex.models.families.shared.base import Entry
from vifex.models.families.shared.hub import fetching, hub_address, hub_file, reading, url_file
from vifex.models.families.shared.licences import forbids_commerce
from vifex.models.families.shared.making import as_model, licence, no_such, provenance
from vifex.models.families.shared.places import first_convolution, point
from vifex.models.families.shared.text import count_tokens
from vifex.models.families.shared.weights import apply_state, load_state, seed_of, seeded
from vifex.values import Model, ModelCard, ModelError
from vifex.values.registry import near, require

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor, nn

__all__ = ["FAMILY", "build", "text_tower"]

_LICENCES: Final[Mapping[str, str]] = {
    # open_clip states none, timm those of most; these are its publishers' own, by a tag's beginning.
    "openai": "mit",
    "laion": "mit",
    "datacompdr": "apple-amlr",
    "datacomp": "mit",
    "commonpool": "mit",
    "webli": "apache-2.0",
    "metaclip": "cc-by-nc-4.0",
    "meta": "apache-2.0",
    "merged2b": "mit",
    "dfn": "apple-amlr",
}


def build(name: str, weights: str) -> nn.Module:
    """Make an image tower of open_clip, in evaluation mode, with its point `embedding`.

    Args:
        name: `ARCH` or `ARCH/TAG`.
        weights: `pretrained`, `random:SEED`, or a file's path (of the whole network, both towers).

    Raises:
        ModelError: If there is no such network, or its weights cannot be read or fetched, or are not its own.
        MissingExtraError: If open_clip is not installed.
    """
    tower: Any = _whole(name, weights).visual
    point(tower, "embedding")
    tower.plain_forward = tower.forward
    tower.forward = MethodType(_forward, tower)
    made: nn.Module = tower
    return made.eval()


def text_tower(name: str, weights: str) -> OpenClipText:
    """Make the text tower of a network; see `text.text_tower`."""
    arch = _resolve(name)[0]
    whole = _whole(name, weights)
    whole.visual = None
    words = _open_clip().get_model_config(arch)["text_cfg"].get("hf_tokenizer_name") or arch
    with fetching(hub_address(words), of=f"open_clip/{name}", what="the words of its tokenizer"):
        tokenizer = _open_clip().get_tokenizer(arch)
    return OpenClipText(whole.eval(), tokenizer)


class OpenClipText:
    """The text tower of a network of open_clip; see `text.TextTower`."""

    def __init__(self, network: Any, tokenizer: Any) -> None:
        self._network = network
        self._tokenizer = tokenizer

    def vectors(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return one vector per text; see `text.TextTower.vectors`."""
        torch: Any = require("torch", extra="torch", needed_for="a text tower")
        with torch.inference_mode():
            found = self._network.encode_text(self._tokenizer(list(texts)), normalize=False)
        vectors: npt.NDArray[np.float32] = found.float().cpu().numpy()
        return vectors

    def length(self, text: str) -> tuple[int, int]:
        """Count a text's tokens; see `text.TextTower.length`."""
        words = self._tokenizer
        most, of_transformers = int(words.context_length), getattr(words, "tokenizer", None)
        if of_transformers is None:
            return len(words.encode(text)) + 2, most
        if words.tokenizer_mode == "clips":  # it puts three marks around the words by itself
            plain = of_transformers(words.clean_fn(text), add_special_tokens=False, verbose=False)
            return len(plain["input_ids"]) + 3, most
        return count_tokens(of_transformers, words.clean_fn(text)), most


class OpenClipFamily:
    """The family; see `base.Family`."""

    prefix = "open_clip"

    def catalogue(self) -> Iterator[Entry]:
        """Yield every pair of a network and the tag of its weights."""
        clip = _open_clip()
        for arch, tag in clip.list_pretrained():
            size = clip.get_model_config(arch)["vision_cfg"].get("image_size", 224)
            height, width = size if isinstance(size, (list, tuple)) else (size, size)
            config = clip.pretrained.get_pretrained_cfg(arch, tag)
            terms = _licence(tag, config)
            yield Entry(
                name=f"open_clip/{arch}/{tag}",
                input=f"{height} x {width}",
                licence=terms,
                weights_from=_source(config),
                non_commercial=forbids_commerce(terms),
            )

    def load(self, name: str, weights: str) -> Model:
        """Make the model; see `base.Family.load`."""
        _, tag, config = _resolve(name)
        network: Any = build(name, weights)
        size = network.image_size
        stem = first_convolution(network)
        card = ModelCard(
            name=f"open_clip/{name}",
            **_pixels(_preprocessing(size, config), of=f"open_clip/{name}"),
            default_layers=("embedding",),
            aliases={"penultimate": "embedding", **({"stem": stem} if stem else {})},
            licence=licence(weights, _licence(tag, config)),
            provenance=provenance(weights, _source(config)),
        )
        return as_model(card, "vifex.models.families.libraries.open_clip:build", name, weights, network)


FAMILY: Final = OpenClipFamily()


def _open_clip() -> Any:
    return require("open_clip", extra="hf", needed_for="a network of open_clip")


def _resolve(name: str) -> tuple[str, str, dict[str, Any]]:
    """Split a name and check it.

    Returns:
        The network, the tag of its weights (empty if none was named), and what open_clip knows of them.
    """
    clip = _open_clip()
    arch, _, tag = name.partition("/")
    if arch not in clip.list_models():
        raise no_such("open_clip", name, clip.list_models())
    tags = clip.list_pretrained_tags_by_model(arch)
    if tag and tag not in tags:
        known = f"Known: {', '.join(tags)}." if tags else "None is published."
        raise ModelError(f"open_clip/{arch} has no weights {tag!r}.", todo=near(tag, tags) + known)
    return arch, tag, dict(clip.pretrained.get_pretrained_cfg(arch, tag)) if tag else {}


def _whole(name: str, weights: str) -> Any:
    """Make a network with both its towers."""
    arch, tag, config = _resolve(name)
    of = f"open_clip/{name}"
    seed = seed_of(weights)
    if seed is not None:
        return seeded(seed, lambda: _create(arch, config, of))
    network = _create(arch, config, of)
    if weights != "pretrained":
        apply_state(network, _own_keys(network, load_state(weights)), of=weights)
        return network
    if not tag:
        tags = _open_clip().list_pretrained_tags_by_model(arch)
        raise ModelError(
            "its name does not name weights.",
            of=of,
            todo=f"Name them, open_clip/{arch}/TAG, TAG one of {', '.join(tags)}.",
        )
    file = _weights_file(config, of)
    with reading(file, of=of):
        _open_clip().factory.load_checkpoint(network, str(file), weights_only=True)
    return network


def _create(arch: str, config: Mapping[str, Any], of: str) -> Any:
    clip = _open_clip()
    quick, tag_quick = clip.get_model_config(arch).get("quick_gelu", False), config.get("quick_gelu", False)
    if config and quick and not tag_quick:
        raise ModelError(
            "these weights were trained without QuickGELU, which this network has.",
            of=of,
            todo=f"Take open_clip/{of.removeprefix('open_clip/').replace('-quickgelu', '')}.",
        )
    # open_clip warns of networks without weights; they come after this.
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        # The activation is the weights' matter: OpenAI's under the plain name would give other numbers.
        return clip.create_model(arch, force_quick_gelu=tag_quick, pretrained_text=False, precision="fp32")
    finally:
        logging.disable(level)


def _own_keys(network: Any, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Translate other repositories' keys as open_clip's own loader does it."""
    clip = _open_clip()
    own = network.state_dict().keys()
    if own == state.keys():
        return state
    try:
        found = clip.convert.convert_state_dict(network, dict(state))
        if "positional_embedding" in found and not hasattr(network, "positional_embedding"):
            found = clip.model.convert_to_custom_text_state_dict(found)
    except (KeyError, RuntimeError, ValueError, AttributeError, TypeError):
        return state  # not a checkpoint of this network; the error names its keys
    translated: Mapping[str, Tensor] = found
    return translated if own <= found.keys() else state


def _weights_file(config: Mapping[str, Any], of: str) -> Path:
    if not config.get("hf_hub"):
        return url_file(config["url"], Path("~/.cache/clip").expanduser(), of=of)
    # `organisation/name/` or `organisation/name/file`: a slash at the end asks for the usual file.
    repository, _, name = config["hf_hub"].rpartition("/")
    names = [name] if name else []
    if not name or name.endswith((".bin", ".pt", ".pth")):
        name = name or "open_clip_pytorch_model.bin"
        safe = "open_clip_model.safetensors" if name == "open_clip_pytorch_model.bin" else None
        names = [safe or str(Path(name).with_suffix(".safetensors")), name]
    return hub_file(repository, names, of=of)


def _preprocessing(size: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return open_clip's configuration of pixels: its default, changed by what the weights say."""
    transform = _open_clip().transform
    known: dict[str, Any] = transform.merge_preprocess_dict(transform.PreprocessCfg(size=size), dict(config))
    return known


def _pixels(config: Mapping[str, Any], *, of: str) -> dict[str, Any]:
    """Return a configuration of open_clip as fields of a card, like its `image_transform`."""
    size = config["size"]
    height, width = size if isinstance(size, (list, tuple)) else (size, size)
    if config["resize_mode"] == "squash":
        how: dict[str, Any] = {"resize": "stretch"}
    elif config["resize_mode"] == "shortest" and height == width:
        how = {"resize": "shortest", "resize_px": height}
    else:
        raise ModelError(
            f"its images are padded (resize mode {config['resize_mode']}), which Vifex does not do.",
            of=of,
            todo="Take another network of its kind.",
        )
    return {
        "height_px": height,
        "width_px": width,
        "mean": tuple(map(float, config["mean"])),
        "std": tuple(map(float, config["std"])),
        "interpolation": "bilinear" if config["interpolation"] == "bilinear" else "bicubic",
        **how,
    }


def _forward(tower: Any, x: Tensor) -> Any:
    found = tower.plain_forward(x)
    # Towers for captions give their tokens as well.
    return tower.embedding(found[0] if isinstance(found, tuple) else found)


def _licence(tag: str, config: Mapping[str, Any]) -> str:
    """Return the licence of some weights: as timm states it, where timm serves them, else their publisher."""
    organisation, _, name = config.get("hf_hub", "").rpartition("/")[0].partition("/")
    if organisation == "timm":
        timm: Any = require("timm", extra="torch", needed_for="a network of open_clip")
        try:
            known = timm.get_pretrained_cfg(name)
        except RuntimeError:
            known = None  # served by timm, and of a network or a tag that it does not make itself
        if known is not None and known.license:
            return str(known.license)
    return next((licence for start, licence in _LICENCES.items() if tag.startswith(start)), "unknown")


def _source(config: Mapping[str, Any]) -> str:
    if config.get("hf_hub"):
        return f"https://huggingface.co/{config['hf_hub'].rpartition('/')[0]}"
    return str(config.get("url", ""))
