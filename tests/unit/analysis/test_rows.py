"""Rows of a feature column as arrays, and the neighbour graph over them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.neighbors import NearestNeighbors

import vifex
from vifex.analysis.neighbours import nearest_neighbours
from vifex.analysis.rows import read_rows, unit_vectors
from vifex.api.answers.given import opened
from vifex.values import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(6):
        path = tmp_path / "media" / ("cat" if number % 2 else "dog") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    return tmp_path / "media"


def test_the_rows_of_a_folder_are_those_of_its_store(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIFEX_CACHE", str(tmp_path / "cache"))
    store = tmp_path / "lib.vifex"
    vifex.extract(folder, store)
    found = []
    for given in (store, folder):
        with opened(given) as view:
            rows = read_rows(view._stored)
            assert rows.keys() == view.to_arrow("key").column(0).to_pylist()
            assert np.array_equal(rows.vectors(), view.to_numpy())
            assert np.isnan(rows.t_s).all()
            names = [rows.media[m].name for m in rows.medium]
            found.append(dict(zip(names, rows.vectors().tolist(), strict=True)))
            few = read_rows(view._stored, where="name LIKE '%3.png'")
            assert np.array_equal(few.vectors(), view.to_numpy(where="name LIKE '%3.png'"))
            with pytest.raises(InputError, match="no row was found"):
                read_rows(view._stored, where="name = 'none'")
    assert found[0] == found[1]
    (folder / "cat" / "1.png").unlink()
    with opened(folder) as view:
        assert len(view) == 5


def test_neighbours_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    unit = unit_vectors(rng.normal(size=(300, 16)).astype(np.float32))
    ours = nearest_neighbours(unit, 7)
    theirs = NearestNeighbors(n_neighbors=8, metric="cosine", algorithm="brute").fit(unit)
    distances, rows = theirs.kneighbors(unit)
    assert np.array_equal(ours.rows, rows[:, 1:])
    assert np.allclose(1 - ours.similarity, distances[:, 1:], atol=1e-6)
    some = nearest_neighbours(unit, 8, of=unit[:5])
    assert np.array_equal(some.rows, rows[:5])
    with pytest.raises(InputError, match="300 neighbours"):
        nearest_neighbours(unit, 300)


def test_rows_without_a_direction_become_zeros() -> None:
    vectors = np.array([[3, 4], [0, 0], [np.nan, 1], [np.inf, 1]], np.float32)
    assert unit_vectors(vectors).tolist() == [[np.float32(0.6), np.float32(0.8)], [0, 0], [0, 0], [0, 0]]
