"""The family `hf/`: networks of the library transformers for images and videos, `hf/ORG/NAME[@REVISION]`;
those for sound are in `hf_audio`.

A local folder as `save_pretrained` writes it works too: `hf/./FOLDER` or `hf//FULL/PATH`. Code in a
repository is never run. Layers are transformers' own module names, and one point that is no
module's output there: `embedding` (CLIP and its like: the image vector after its projection),
`penultimate` (classifiers: what the last layer takes) or `pooled` (the rest: the library's own pooled
output, else the class token, else the mean over tokens).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import MethodType
from typing import TYPE_CHECKING, Any, Final

from vifex.models.families.libraries import hf_audio
from vifex.models.families.libraries.hf_catalogue import CATALOGUE
from vifex.models.families.libraries.hf_check import checked_pixels
from vifex.models.families.libraries.hf_source import Source, transformers
from vifex.models.families.shared.base import Entry
from vifex.models.families.shared.licences import forbids_commerce
from vifex.models.families.shared.making import as_model, licence, provenance
from vifex.models.families.shared.places import first_convolution, last_linear, point, read_input
from vifex.models.families.shared.text import count_tokens, no_tower
from vifex.models.families.shared.weights import load_state, seed_of, seeded
from vifex.values import Model, ModelCard, ModelError
from vifex.values.models import CHANNELS, wrong_channels
from vifex.values.registry import require

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor, nn

__all__ = ["FAMILY", "build", "text_tower"]

_CLASSIFIERS: Final = ("ForImageClassification", "ForVideoClassification")
_KEPT: Final = (*_CLASSIFIERS, "VisionModelWithProjection")
"""Endings of architectures that are used as a whole; of others only the part that gives features."""
_HEADS: Final = ("classifier", "head", "cls_classifier")
_TOKEN_MEAN: Final = ("videomae", "vjepa2", "ijepa")
"""Kinds of networks without a class token; their own classifiers average or pool all tokens."""
_REFUSED: Final = {
    "vit_mae": "it masks patches at random",
    "siglip2": "it takes images as patches of their own number (NaFlex)",
}


def build(name: str, weights: str) -> nn.Module:
    """Make a network of transformers, in evaluation mode and fp32, with its point.

    Args:
        name: `ORG/NAME`, `ORG/NAME@REVISION`, or a folder's path.
        weights: `pretrained`, `random:SEED`, or a file's path.

    Raises:
        ModelError: If its configuration or weights cannot be read or fetched, it is not a network for images
            or videos, or the weights belong to another network.
        MissingExtraError: If transformers is not installed.
    """
    source = Source.of(name)
    network = _whole(source, weights)
    # V-JEPA 2's predictor guesses hidden parts of a clip in training; it gives no features.
    _drop(network, lambda part: part.startswith("text") or part == "predictor")
    _add_point(network, source)
    made: nn.Module = network
    return made


def text_tower(name: str, weights: str) -> HfText:
    """Make the text tower of a network; see `text.text_tower`."""
    source = Source.of(name)
    network = _whole(source, weights)
    if not hasattr(network, "get_text_features"):
        raise no_tower(source.display_name)
    _drop(network, lambda part: part.startswith("vision") or part.startswith("visual"))
    return HfText(network, source.tokenizer())


class HfText:
    """The text tower of a network of transformers; see `text.TextTower`."""

    def __init__(self, network: Any, tokenizer: Any) -> None:
        self._network = network
        self._tokenizer = tokenizer
        config = network.config
        self._length = getattr(getattr(config, "text_config", config), "max_position_embeddings", None)
        # SigLIP was trained on padded texts and attends to the padding; CLIP does not.
        self._padding = "max_length" if "siglip" in config.model_type else True

    def vectors(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return one vector per text; see `text.TextTower.vectors`."""
        torch: Any = require("torch", extra="torch", needed_for="a text tower")
        words = self._tokenizer(
            list(texts),
            padding=self._padding,
            truncation=True,
            max_length=self._length,
            return_tensors="pt",
        )
        with torch.inference_mode():
            found = self._network.get_text_features(**words)
        vectors: npt.NDArray[np.float32] = _pooled_output(found).float().cpu().numpy()
        return vectors

    def length(self, text: str) -> tuple[int, int]:
        """Count a text's tokens; see `text.TextTower.length`."""
        return count_tokens(self._tokenizer, text), self._length or self._tokenizer.model_max_length


class HfFamily:
    """The family; see `base.Family`."""

    prefix = "hf"

    def catalogue(self) -> Iterator[Entry]:
        """Yield well-known networks; other repositories of their kinds work too."""
        transformers()
        for name, size, terms, paper in CATALOGUE:
            yield Entry(
                name=f"hf/{name}",
                input=size,
                licence=terms,
                weights_from=f"https://huggingface.co/{name}",
                paper=paper,
                non_commercial=forbids_commerce(terms),
            )

    def load(self, name: str, weights: str) -> Model:
        """Make the model; see `base.Family.load`."""
        source = Source.of(name)
        if source.config.model_type in hf_audio.KINDS:
            return hf_audio.load(source, weights)
        channels = getattr(getattr(source.config, "vision_config", source.config), "num_channels", CHANNELS)
        if channels != CHANNELS:
            raise wrong_channels(channels, of=source.display_name)
        network: Any = build(source.name, weights)
        frames = source.frames
        place = next(p for p in ("embedding", "penultimate", "pooled") if hasattr(network, p))
        aliases = {"penultimate": place, "stem": first_convolution(network)}
        if place == "penultimate":
            head = _head(network)
            aliases |= {"logits": last_linear(network, head), "head": head}
        own = dict(network.named_modules())
        card = ModelCard(
            name=source.display_name,
            **checked_pixels(source.processor(), of=source.display_name),
            frames=frames,
            layout="NCHW" if frames is None else "NTCHW",
            default_layers=(place,),
            aliases={k: v for k, v in aliases.items() if v and k not in own},
            licence=licence(weights, source.licence()),
            provenance=provenance(weights, source.provenance()),
        )
        return as_model(card, "vifex.models.families.libraries.hf:build", source.name, weights, network)


FAMILY: Final = HfFamily()


def _whole(source: Source, weights: str) -> Any:
    """Make a network with all its parts and its weights in fp32."""
    config = source.config
    if config.model_type in _REFUSED:
        raise ModelError(f"it cannot be used: {_REFUSED[config.model_type]}.", of=source.display_name)
    kind = _kind(config, source)
    seed = seed_of(weights)
    if seed is not None:
        network: Any = seeded(seed, lambda: _from_config(kind, config))
    elif weights == "pretrained":
        network = source.load(kind)
    else:
        network = source.load(kind, state=load_state(weights), file=weights)
    return network.float().eval()


def _from_config(kind: Any, config: Any) -> Any:
    return kind.from_config(config) if hasattr(kind, "from_config") else kind._from_config(config)


def _kind(config: Any, source: Source) -> Any:
    """Return the class that a repository's configuration asks for, or the one of its features."""
    library = transformers()
    wanted = next(iter(config.architectures or ()), "")
    if wanted.endswith(_KEPT) and hasattr(library, wanted):
        return getattr(library, wanted)
    if type(config) not in library.AutoModel._model_mapping:
        raise ModelError(
            f"transformers has no features of a {config.model_type}.",
            of=source.display_name,
            todo="Take another.",
        )
    return library.AutoModel


def _add_point(network: Any, source: Source) -> None:
    if type(network).__name__.endswith(_CLASSIFIERS):
        read_input(network, last_linear(network, _head(network)))
        network.plain_forward = network.forward
        network.forward = MethodType(_classify, network)
        return
    if "image" not in getattr(network, "input_modalities", ("image",)) and source.frames is None:
        raise ModelError("it is not a network for images or videos.", of=source.display_name)
    if hasattr(network, "get_image_features"):
        point(network, "embedding")
        network.forward = MethodType(_embed, network)
    else:
        point(network, "pooled")
        network.plain_forward = network.forward
        network.forward = MethodType(_pool, network)


def _classify(network: Any, x: Tensor) -> Any:
    return network.plain_forward(**{network.main_input_name: x}).logits


def _embed(network: Any, x: Tensor) -> Any:
    return network.embedding(_pooled_output(network.get_image_features(pixel_values=x)))


def _pool(network: Any, x: Tensor) -> Any:
    options = {"skip_predictor": True} if network.config.model_type == "vjepa2" else {}
    found = network.plain_forward(**{network.main_input_name: x}, **options)
    pooled = getattr(found, "image_embeds", None)
    pooled = getattr(found, "pooler_output", None) if pooled is None else pooled
    if pooled is None:
        tokens = found.last_hidden_state
        pooled = tokens.mean(1) if network.config.model_type in _TOKEN_MEAN else tokens[:, 0]
    return network.pooled(pooled.flatten(1))


def _pooled_output(found: Any) -> Any:
    # Up to version 4 of transformers the vector itself, from version 5 on an object that contains it.
    return getattr(found, "pooler_output", found)


def _head(network: Any) -> str:
    children = dict(network.named_children())
    return next(name for name in _HEADS if name in children)


def _drop(network: Any, unwanted: Any) -> None:
    for name in [name for name, _ in network.named_children() if unwanted(name)]:
        setattr(network, name, None)
