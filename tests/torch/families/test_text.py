"""Text towers: their vectors are the library's own, and lie in the space of the image vectors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vifex.models.families.libraries import hf, open_clip
from vifex.models.families.shared.text import cut_words, text_tower, text_vectors
from vifex.values import ModelError

Tiny = Callable[[str], Path]

TEXTS = ["a red bus at night", "the cat"]


@pytest.mark.parametrize(("kind", "padding"), [("clip", True), ("siglip", "max_length")])
def test_hf_text_vectors_are_the_library_s_own(kind: str, padding: bool | str, tiny: Tiny) -> None:
    """The oracle is `get_text_features` of the whole network, fed by the library's own tokenizer."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = str(tiny(kind))
    words = AutoTokenizer.from_pretrained(folder)(
        TEXTS, padding=padding, max_length=16, truncation=True, return_tensors="pt"
    )
    with torch.inference_mode():
        wanted = AutoModel.from_pretrained(folder).eval().get_text_features(**words).pooler_output.numpy()
    model = hf.FAMILY.load(folder, "pretrained")
    found = text_vectors(model, TEXTS)
    np.testing.assert_array_equal(found, wanted)
    assert found.dtype == np.float32
    assert not np.allclose(found[0], found[1])


def test_a_text_s_vector_is_its_own_whatever_stands_beside_it(tiny: Tiny) -> None:
    tower = text_tower(hf.FAMILY.load(str(tiny("clip")), "pretrained"))
    np.testing.assert_allclose(tower.vectors(TEXTS)[1], tower.vectors(TEXTS[1:])[0], rtol=1e-5, atol=1e-6)


def test_a_text_longer_than_the_tower_reads_is_cut_off(tiny: Tiny) -> None:
    tower = text_tower(hf.FAMILY.load(str(tiny("clip")), "pretrained"))
    assert tower.vectors(["a red bus " * 30]).shape == (1, 24)


@pytest.mark.parametrize(("kind", "marks"), [("clip", 2), ("siglip", 1), ("clap", 2)])
def test_tokens_are_counted_as_the_tower_reads_them(kind: str, marks: int, tiny: Tiny) -> None:
    """Words of the small tokenizer are one token each, and marks of beginning and end count."""
    tower = text_tower(hf.FAMILY.load(str(tiny(kind)), "pretrained"))
    tokens, most = tower.length("a red bus")
    assert tokens == 3 + marks
    fits = " ".join(["cat"] * (most - marks))
    assert cut_words(tower, fits) is None
    said = cut_words(tower, f"{fits} dog")
    assert said is not None
    assert f"are {most + 1} tokens long and its text model reads {most}" in said
    whole, longer = tower.vectors([fits]), tower.vectors([f"{fits} dog"])
    np.testing.assert_allclose(longer, whole, rtol=1e-5, atol=1e-6)  # what is cut off counts for nothing


def test_open_clip_counts_tokens_too(tiny_clip: str) -> None:
    tower = text_tower(open_clip.FAMILY.load(tiny_clip, "random:5"))
    assert tower.length("a red bus") == (5, 16)
    fits = " ".join(["cat"] * 14)
    assert cut_words(tower, fits) is None
    assert cut_words(tower, f"{fits} dog") is not None
    np.testing.assert_allclose(tower.vectors([fits]), tower.vectors([f"{fits} dog"]), atol=1e-6)


def test_open_clip_text_vectors_are_the_library_s_own(tiny_clip: str) -> None:
    import open_clip as library
    import torch

    model = open_clip.FAMILY.load(tiny_clip, "random:5")
    plain = open_clip._whole(tiny_clip, "random:5").eval()
    with torch.inference_mode():
        wanted = plain.encode_text(library.get_tokenizer(tiny_clip)(TEXTS)).numpy()
    np.testing.assert_array_equal(text_vectors(model, TEXTS), wanted)
    assert wanted.shape == (2, 24)


def test_a_model_without_a_text_tower_says_so(tiny: Tiny) -> None:
    from vifex.models.families.libraries import timm

    for model in (
        hf.FAMILY.load(str(tiny("dinov2")), "pretrained"),
        timm.FAMILY.load("test_resnet.r160_in1k", "random:0"),
    ):
        with pytest.raises(ModelError, match="no text tower, so it cannot be searched with text"):
            text_tower(model)
