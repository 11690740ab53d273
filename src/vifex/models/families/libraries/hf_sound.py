"""The steps of a feature extractor of transformers as modules inside a network.

An extractor is the library's own object, with the defaults of its class where a repository's configuration
has no value; its numbers are used.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from vifex.values.registry import require

if TYPE_CHECKING:
    from torch import nn

__all__ = ["ast_front", "clap_front", "speech_front"]


def clap_front(extractor: Any) -> nn.Module:
    """Make what `ClapFeatureExtractor` does to sound of at most its own length: `[N, S]` to `[N, T, M]`."""
    nets: Any = require("vifex.models.nets.log_mel", extra="torch", needed_for="a network for sound")
    torch: Any = require("torch", extra="torch", needed_for="a network for sound")
    # The published networks with fusion were trained with other bands than those without.
    filters = extractor.mel_filters if extractor.truncation == "fusion" else extractor.mel_filters_slaney
    log_mel = nets.LogMel(
        torch.hann_window(extractor.fft_window_size, dtype=torch.float64),
        torch.from_numpy(filters),
        n_fft=extractor.fft_window_size,
        hop=extractor.hop_length,
        floor=1e-10,
        log="dB",
        center=True,
    )
    front: nn.Module = torch.nn.Sequential(
        nets.Fitted(int(extractor.nb_max_samples), extractor.padding), log_mel
    )
    return front


def ast_front(extractor: Any) -> nn.Module:
    """Make what `ASTFeatureExtractor` does, without torchaudio: `[N, S]` to `[N, max_length, M]`."""
    nets: Any = require("vifex.models.nets.log_mel", extra="torch", needed_for="a network for sound")
    torch: Any = require("torch", extra="torch", needed_for="a network for sound")
    audio_utils: Any = require("transformers.audio_utils", extra="hf", needed_for="a network for sound")
    rate_hz = extractor.sampling_rate
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "At least one mel filter")
        filters = audio_utils.mel_filter_bank(
            num_frequency_bins=257,
            num_mel_filters=extractor.num_mel_bins,
            min_frequency=20,
            max_frequency=rate_hz // 2,
            sampling_rate=rate_hz,
            norm=None,
            mel_scale="kaldi",
            triangularize_in_mel_space=True,
        )
    log_mel = nets.LogMel(
        torch.hann_window(400, periodic=False, dtype=torch.float64),
        torch.from_numpy(filters),
        n_fft=512,
        hop=160,
        floor=1.192092955078125e-07,
        log="e",
        remove_mean=True,
        preemphasis=0.97,
    )
    shift, scale = (extractor.mean, 2 * extractor.std) if extractor.do_normalize else (0.0, 1.0)
    # The library fills the spectrogram, not the sound: with zeros, before it is normalised.
    front: nn.Module = torch.nn.Sequential(
        log_mel, nets.Framed(int(extractor.max_length), float(shift), float(scale))
    )
    return front


def speech_front(extractor: Any) -> nn.Module:
    """Make what `Wav2Vec2FeatureExtractor` does to one sound alone: `[N, S]` to `[N, S]`."""
    nets: Any = require("vifex.models.nets.log_mel", extra="torch", needed_for="a network for sound")
    nn: Any = require("torch.nn", extra="torch", needed_for="a network for sound")
    front: nn.Module = nets.Standardized() if extractor.do_normalize else nn.Identity()
    return front
