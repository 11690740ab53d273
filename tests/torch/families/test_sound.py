"""Networks for sound of transformers: against the library's own feature extractors and forward passes."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from promises import check, read

import vifex
from vifex.extraction.planning.audio_options import SoundChoice
from vifex.extraction.planning.view_plan import plan_view
from vifex.models import load_model
from vifex.models.families.libraries import hf, hf_audio
from vifex.models.families.libraries.hf_sound import ast_front, clap_front
from vifex.models.families.shared.text import text_vectors
from vifex.values import ModelError

Tiny = Callable[[str], Path]
UNIT = Path(__file__).parents[2] / "unit" / "media"
made: Any = SimpleNamespace(**runpy.run_path(str(UNIT / "made.py")))
sounds: Any = SimpleNamespace(**runpy.run_path(str(UNIT / "sounds.py")))

KINDS = ("clap", "clap-fused", "wav2vec2", "hubert", "wavlm", "ast", "ast-classifier")
REAL = ("clip-h264-mp3-film.mp4", "clip-vp8.webm", "sound-mp3.mp3", "clip-h264-hls-start-10s.ts")


@pytest.fixture
def speech(shared_media: Path) -> npt.NDArray[np.float32]:
    """A second of real sound at 16 kHz."""
    samples, _ = made.collect(shared_media / "good" / REAL[0], sounds.heard())
    sound: npt.NDArray[np.float32] = samples[3].pixels
    return sound


@pytest.mark.parametrize("kind", KINDS)
def test_it_keeps_what_the_families_promise(kind: str, tiny: Tiny) -> None:
    model = check(hf.FAMILY, str(tiny(kind)))
    assert model.card.audio is not None
    assert model.card.layout == "NS"


@pytest.mark.shared
@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("truncation", ["fusion", "rand_trunc"])
def test_the_log_mel_of_clap_is_the_library_s(name: str, truncation: str, shared_media: Path) -> None:
    """The published sizes: 48 kHz, 10 s, 64 bands; sound of a window, and of less, which is repeated."""
    from transformers import ClapFeatureExtractor

    extractor = ClapFeatureExtractor(truncation=truncation)
    front = clap_front(extractor)
    for window_s in (10.0, 3.3):
        samples, _ = made.collect(shared_media / "good" / name, sounds.heard(48_000, window_s))
        sound = samples[0].pixels
        expected = extractor(sound.astype(np.float64), sampling_rate=48_000, return_tensors="np")
        with torch.inference_mode():
            found = front(torch.from_numpy(sound)[None]).numpy()
        assert found.dtype == np.float32
        np.testing.assert_allclose(found[0], expected["input_features"][0][0], atol=1e-4)


@pytest.mark.shared
@pytest.mark.filterwarnings("ignore:At least one mel filter")  # the library's own default leaves one empty
@pytest.mark.parametrize("name", REAL)
def test_the_log_mel_of_ast_is_the_library_s(name: str, shared_media: Path) -> None:
    """The published sizes: 16 kHz, 1024 frames of 128 bands; shorter ones are filled after the logarithm."""
    from transformers import ASTFeatureExtractor

    extractor = ASTFeatureExtractor()
    front = ast_front(extractor)
    for window_s in (10.24, 3.3):
        samples, _ = made.collect(shared_media / "good" / name, sounds.heard(16_000, window_s))
        sound = samples[0].pixels
        expected = extractor(sound, sampling_rate=16_000, return_tensors="np")["input_values"]
        with torch.inference_mode():
            found = front(torch.from_numpy(sound)[None]).numpy()
        assert found.shape == expected.shape == (1, 1024, 128)
        np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.shared
@pytest.mark.parametrize("kind", KINDS)
def test_vectors_are_those_of_extractor_and_network_of_the_library(
    kind: str, tiny: Tiny, speech: npt.NDArray[np.float32]
) -> None:
    import transformers

    folder = str(tiny(kind))
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    given = extractor(speech[:15_000], sampling_rate=16_000, return_tensors="pt")
    auto: Any = (
        transformers.AutoModelForAudioClassification if kind == "ast-classifier" else transformers.AutoModel
    )
    plain = auto.from_pretrained(folder).eval()
    with torch.inference_mode():
        if kind.startswith("clap"):
            # No sound is "longer", although the extractor draws one of a batch that is to count as such.
            longer = torch.zeros(1, 1, dtype=torch.bool)
            expected = plain.get_audio_features(given["input_features"].float(), is_longer=longer)
            expected = getattr(expected, "pooler_output", expected)
        elif kind == "ast-classifier":
            expected = plain(**given).logits
        elif kind == "ast":
            expected = plain(**given).pooler_output
        else:
            expected = plain(**given).last_hidden_state.mean(1)
    own = hf_audio.build(folder, "pretrained")
    found, output = read(
        own,
        ["classifier" if kind == "ast-classifier" else own_place(own)],
        x=torch.from_numpy(speech[None, :15_000]),
    )
    np.testing.assert_allclose(output, expected, atol=1e-5)
    np.testing.assert_allclose(next(iter(found.values())), expected, atol=1e-5)


def own_place(network: Any) -> str:
    return next(p for p in ("embedding", "pooled") if hasattr(network, p))


def test_the_text_tower_of_clap_is_the_library_s(tiny: Tiny) -> None:
    import transformers

    folder = str(tiny("clap"))
    words = ["a dog at night", "bus", "the red cat " * 20]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.ClapModel.from_pretrained(folder).eval()
    found = text_vectors(load_model(f"hf/{folder}"), words)
    for text, vector in zip(words, found, strict=True):
        given = tokenizer([text], truncation=True, max_length=18, return_tensors="pt")
        with torch.inference_mode():
            expected = network.get_text_features(given["input_ids"], given["attention_mask"])
        expected = getattr(expected, "pooler_output", expected)
        np.testing.assert_allclose(vector, expected[0], atol=1e-5)


def test_networks_that_read_no_words_say_so(tiny: Tiny) -> None:
    with pytest.raises(ModelError, match="no text tower"):
        text_vectors(load_model(f"hf/{tiny('hubert')}"), ["bus"])


@pytest.mark.parametrize("kind", ["clap", "wav2vec2", "ast"])
def test_openvino_takes_them_whole_with_layers_as_sequences(kind: str, tiny: Tiny) -> None:
    """The spectrogram is part of the graph; a conversion that fails would be silent but for its speed."""
    layers = ["encoder.layers.*"] if kind == "wav2vec2" else []
    plan = plan_view("v", load_model(f"hf/{tiny(kind)}"), layers=layers, sound=SoundChoice(window_s=0.8))
    assert plan.engine_choice["engine"] == "openvino"
    assert plan.recipe.precision == "fp32"
    if layers:
        own = [s for s in plan.recipe.layers if s.layer.name == "encoder.layers.1"]
        assert [(s.layer.kind, s.pooling, s.shape) for s in own] == [("sequence", "mean", (32,))]


def test_windows_longer_than_the_network_takes_are_refused(tiny: Tiny) -> None:
    with pytest.raises(vifex.InputError, match="takes at most 1 s of sound at once"):
        plan_view("v", load_model(f"hf/{tiny('clap')}"), sound=SoundChoice(window_s=1.5))


def test_a_short_sound_becomes_what_the_library_makes_of_it(tmp_path: Path, tiny: Tiny) -> None:
    """A third of CLAP's window, by the whole way: repeated by the decoder as the library's extractor does."""
    import transformers

    name = str(tiny("clap"))
    rng = np.random.default_rng(0)
    sound = rng.uniform(-0.5, 0.5, 5_500).astype(np.float32)
    path = sounds.write_sound(tmp_path / "short.wav", sound)
    vifex.extract(path, tmp_path / "s.vifex", model=f"hf/{name}")
    extractor = transformers.AutoFeatureExtractor.from_pretrained(name)
    given = extractor(sound.astype(np.float64), sampling_rate=16_000, return_tensors="pt")
    network = transformers.ClapModel.from_pretrained(name).eval()
    with torch.inference_mode():
        expected = network.get_audio_features(given["input_features"].float())
    expected = getattr(expected, "pooler_output", expected)
    with vifex.open(tmp_path / "s.vifex") as opened:
        np.testing.assert_allclose(opened.to_numpy(), expected, atol=1e-4)
        assert opened.to_arrow(["t_end_s"]).column(0).to_pylist() == [5_500 / 16_000]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six sounds of noise of other colours, and a film with sound."""
    for i in range(6):
        rng = np.random.default_rng(i)
        noise = np.convolve(rng.uniform(-1, 1, 16_000), np.ones(1 + 3 * i) / (1 + 3 * i), mode="same")
        sounds.write_sound(tmp_path / f"{i}.wav", noise.astype(np.float32))
    sounds.write_sound(tmp_path / "film.mkv", sounds.tone(700, 2.0), video_frames=20)
    return tmp_path


def test_words_find_the_sounds_that_the_library_s_towers_find(folder: Path, tiny: Tiny) -> None:
    """Images and sound of a film in one run; then words, compared with the view of sound."""
    name = f"hf/{tiny('clap')}"
    store = folder / "lib.vifex"
    report = vifex.extract(f"{folder}/*.*", store, model=["default", name])
    assert (report.media, report.ok, report.failed) == (7, 7, 0)
    words = "a dog in the street"
    (asked,) = text_vectors(load_model(name), [words])
    with vifex.open(store, view=name, model=name) as opened:
        rows, table = opened.to_numpy(), opened.to_arrow(["name", "t_s"]).to_pylist()
        hits = opened.search(words, k=8)
        (nearest, *_) = opened.search(folder / "3.wav", k=1)
    assert len(rows) == 8
    order = np.argsort(-(rows @ asked), kind="stable")
    assert [(h.name, h.t_s) for h in hits] == [(table[i]["name"], table[i]["t_s"]) for i in order]
    assert nearest.name == "3.wav"
    assert nearest.score == pytest.approx(1.0, abs=1e-5)
    with vifex.open(store, view="vifex-small-1") as opened:
        assert opened.to_arrow(["name", "t_s"]).to_pylist() == [
            {"name": "film.mkv", "t_s": 0.0}, {"name": "film.mkv", "t_s": 1.0},
        ]  # fmt: skip
