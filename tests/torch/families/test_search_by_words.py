"""Words as a query, through the whole way: a small CLIP extracts, its text tower asks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vifex
from vifex.models import load_model
from vifex.models.families.shared.text import text_vectors


@pytest.fixture
def store(tmp_path: Path, tiny: Any) -> Path:
    for i in range(6):
        rng = np.random.default_rng(i)
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(tmp_path / f"{i}.png")
    target = tmp_path / "words.vifex"
    vifex.extract(f"{tmp_path}/*.png", target, model=f"hf/{tiny('clip')}", precision="fp32")
    return target


def test_words_find_what_the_library_s_tower_finds(store: Path, tiny: Any) -> None:
    words = "a red bus at night"
    (asked,) = text_vectors(load_model(f"hf/{tiny('clip')}"), [words])
    with vifex.open(store) as opened, pytest.raises(vifex.InputError, match="`model='hf/"):
        opened.search(words)  # a folder is not opened because a store names it
    with vifex.open(store, model=f"hf/{tiny('clip')}") as opened:
        rows = opened.to_numpy()
        names = opened.to_arrow(["name"]).column("name").to_pylist()
        hits = opened.search(words, k=6)
    cosine = rows @ asked / np.linalg.norm(rows, axis=1) / np.linalg.norm(asked)
    order = np.argsort(-cosine)
    assert [h.name for h in hits] == [names[i] for i in order]
    np.testing.assert_allclose([h.score for h in hits], cosine[order], atol=1e-5)


def test_an_answer_says_that_words_were_cut_off(store: Path, tiny: Any, vifex_command: Any) -> None:
    words, model = "a red bus at night " * 5, f"hf/{tiny('clip')}"
    with vifex.open(store, model=model) as opened:
        with pytest.warns(
            UserWarning, match="are 27 tokens long and its text model reads 16: the end was cut"
        ):
            opened.search(words)
        told: list[str] = []
        opened.search(words, on_notice=told.append)
        assert len(told) == 1
        told.clear()
        opened.search("a red bus", on_notice=told.append)
        assert told == []
    done = vifex_command("search", store, words, "--model", model, "--json")
    assert "reads 16: the end was cut off" in done.stderr
    assert [n for n in json.loads(done.stdout)["notes"] if "27 tokens" in n]
    short = vifex_command("search", store, "a red bus", "--model", model, "--json")
    assert (short.stderr, json.loads(short.stdout)["notes"]) == ("", [])


def test_words_need_the_layer_that_they_share(tmp_path: Path, store: Path, tiny: Any) -> None:
    target = tmp_path / "inner.vifex"
    options: dict[str, Any] = {"model": f"hf/{tiny('clip')}", "layers": ["vision_model.encoder.layers.0"]}
    vifex.extract(tmp_path / "0.png", target, **options)
    named = vifex.open(target, model=options["model"])
    with named as opened, pytest.raises(vifex.InputError, match="layer 'embedding'"):
        opened.search("a cat")


def test_a_store_of_a_model_that_knows_some_words_says_so(tmp_path: Path, store: Path) -> None:
    target = tmp_path / "plain.vifex"
    vifex.extract(tmp_path / "0.png", target)
    with (
        vifex.open(target) as opened,
        pytest.raises(vifex.InputError, match="not these words"),
    ):
        opened.search("a red bus")


def test_texts_are_encoded_as_queries_are(store: Path, tiny: Any) -> None:
    model = vifex.load_model(f"hf/{tiny('clip')}")
    texts = ["a red bus", "a cat"]
    vectors = model.encode_text(texts)
    np.testing.assert_array_equal(vectors, text_vectors(load_model(f"hf/{tiny('clip')}"), texts))
    np.testing.assert_allclose(model.encode_text("a cat"), vectors[1:], atol=1e-6)
    unit = model.encode_text(iter(texts), normalize=True)
    np.testing.assert_allclose(unit, vectors / np.linalg.norm(vectors, axis=1, keepdims=True), atol=1e-6)
    assert model.encode_text([]).shape == (0, vectors.shape[1])
    with pytest.warns(UserWarning, match="the end was cut off"):
        model.encode_text("a red bus at night " * 5)
    with vifex.open(store, model=model) as opened:
        by_texts = [[hit.name for hit in hits] for hits in opened.search(texts, 3)]
        assert by_texts == [[hit.name for hit in opened.search(vector, 3)] for vector in vectors]


def test_the_name_of_a_folder_is_a_word_for_a_model_that_reads(
    store: Path, tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here" / "cat").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    with vifex.open(store, model=f"hf/{tiny('clip')}") as opened:
        assert opened.search("cat") == opened.search("text:cat")
        for folder in ("cat/", "./cat", Path("cat")):
            with pytest.raises(vifex.InputError, match="a folder cannot be a query"):
                opened.search(folder)


def test_media_get_the_class_of_the_nearest_words(store: Path, tmp_path: Path, tiny: Any) -> None:
    """The softmax of 100 times the cosine similarities, by the library's own text tower."""
    model, words = f"hf/{tiny('clip')}", ["a red bus", "a cat", "noise"]
    towers = text_vectors(load_model(model), words)
    found = vifex.classify(store, words=words, model=model)
    with vifex.open(store) as opened:
        rows = opened.to_numpy()
        assert list(found.names) == opened.to_arrow(["name"]).column("name").to_pylist()
    unit = [one / np.linalg.norm(one, axis=1, keepdims=True) for one in (rows, towers)]
    shares = np.exp(100 * unit[0] @ unit[1].T)
    np.testing.assert_allclose(found.probabilities, shares / shares.sum(axis=1, keepdims=True), rtol=1e-3)
    assert found.by == "words"
    target = tmp_path / "plain.vifex"
    vifex.extract(tmp_path / "0.png", target)
    with pytest.raises(vifex.InputError, match="not these words"):
        vifex.classify(target, words=words)


def test_clusters_are_named_by_the_words_that_set_them_apart(store: Path, tmp_path: Path, tiny: Any) -> None:
    (tmp_path / "words.txt").write_text("a red bus\na cat\n\na dog at night\n")
    model = f"hf/{tiny('clip')}"
    found = vifex.cluster(store, k=2, words=tmp_path / "words.txt", model=model)
    texts = ["a red bus", "a cat", "a dog at night"]
    vectors = text_vectors(load_model(model), texts)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with vifex.open(store) as opened:
        rows = opened.to_numpy()
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    owners = np.array(found.assignment.column("cluster").to_pylist())
    centres = np.stack([rows[owners == number].mean(axis=0) for number in (1, 2)])
    similar = centres @ vectors.T / np.linalg.norm(centres, axis=1, keepdims=True)
    apart = similar - similar.mean(axis=0)
    for number, cluster in enumerate(found.clusters):
        assert cluster.name == texts[int(apart[number].argmax())]
        shown = {word.text: word.similarity for word in cluster.words}
        np.testing.assert_allclose([shown[text] for text in texts], similar[number], atol=1e-5)
