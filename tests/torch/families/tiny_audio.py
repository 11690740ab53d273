"""Small networks for sound with random weights, as folders that `save_pretrained` writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["SOUND"]

_SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
_CONVOLUTIONS = {
    "conv_dim": (16, 16, 16),
    "conv_kernel": (10, 8, 4),
    "conv_stride": (5, 8, 8),
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}


def _save(folder: Path, network: Any, extractor: Any) -> None:
    network.eval().save_pretrained(folder)
    extractor.save_pretrained(folder)


def _clap(folder: Path, **choices: Any) -> None:
    """CLAP for one second at 16 kHz; its batch norm is given numbers, as training would."""
    import torch
    from tiny import _words
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

    extractor = ClapFeatureExtractor(
        feature_size=16, sampling_rate=16_000, hop_length=160, max_length_s=1, fft_window_size=512,
        frequency_min=50, frequency_max=7_000, **choices,
    )  # fmt: skip
    config = ClapConfig(
        text_config={**_SIZES, "vocab_size": 64, "max_position_embeddings": 20, "projection_dim": 24,
                     "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2},
        audio_config={"spec_size": 64, "num_mel_bins": 16, "patch_size": 4, "patch_stride": [4, 4],
                      "patch_embeds_hidden_size": 16, "depths": [1, 1], "num_attention_heads": [2, 2],
                      "window_size": 4, "hidden_size": 32, "num_hidden_layers": 2, "projection_dim": 24,
                      "enable_fusion": extractor.truncation == "fusion"},
        projection_dim=24,
    )  # fmt: skip
    network: Any = ClapModel(config)
    norm = network.audio_model.audio_encoder.batch_norm
    norm.running_mean.copy_(torch.linspace(-40, -60, 16))
    norm.running_var.fill_(200.0)
    _save(folder, network, extractor)
    special = {"bos_token": "<s>", "pad_token": "<p>", "eos_token": "</s>", "unk_token": "<u>"}
    _words(folder, "clap", special)


def _clap_fused(folder: Path) -> None:
    _clap(folder, truncation="fusion")


def _clap_unfused(folder: Path) -> None:
    _clap(folder, truncation="rand_trunc", padding="repeatpad")


def _wav2vec2(folder: Path) -> None:
    """As a checkpoint that was fine-tuned for speech recognition: with a head, without the mask's vector."""
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

    config = Wav2Vec2Config(**_SIZES, **_CONVOLUTIONS, vocab_size=30, mask_time_prob=0.0)
    _save(folder, Wav2Vec2ForCTC(config), Wav2Vec2FeatureExtractor(do_normalize=True))


def _hubert(folder: Path) -> None:
    from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

    config = HubertConfig(**_SIZES, **_CONVOLUTIONS, feat_extract_norm="layer", do_stable_layer_norm=True)
    _save(folder, HubertModel(config), Wav2Vec2FeatureExtractor(do_normalize=True))


def _wavlm(folder: Path) -> None:
    from transformers import Wav2Vec2FeatureExtractor, WavLMConfig, WavLMModel

    config = WavLMConfig(**_SIZES, **_CONVOLUTIONS, num_buckets=16, max_bucket_distance=40)
    _save(folder, WavLMModel(config), Wav2Vec2FeatureExtractor(do_normalize=False))


def _ast_config() -> Any:
    from transformers import ASTConfig

    return ASTConfig(
        **_SIZES,
        patch_size=16,
        frequency_stride=10,
        time_stride=10,
        max_length=96,
        num_mel_bins=32,
        num_labels=5,
    )


def _ast(folder: Path) -> None:
    from transformers import ASTFeatureExtractor, ASTModel

    _save(folder, ASTModel(_ast_config()), ASTFeatureExtractor(num_mel_bins=32, max_length=96))


def _ast_classifier(folder: Path) -> None:
    from transformers import ASTFeatureExtractor, ASTForAudioClassification

    extractor = ASTFeatureExtractor(num_mel_bins=32, max_length=96)
    _save(folder, ASTForAudioClassification(_ast_config()), extractor)


SOUND: dict[str, Callable[[Path], None]] = {
    "clap": _clap_unfused,
    "clap-fused": _clap_fused,
    "wav2vec2": _wav2vec2,
    "hubert": _hubert,
    "wavlm": _wavlm,
    "ast": _ast,
    "ast-classifier": _ast_classifier,
}
