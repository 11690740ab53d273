"""Places of rows on a map, what they are coloured by, and which of them have thumbnails."""

from __future__ import annotations

import io
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from doc_blocks import ROOT
from openTSNE import TSNE
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.preprocessing import normalize

import vifex
from vifex.analysis.mapping import sprites
from vifex.analysis.mapping.colourings import colourings_of, read_colourings
from vifex.analysis.mapping.projecting import project, trustworthiness_of
from vifex.analysis.mapping.sprites import make_sprites, spread_rows
from vifex.analysis.rows import FeatureRows, MediumFacts
from vifex.values import InputError

Matrix = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def clusters() -> tuple[Matrix, npt.NDArray[np.int64]]:
    """Five clusters of 60 directions among 64 numbers."""
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(5), 60)
    vectors = rng.normal(size=(5, 64))[of] + 0.4 * rng.normal(size=(300, 64))
    return normalize(vectors).astype(np.float32), of


def rows_of(names: list[str], counts: list[int], **facts: Any) -> FeatureRows:
    """Rows of media without a store."""
    labels, splits = facts.get("labels", [None] * len(names)), facts.get("splits", [None] * len(names))
    media = tuple(MediumFacts(f"m{i}", f"file:///{n}", n, labels[i], splits[i]) for i, n in enumerate(names))
    medium = np.repeat(np.arange(len(names), dtype=np.int32), counts)
    ordinal = np.concatenate([np.arange(n) for n in counts])
    times = facts.get("t_s", np.full(len(medium), np.nan))
    return FeatureRows(
        None,  # type: ignore[arg-type]
        "vector",
        np.arange(len(medium)),
        media,
        medium,
        ordinal,
        np.full(len(medium), -1),
        times,
        times,
        times,
    )


def test_principal_components_are_those_of_scikit_learn(clusters: tuple[Matrix, Any]) -> None:
    vectors, _ = clusters
    ours = project(vectors, method="pca").positions
    theirs = PCA(2).fit_transform(vectors.astype(np.float64))
    for axis in range(2):
        assert abs(np.corrcoef(ours[:, axis], theirs[:, axis])[0, 1]) > 1 - 1e-6
        assert np.std(ours[:, axis]) == pytest.approx(np.std(theirs[:, axis]), rel=1e-4)


def test_a_map_is_as_trustworthy_as_one_by_opentsne_alone(clusters: tuple[Matrix, Any]) -> None:
    """The other one has its own neighbours, by the exact cosine distance."""
    vectors, of = clusters
    placed = project(vectors, perplexity=20)
    alone = np.asarray(TSNE(perplexity=20, metric="cosine", neighbors="exact", random_state=0).fit(vectors))
    value, neighbours, judged = trustworthiness_of(vectors, placed.positions) or (0, 0, 0)
    direct = trustworthiness(vectors, placed.positions, n_neighbors=10, metric="cosine")
    assert (value, neighbours, judged) == (pytest.approx(direct, abs=1e-12), 10, 300)
    assert value > trustworthiness(vectors, alone, n_neighbors=10, metric="cosine") - 0.02
    assert _share_of_own_cluster(placed.positions, of) > 0.99


def test_the_same_seed_gives_the_same_map(clusters: tuple[Matrix, Any]) -> None:
    vectors, _ = clusters
    first, second = (project(vectors, perplexity=10, seed=3, fitted=150) for _ in range(2))
    assert np.array_equal(first.positions, second.positions)
    other = project(vectors, perplexity=10, seed=4, fitted=150)
    assert not np.array_equal(first.positions, other.positions)


def test_rows_beyond_the_sample_lie_in_their_clusters(clusters: tuple[Matrix, Any]) -> None:
    vectors, of = clusters
    placed = project(vectors, perplexity=10, fitted=120)
    assert placed.fitted == 120
    assert _share_of_own_cluster(placed.positions, of) > 0.98


def _share_of_own_cluster(positions: Matrix, of: npt.NDArray[np.int64]) -> float:
    """Share of rows whose nearest 5 others on the map are mostly of their cluster."""
    squares = np.square(positions[:, None] - positions[None]).sum(axis=2)
    np.fill_diagonal(squares, np.inf)
    nearest = np.argsort(squares, axis=1)[:, :5]
    return float(np.mean((of[nearest] == of[:, None]).mean(axis=1) > 0.5))


def test_few_rows() -> None:
    rng = np.random.default_rng(1)
    few = project(normalize(rng.normal(size=(3, 8))).astype(np.float32))
    assert (few.method, few.positions.shape) == ("pca", (3, 2))
    line = project(normalize(rng.normal(size=(2, 8))).astype(np.float32))
    np.testing.assert_allclose(line.positions[:, 1], 0, atol=1e-6)
    assert trustworthiness_of(np.ones((4, 2), np.float32), np.ones((4, 2), np.float32)) is None


def test_perplexity_is_lowered_for_small_maps(clusters: tuple[Matrix, Any]) -> None:
    assert project(clusters[0][:31], perplexity=30).perplexity == 10


def test_categories_are_numbered_by_their_frequency() -> None:
    rows = rows_of(["a/x", "b/y", "b/z"], [1, 2, 2], labels=["cat", None, "dog"], splits=["test"] * 3)
    found = {colouring.name: colouring for colouring in colourings_of(rows)}
    assert list(found) == ["label", "split", "folder", "medium"]
    assert found["label"].values == ("dog", "cat", None)
    assert found["label"].codes.tolist() == [1, 2, 2, 0, 0]
    assert found["folder"].values == ("b", "a")
    assert found["medium"].values == ("b/y", "b/z", "a/x")


def test_times_are_a_gradient_and_images_have_none() -> None:
    rows = rows_of(["clip", "photo"], [3, 1], t_s=np.array([0.0, 2.5, 10.0, np.nan]))
    time = next(c for c in colourings_of(rows) if c.name == "time")
    assert (time.low, time.high, time.codes.tolist()) == (0, 10, [0, 16384, 65534, 65535])


def test_rows_of_which_nothing_is_known_have_one_colour() -> None:
    (only,) = colourings_of(rows_of(["a", "b"], [1, 1]))
    assert (only.name, only.values, only.codes.tolist()) == ("none", (None,), [0, 0])


def test_values_from_tables(tmp_path: Path) -> None:
    rows = rows_of(["a.jpg", "b.jpg", "c.jpg"], [1, 2, 1])
    (tmp_path / "names.csv").write_text("name,cluster,distance\nb.jpg,7,0.5\na.jpg,3,1.5\nother.jpg,3,9\n")
    (cluster, distance), notes = read_colourings(tmp_path / "names.csv", rows)
    assert cluster.values == ("7", "3", None)
    assert cluster.codes.tolist() == [1, 0, 0, 2]
    assert (distance.low, distance.high, distance.codes.tolist()) == (0.5, 1.5, [65534, 0, 0, 65535])
    assert notes == [f"{tmp_path / 'names.csv'} has no value for 1 of the 4 rows of the map."]
    (tmp_path / "keys.tsv").write_text("key\tname\tcluster\nm1:1\tb.jpg\tx\nm0:0\ta.jpg\ty\n")
    (by_key,), _ = read_colourings(tmp_path / "keys.tsv", rows)
    assert [by_key.values[code] if by_key.values else None for code in by_key.codes] == ["y", None, "x", None]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,cluster\nb.jpeg,1\n", r"no name in it is one of the map.*Did you mean b\.jpg"),
        ("file,cluster\nb.jpg,1\n", "needs a column key or name"),
        ("name,label\nb.jpg,1\n", "and one with the values"),
        ("name,cluster\nb.jpg\n", "cannot be read"),
    ],
)
def test_tables_that_cannot_be_used(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        read_colourings(tmp_path / "t.csv", rows_of(["a.jpg", "b.jpg"], [1, 1]))


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    rows = rows_of(["a.jpg"], [1])
    with pytest.raises(InputError, match="no such file"):
        read_colourings(tmp_path / "gone.csv", rows)
    with pytest.raises(InputError, match="is not read"):
        read_colourings(tmp_path / "t.xlsx", rows)
    (tmp_path / "t.parquet").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read"):
        read_colourings(tmp_path / "t.parquet", rows)


def test_thumbnails_are_spread_over_the_map() -> None:
    """A crowd of 900 in one cell, and 100 points that are alone."""
    alone = np.stack(np.meshgrid(np.arange(10), np.arange(10)), axis=-1).reshape(-1, 2) * 6000 + 3000
    positions = np.concatenate([np.full((900, 2), 300), alone]).astype(np.uint16)
    chosen = spread_rows(positions, 101)
    assert len(set(chosen.tolist())) == 101
    assert set(range(900, 1000)) <= set(chosen.tolist())
    assert sorted(spread_rows(positions, 5000).tolist()) == list(range(1000))


def test_sheets_hold_the_thumbnails() -> None:
    def thumbnails(rows: Any, side: int) -> Iterator[tuple[int, Image.Image | None]]:
        for row in rows.tolist():
            colour = (row % 256, 255 - row % 256, 100)
            yield row, None if row == 5 else Image.new("RGB", (side, side // 2), colour)

    wanted = np.arange(300)[::-1].copy()
    found = make_sprites(wanted, thumbnails)
    assert (found.cell, found.columns, found.missing, len(found.sheets)) == (128, 16, 1, 2)
    assert found.rows.tolist() == [row for row in range(299, -1, -1) if row != 5]
    assert (found.sizes == [128, 64]).all()
    for place in (0, 17, 260):
        sheet = Image.open(io.BytesIO(found.sheets[place // 256])).convert("RGB")
        within = place % 256
        pixel = sheet.getpixel((within % 16 * 128 + 60, within // 16 * 128 + 30))
        row = int(found.rows[place])
        assert np.allclose(pixel, (row % 256, 255 - row % 256, 100), atol=6)


def test_sheets_end_at_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sheets that do not fit are left out whole, and their rows have no thumbnail."""
    monkeypatch.setattr(sprites, "_MOST_BYTES", 60_000)
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8))
    found = make_sprites(np.arange(600), lambda rows, side: ((row, noise) for row in rows.tolist()))
    assert (len(found.sheets), len(found.rows), len(found.sizes), found.missing) == (0, 0, 0, 0)
    monkeypatch.setattr(sprites, "_MOST_BYTES", 1_000_000)
    found = make_sprites(np.arange(600), lambda rows, side: ((row, noise) for row in rows.tolist()))
    assert 0 < sum(map(len, found.sheets)) <= 1_000_000
    assert len(found.rows) == min(600, 256 * len(found.sheets))


def test_the_files_of_the_page_are_in_the_wheel() -> None:
    from setuptools import Distribution

    from vifex.analysis.mapping.page import SCRIPTS

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    distribution = Distribution(
        {"packages": ["vifex.analysis.mapping"], "package_dir": {"": str(ROOT / "src")}}
    )
    distribution.package_data = settings["package-data"]
    command = distribution.get_command_obj("build_py")
    command.ensure_finalized()
    built = {Path(name).name for _, _, _, names in command.data_files for name in names}  # type: ignore[attr-defined]
    files = {path.name for path in Path(vifex.__file__).parent.glob("analysis/mapping/page/*")}
    assert {*SCRIPTS, "map.css"} == files == built
