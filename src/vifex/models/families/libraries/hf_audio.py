"""Networks for sound of the family `hf/`: CLAP, wav2vec 2.0, HuBERT, WavLM and AST, from samples to vectors.

The steps of the library's feature extractor run inside the network (see `nets/log_mel.py`), with the numbers
of that extractor, so that engines take sound as decoders give it. Layers are transformers' own module names
and `front`, what the extractor would give; and `embedding` (CLAP: the sound's vector after its projection, of
length 1), `pooled` (the others: the mean over time, of AST its library's own), or `penultimate` (classifiers
of AST).

Random steps of a feature extractor are left out: a window is never longer than the network's input, so CLAP
crops none at random; and its fusion of several crops, which needs longer sound, is not used, although the
library would mark one sound of a batch at random as "longer".
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MethodType
from typing import TYPE_CHECKING, Any, Final

from vifex.models.families.libraries.hf_sound import ast_front, clap_front, speech_front
from vifex.models.families.libraries.hf_source import Source, transformers
from vifex.models.families.shared.making import as_model, licence, provenance
from vifex.models.families.shared.places import last_linear, point, read_input
from vifex.models.families.shared.text import count_tokens, no_tower
from vifex.models.families.shared.weights import load_state, seed_of, seeded
from vifex.values import AudioInput, Model, ModelCard
from vifex.values.audio import AudioTail
from vifex.values.registry import require

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor, nn

__all__ = ["KINDS", "build", "load", "text_tower"]

_SPEECH: Final = ("wav2vec2", "hubert", "wavlm")
_AST: Final = "audio-spectrogram-transformer"
KINDS: Final = ("clap", _AST, *_SPEECH)
"""`model_type` of the configurations that are taken."""

_SPEECH_WINDOW_S: Final = 5.0
"""Window of networks for speech, which take any length: about a sentence."""
_TAILS: Final[dict[str, AudioTail]] = {"repeatpad": "repeat", "repeat": "repeat", "pad": "pad"}


def load(source: Source, weights: str) -> Model:
    """Make the model of a repository whose configuration is of one of `KINDS`; see `base.Family`."""
    network: Any = build(source.name, weights)
    place = next(p for p in ("embedding", "penultimate", "pooled") if hasattr(network, p))
    aliases = {"penultimate": place}
    if place == "penultimate":
        aliases |= {"logits": last_linear(network, "classifier"), "head": "classifier"}
    own = dict(network.named_modules())
    card = ModelCard(
        name=source.display_name,
        height_px=0,
        width_px=0,
        layout="NS",
        audio=_audio(source),
        default_layers=(place,),
        aliases={k: v for k, v in aliases.items() if k not in own},
        licence=licence(weights, source.licence()),
        provenance=provenance(weights, source.provenance()),
    )
    return as_model(card, "vifex.models.families.libraries.hf_audio:build", source.name, weights, network)


def build(name: str, weights: str) -> nn.Module:
    """Make a network that takes samples `[N, S]`, in evaluation mode and fp32, with its points.

    Args:
        name: `ORG/NAME`, `ORG/NAME@REVISION`, or a folder's path.
        weights: `pretrained`, `random:SEED`, or a file's path.

    Raises:
        ModelError: If its configuration or weights cannot be read or fetched, or belong to another network.
        MissingExtraError: If transformers is not installed.
    """
    source = Source.of(name)
    network = _whole(source, weights)
    for part in ("text_model", "text_projection"):
        if hasattr(network, part):
            setattr(network, part, None)
    extractor = source.hearing()
    kind = source.config.model_type
    if kind == "clap":
        _add_clap(network, extractor)
    elif kind == _AST:
        _add_ast(network, extractor)
    else:
        _add_speech(network, extractor)
    made: nn.Module = network
    return made


def text_tower(name: str, weights: str) -> ClapText:
    """Make the text tower of CLAP; see `text.text_tower`."""
    source = Source.of(name)
    if source.config.model_type != "clap":
        raise no_tower(source.display_name)
    network = _whole(source, weights)
    network.audio_model = network.audio_projection = None
    return ClapText(network, source.tokenizer())


class ClapText:
    """The text tower of CLAP; see `text.TextTower`. Its vectors have length 1."""

    def __init__(self, network: Any, tokenizer: Any) -> None:
        self._network = network
        self._tokenizer = tokenizer
        config = network.config.text_config
        # Positions of RoBERTa are counted from behind the number of its padding.
        self._length = config.max_position_embeddings - config.pad_token_id - 1

    def vectors(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return one vector per text; see `text.TextTower.vectors`."""
        torch: Any = require("torch", extra="torch", needed_for="a text tower")
        words = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=self._length, return_tensors="pt"
        )
        inputs = {k: words[k] for k in ("input_ids", "attention_mask")}
        with torch.inference_mode():
            found = self._network.get_text_features(**inputs)
        vectors: npt.NDArray[np.float32] = _pooled(found).float().cpu().numpy()
        return vectors

    def length(self, text: str) -> tuple[int, int]:
        """Count a text's tokens; see `text.TextTower.length`."""
        return count_tokens(self._tokenizer, text), self._length


def _whole(source: Source, weights: str) -> Any:
    library, config = transformers(), source.config
    # Spectra are masked in training alone; checkpoints of fine-tuned networks lack the vector for it.
    for name in ("mask_time_prob", "mask_feature_prob"):
        if hasattr(config, name):
            setattr(config, name, 0.0)
    is_classifier = "ASTForAudioClassification" in (config.architectures or ())
    kind = library.ASTForAudioClassification if is_classifier else library.AutoModel
    seed = seed_of(weights)
    if seed is not None:
        make = kind._from_config if is_classifier else kind.from_config
        network: Any = seeded(seed, lambda: make(config))
    elif weights == "pretrained":
        network = source.load(kind)
    else:
        network = source.load(kind, state=load_state(weights), file=weights)
    return network.float().eval()


def _audio(source: Source) -> AudioInput:
    extractor = source.hearing()
    rate_hz = int(extractor.sampling_rate)
    kind = source.config.model_type
    if kind == "clap":
        longest_s = float(extractor.max_length_s)
        return AudioInput(rate_hz, longest_s, longest_s, _TAILS.get(extractor.padding, "pad"))
    if kind == _AST:
        # Frames of 25 ms every 10 ms: the last two are left open, and filled as the library does it.
        longest_s = round(extractor.max_length * 0.01, 6)
        return AudioInput(rate_hz, longest_s, longest_s)
    return AudioInput(rate_hz, _SPEECH_WINDOW_S)


def _add_clap(network: Any, extractor: Any) -> None:
    encoder = network.audio_model.audio_encoder
    encoder.enable_fusion = encoder.patch_embed.enable_fusion = False
    encoder.patch_embed.fusion_model = encoder.patch_embed.mel_conv2d = None
    network.front = clap_front(extractor)
    point(network, "embedding")
    network.forward = MethodType(_clap, network)


def _clap(network: Any, x: Tensor) -> Any:
    return network.embedding(_pooled(network.get_audio_features(network.front(x)[:, None])))


def _add_ast(network: Any, extractor: Any) -> None:
    network.front = ast_front(extractor)
    if hasattr(network, "classifier"):
        read_input(network, last_linear(network, "classifier"))
    else:
        point(network, "pooled")
    network.plain_forward = network.forward
    network.forward = MethodType(_ast, network)


def _ast(network: Any, x: Tensor) -> Any:
    found = network.plain_forward(input_values=network.front(x))
    return found.logits if hasattr(network, "classifier") else network.pooled(found.pooler_output)


def _add_speech(network: Any, extractor: Any) -> None:
    network.front = speech_front(extractor)
    point(network, "pooled")
    network.plain_forward = network.forward
    network.forward = MethodType(_speech, network)


def _speech(network: Any, x: Tensor) -> Any:
    found = network.plain_forward(input_values=network.front(x))
    return network.pooled(found.last_hidden_state.mean(1))


def _pooled(found: Any) -> Any:
    # Up to version 4 of transformers the vector itself, from version 5 on an object that contains it.
    return getattr(found, "pooler_output", found)
