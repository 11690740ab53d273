"""Maps between two models' vectors, their measured recall, and searches through them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.linalg import orthogonal_procrustes
from sklearn.linear_model import RidgeCV

import vifex
from vifex.analysis.bridging.bridge import load_bridge
from vifex.analysis.bridging.fitting import fit_map, no_map
from vifex.analysis.bridging.recall import measure_recall
from vifex.analysis.rows import unit_vectors
from vifex.values import InputError


def test_ridge_is_that_of_scikit_learn_and_a_rotation_is_found() -> None:
    rng = np.random.default_rng(0)
    new = unit_vectors(rng.normal(size=(200, 8)).astype(np.float32))
    old = unit_vectors((new @ rng.normal(size=(8, 5)) + 0.1).astype(np.float32))
    ours = fit_map(new, old, "ridge")
    theirs = RidgeCV(10.0 ** np.arange(-5, 4)).fit(new, old)
    assert np.allclose(ours(new), unit_vectors(theirs.predict(new).astype(np.float32)), atol=1e-5)
    turn = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    turned = (new @ turn).astype(np.float32)
    found = fit_map(new, turned, "procrustes")
    assert np.allclose(found(new), turned, atol=1e-5)
    noisy = turned + 0.1 * rng.normal(size=turned.shape).astype(np.float32)
    rotation, scale = orthogonal_procrustes(new - new.mean(0), noisy - noisy.mean(0))
    scaled = rotation * scale / np.square(new - new.mean(0)).sum()
    assert np.allclose(fit_map(new, noisy, "procrustes").matrix, scaled, atol=1e-5)
    assert np.allclose(no_map(8, 8)(new), new, atol=1e-6)
    assert no_map(8, 5)(new).shape == (200, 5)


def test_recall_is_what_sorting_gives() -> None:
    rng = np.random.default_rng(0)
    rows = unit_vectors(rng.normal(size=(300, 6)).astype(np.float32))
    own = np.arange(40)
    queries = unit_vectors(rows[own] + 0.3 * rng.normal(size=(40, 6)).astype(np.float32))
    found = measure_recall(queries, own, rows, own // 2, resamples=100)
    order = np.argsort(-(queries @ rows.T), axis=1)
    for k, figure in found.at.items():
        assert figure.value == pytest.approx(np.mean([q in order[q, :k] for q in own]))
        assert figure.low <= figure.value <= figure.high
    wanted = np.argsort(-(rows[own] @ rows.T), axis=1)[:, 1:11]
    shared = [
        len(set([r for r in mine if r != q][:10]) & set(theirs)) / 10
        for q, mine, theirs in zip(own, order, wanted, strict=True)
    ]
    assert found.overlap.value == pytest.approx(np.mean(shared))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 images of coloured squares, two layers of one network as two models."""
    folder = tmp_path_factory.mktemp("bridge")
    rng = np.random.default_rng(0)
    (folder / "media").mkdir()
    for number in range(60):
        pixels = np.kron(rng.integers(0, 255, (4, 4, 3)), np.ones((16, 16, 1))).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "media" / f"{number}.png")
    views = {"old": {"layers": "stages.5"}, "new": {"layers": "embedding"}}
    vifex.extract(folder / "media", folder / "lib.vifex", views=views)
    return folder


def test_old_rows_are_found_by_the_new_models_queries(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "map.npz"
    lib = folder / "lib.vifex"
    found = vifex.bridge(lib, lib, file, view="old", new_view="new")
    assert (found.pairs, found.media, found.queries, found.rows) == (60, 60, 12, 60)
    assert found.is_better
    assert found.recall.at[5].low > found.baseline.at[5].high
    json.dumps(found.to_dict(), allow_nan=False)
    read = load_bridge(file)
    assert read.to_dict() == found.to_dict()
    image = folder / "media" / "7.png"
    with vifex.open(lib) as store:
        old, new = store["old"], store["new"]
        vector = new.to_numpy(where="name = '7.png'")[0]
        by_image = old.search(image, 3, bridge=file)
        by_vector = old.search(vector, 3, bridge=found)
        assert [h.key for h in by_image] == [h.key for h in by_vector]
        assert by_image[0].name == "7.png"
        mapped = old.search(found(vector[None])[0], 3)
        assert [h.key for h in mapped] == [h.key for h in by_vector]
        with pytest.raises(InputError, match="Leave the bridge out"):
            old.search(f"row:{by_image[0].key}", bridge=file)
        with pytest.raises(InputError, match="takes vectors of"):
            old.search(np.ones(3), bridge=file)
        with pytest.raises(InputError, match="another recipe made those"):
            new.search(image, bridge=file)
        with pytest.raises(InputError, match="unit vectors"):
            old.search(image, bridge=file, metric="l2")


def test_bridges_that_cannot_be(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "lib.vifex", tmp_path / "few.vifex")
    with vifex.open(folder / "lib.vifex") as store, vifex.open(tmp_path / "few.vifex", view="new") as few:
        old, new = store["old"], store["new"]
        with pytest.raises(InputError, match="no map is needed"):
            vifex.bridge(old, old)
        with pytest.raises(InputError, match="vectors of one size"):
            vifex.bridge(old, new, method="procrustes")
        few.delete([f"{number}.png" for number in range(1, 60)])
        with pytest.raises(InputError, match="at least 10 media that both sides have, and these have 1"):
            vifex.bridge(old, few)
        (tmp_path / "no.npz").write_bytes(b"no")
        with pytest.raises(InputError, match="this file is no bridge"):
            old.search(folder / "media" / "1.png", bridge=tmp_path / "no.npz")
        with pytest.raises(InputError, match="inside a store"):
            vifex.bridge(old, new, folder / "lib.vifex" / "map.npz")
