"""Layers ranked on labels: held-out figures, effective rank, CKA, and the table of a store."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from colour_network import write_colour_network
from PIL import Image
from sklearn.linear_model import RidgeClassifierCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import vifex
from vifex.analysis.comparing.examples import choose_examples
from vifex.analysis.comparing.judging import Folds, knn_predictions, linear_predictions, make_folds
from vifex.analysis.comparing.ranking import rank_layers
from vifex.analysis.comparing.similarity import effective_rank, linear_cka
from vifex.analysis.comparing.sketches import Sketches
from vifex.analysis.rows import unit_vectors
from vifex.values import InputError


def classes(n: int, size: int, *, apart: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    centres = rng.normal(size=(4, size))
    return (apart * centres[labels] + rng.normal(size=(n, size))).astype(np.float32), labels


def test_predictions_are_those_of_scikit_learn() -> None:
    vectors, labels = classes(200, 12, apart=0.5)
    unit = unit_vectors(vectors)
    folds = Folds(labels, np.arange(200) % 5)
    knn, linear = knn_predictions(unit, folds), linear_predictions(vectors, folds)

    def weights(distance: np.ndarray) -> np.ndarray:
        return np.exp((1 - distance) / 0.07)

    for fold in range(5):
        held = folds.fold == fold
        near = KNeighborsClassifier(20, metric="cosine", algorithm="brute", weights=weights)
        assert np.array_equal(near.fit(unit[~held], labels[~held]).predict(unit[held]), knn[held])
        ridge = make_pipeline(StandardScaler(), RidgeClassifierCV(10.0 ** np.arange(-1, 6)))
        assert np.array_equal(ridge.fit(vectors[~held], labels[~held]).predict(vectors[held]), linear[held])


def test_no_group_is_on_both_sides_of_a_fold() -> None:
    labels = np.repeat(np.arange(3), 30)
    groups = np.arange(90) // 6
    folds = make_folds(labels, groups)
    assert folds.count == 5
    assert all(len(set(folds.fold[groups == group])) == 1 for group in range(15))
    with pytest.raises(InputError, match="two classes"):
        make_folds(np.zeros(9, np.int64), np.arange(9))
    with pytest.raises(InputError, match="one medium alone"):
        make_folds(labels, labels)


def test_the_effective_rank_is_the_papers() -> None:
    """Of k equal singular values it is k (Roy and Vetterli 2007, property 1 and 2)."""
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.normal(size=(40, 5)) - rng.normal(size=(40, 5)).mean(axis=0))
    basis, _ = np.linalg.qr(basis - basis.mean(axis=0))
    assert effective_rank(basis @ np.linalg.qr(rng.normal(size=(9, 5)))[0].T) == pytest.approx(5, abs=1e-5)
    for vectors in (rng.normal(size=(50, 8)), rng.normal(size=(8, 50))):
        singular = np.linalg.svd(vectors - vectors.mean(axis=0), compute_uv=False)
        shares = singular[singular > 1e-9] / singular.sum()
        entropy = -sum(p * np.log(p) for p in shares)
        assert effective_rank(vectors) == pytest.approx(np.exp(entropy), rel=1e-5)
    assert effective_rank(np.ones((5, 3))) == 0


def hsic(k: np.ndarray, m: np.ndarray) -> float:
    """The unbiased estimate as Song et al. (2012, equation 5) write it."""
    n = len(k)
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    one = np.ones(n)
    middle = (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2))
    return float((np.trace(k @ m) + middle - 2 / (n - 2) * one @ k @ m @ one) / (n * (n - 3)))


def test_cka_is_the_formula_and_does_not_see_rotations() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 7))
    y = np.tanh(x @ rng.normal(size=(7, 5)))
    turned = 3 * x @ np.linalg.qr(rng.normal(size=(7, 7)))[0] + 4
    found = linear_cka([x, y, turned, rng.normal(size=(60, 6)), np.ones((60, 2))])
    k, m = x @ x.T, y @ y.T
    assert found[0, 1] == pytest.approx(hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m)), rel=1e-9)
    assert found[0, 2] == pytest.approx(1)
    assert abs(found[0, 3]) < 0.1
    assert np.isnan(found[4]).all()
    assert np.isnan(linear_cka([x[:3], y[:3]])).all()


def test_cka_in_batches_is_near_that_of_all() -> None:
    """Kornblith et al. 2019, equation 5, whose bias is small where examples are many more than numbers."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 6))
    y = np.concatenate([x[:, :3], rng.normal(size=(3000, 4))], axis=1)
    a, b = x - x.mean(axis=0), y - y.mean(axis=0)
    whole = np.linalg.norm(b.T @ a) ** 2 / (np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b))
    assert linear_cka([x, y])[0, 1] == pytest.approx(whole, abs=0.01)


def test_ranks_have_intervals_over_media() -> None:
    rng = np.random.default_rng(0)
    labels, groups = np.arange(400) % 4, np.arange(400) // 4
    correct = np.stack([rng.random((2, 400)) < p for p in (0.3, 0.8, 0.79)])
    worst, first, second = rank_layers(correct, labels, groups, resamples=200)
    assert (worst.rank.value, worst.rank.low, worst.rank.high) == (3, 3, 3)
    assert {first.rank.value, second.rank.value} == {1, 2}
    assert (first.rank.low, first.rank.high) == (1, 2)
    recall = np.mean([correct[0, 0][labels == c].mean() for c in range(4)])
    assert worst.parts[0].value == pytest.approx(recall)
    assert worst.parts[0].low < recall < worst.parts[0].high
    by_one = rank_layers(correct, labels, groups, by=[1], resamples=20)
    assert [one.score.value for one in by_one] == [one.parts[1].value for one in (worst, first, second)]


def test_examples_are_of_each_class_alike() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    chosen = choose_examples(labels, np.ones(100, np.int64), 20, seed=0)
    assert np.bincount(labels[chosen]).tolist() == [10, 10]
    assert len(choose_examples(labels, np.full(100, 50), 20, seed=0)) == 4


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four classes of coloured noise, in folders, in two views of the same images."""
    folder = tmp_path_factory.mktemp("layers")
    rng = np.random.default_rng(0)
    for number in range(48):
        colour = np.array([(255, 60, 60), (60, 255, 60), (60, 60, 255), (200, 200, 60)][number % 4])
        pixels = np.clip(colour + rng.normal(0, 60, (64, 64, 3)), 0, 255).astype(np.uint8)
        path = folder / "media" / "abcd"[number % 4] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    vifex.extract(
        folder / "media",
        folder / "lib.vifex",
        views={
            "main": {"layers": ["stages.0", "embedding"]},
            "half": {"layers": "stages.1", "dtype": "float16"},
            "parts": {"grid": "1x2", "regions": "crop"},
        },
    )
    return folder / "lib.vifex"


def test_the_table_of_a_store(store: Path, tmp_path: Path) -> None:
    html = tmp_path / "layers.html"
    found = vifex.compare_layers(store, views=["main", "half"], html=html, resamples=50)
    assert {(one.view, one.layer) for one in found.layers} == {
        ("main", "stages.0"),
        ("main", "embedding"),
        ("half", "stages.1"),
    }
    assert (found.examples, found.unit, found.classes) == (48, "row", ("a", "b", "c", "d"))
    assert [one.rank.value for one in found.layers] == sorted(one.rank.value for one in found.layers)
    half = next(one for one in found.layers if one.view == "half")
    assert (half.row_bytes, half.total_bytes) == (2 * half.size, 96 * half.size)
    assert half.seconds_per_row is not None
    assert found.best.score.value > 0.9
    json.dumps(found.to_dict(), allow_nan=False)
    page = html.read_text()
    assert "stages.1" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    with vifex.open(store) as opened:
        vectors = opened["main"].to_numpy("embedding")
    place = next(i for i, one in enumerate(found.layers) if one.layer == "embedding")
    assert found.layers[place].effective_rank == pytest.approx(effective_rank(vectors), abs=1e-3)
    assert found.cka[place, place] == pytest.approx(1)


def test_labels_of_a_file_and_their_near_misses(store: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    names = [f"{'abcd'[n % 4]}/{n}.png" for n in range(48)]
    table.write_text("name,label\n" + "\n".join(f"{name},{n % 2}" for n, name in enumerate(names)))
    found = vifex.compare_layers(store, labels=table, views="main", layers=["embedding"], resamples=20)
    assert (found.classes, len(found.layers)) == (("0", "1"), 1)
    table.write_text("name,label\na/00.png,x\n")
    with pytest.raises(InputError, match=r"Did you mean a/0\.png"):
        vifex.compare_layers(store, labels=table)
    with pytest.raises(InputError, match="Did you mean stages"):
        vifex.compare_layers(store, layers=["stage.0"])
    with pytest.raises(InputError, match="no medium has a label"):
        vifex.compare_layers(store, labels="label")
    table.write_text("name,label\n" + "\n".join(f"{name},x" for name in names))
    with pytest.raises(InputError, match="two classes"):
        vifex.compare_layers(store, labels=table)
    with pytest.raises(vifex.StoreError, match="Did you mean half"):
        vifex.compare_layers(store, views=["halb"])


def test_views_of_other_rows_are_compared_by_medium(store: Path) -> None:
    with pytest.warns(UserWarning, match="mean vector of a medium"):
        found = vifex.compare_layers(store, views=["main", "parts"], resamples=20)
    assert (found.unit, found.examples) == ("medium", 48)
    with vifex.open(store) as opened:
        parts = opened["parts"].to_arrow(["medium_id", "embedding"]).to_pydict()
    means = np.stack(
        [
            np.mean([v for m, v in zip(*parts.values(), strict=True) if m == medium], axis=0)
            for medium in dict.fromkeys(parts["medium_id"])
        ]
    )
    place = next(i for i, one in enumerate(found.layers) if one.view == "parts")
    assert found.layers[place].effective_rank == pytest.approx(effective_rank(means), abs=1e-3)
    with pytest.warns(UserWarning, match="8 of 48 labelled media"):
        few = vifex.compare_layers(store, views=["main"], resamples=20, examples=8)
    assert (few.unit, few.examples) == ("row", 8)


def test_media_of_a_group_are_held_out_together(store: Path, tmp_path: Path) -> None:
    """Of labels that are the groups' own, no held-out group can be told."""
    table = tmp_path / "labels.csv"
    lines = [f"{'abcd'[n % 4]}/{n}.png,{n % 4 // 2},{'abcd'[n % 4]}" for n in range(48)]
    table.write_text("\n".join(["name,label,camera", *lines]))
    choices = {"labels": table, "views": ["main"], "layers": ["embedding"], "resamples": 20}
    alone = vifex.compare_layers(store, **choices)
    together = vifex.compare_layers(store, group="camera", **choices)
    assert (alone.folds, together.folds) == (5, 2)
    assert together.best.score.value < alone.best.score.value
    with pytest.raises(InputError, match="Did you mean camera"):
        vifex.compare_layers(store, group="kamera", **choices)


def test_advice_names_a_layer_of_one_of_several_models(store: Path, tmp_path: Path) -> None:
    colours = write_colour_network(tmp_path)
    media = store.parent / "media"
    found = vifex.advise(
        media, models=["default", colours], layers=["stages.0", "logits"], sample=40, resamples=20
    )
    assert (found.sampled, found.media) == (40, 48)
    assert {(one.view, one.layer) for one in found.comparison.layers} == {
        ("default", "stages.0"),
        (str(colours), "logits"),
    }
    model = "default" if found.best.layer == "stages.0" else colours
    assert found.choices == {"model": model, "layers": [found.best.layer]}
    assert found.best.score.value > 0.9
    full = vifex.compare_layers(store, views=["main"], layers=["stages.0"], resamples=20)
    sketched = next(one for one in found.comparison.layers if one.layer == "stages.0")
    # 16 numbers are no longer than a sketch, so both are judged by the same vectors.
    assert sketched.size == full.best.size == 16
    assert sketched.linear.value == pytest.approx(full.best.linear.value, abs=0.05)
    json.dumps(found.to_dict(), allow_nan=False)


def test_advice_that_cannot_be(store: Path) -> None:
    with pytest.raises(InputError, match="this is a store"):
        vifex.advise(store)
    with pytest.raises(InputError, match="no model was named"):
        vifex.advise(store.parent / "media", models=[])
    with pytest.raises(vifex.ModelError, match=r"Did you mean stages\.0"):
        vifex.advise(store.parent / "media", layers=["stage.0", "embedding"])


def test_a_sketch_keeps_what_is_near_and_leaves_out_layers_that_are_the_same() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(40, 3000)).astype(np.float32)
    media = [str(number // 2) for number in range(40)]
    sketches = Sketches()
    for part in (slice(0, 13), slice(13, 40)):
        sketches.add({"a": vectors[part], "b": vectors[part], "c": vectors[part, :5]}, media[part])
    assert sketches.layers == ["a", "c"]
    ids = sketches.media
    means = vectors.reshape(20, 2, -1).mean(axis=1)
    assert np.allclose(sketches.matrix("c", ids), means[:, :5], atol=1e-6)
    short = sketches.matrix("a", ids)
    assert short.shape == (20, 256)
    lengths = np.linalg.norm(short, axis=1) / np.linalg.norm(means, axis=1)
    assert 0.85 < lengths.min() < lengths.max() < 1.15
