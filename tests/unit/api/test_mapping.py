"""`vifex.map` and `vifex map`: of a store and of a folder, and what cannot be mapped."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import pytest
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.preprocessing import normalize

import vifex
from vifex.values import InputError, MissingExtraError


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten red, ten green and ten blue images, each a little different, and a manifest with their labels."""
    folder = tmp_path_factory.mktemp("mapping")
    rng = np.random.default_rng(0)
    lines = ["uri,label"]
    for number in range(30):
        pixels = rng.integers(0, 60, (48, 64, 3), np.uint8)
        pixels[:, :, number % 3] += 150
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
        lines.append(f"{number:02}.png,{('red', 'green', 'blue')[number % 3]}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def store(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "lib.vifex"
    vifex.extract(media / "labels.csv", path)
    return path


def _section(page: str, name: str) -> bytes:
    found = re.search(rf'id="map-{name}" data-kind="\w+"( data-gzip="1")?>([^<]*)<', page)
    assert found
    data = base64.b64decode(found[2])
    return gzip.decompress(data) if found[1] else data


def test_a_map_of_a_store(store: Path, tmp_path: Path) -> None:
    found = vifex.map(store, html=tmp_path / "map.html", perplexity=5, thumbnails=7)
    with vifex.open(store) as opened:
        vectors, keys = opened.to_numpy(), opened.to_arrow("key").column(0).to_pylist()
        names = opened.to_arrow("name").column(0).to_pylist()
        labels = opened.to_arrow("label").column(0).to_pylist()
    assert found.keys == keys
    value = trustworthiness(vectors, found.positions, n_neighbors=10, metric="cosine")
    assert found.trustworthiness == pytest.approx(value, abs=1e-6)
    assert found.colours == ("label",)
    page = (tmp_path / "map.html").read_text()
    shown = np.frombuffer(_section(page, "positions"), "<u2").reshape(-1, 2).astype(float)
    for axis in range(2):
        assert np.corrcoef(shown[:, axis], found.positions[:, axis])[0, 1] > 1 - 1e-6
    assert json.loads(_section(page, "names")) == names
    codes = np.frombuffer(_section(page, "codes-0"), np.uint8)
    header = json.loads(re.search(r'id="map-header">([^<]*)<', page)[1])  # type: ignore[index]
    assert [header["colours"][0]["values"][code] for code in codes] == labels
    assert found.thumbnails == len(np.frombuffer(_section(page, "thumbnails"), "<u4")) == 7
    assert "7 of 30 points have a thumbnail in this file" in page


def test_a_folder_as_principal_components(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs no extra."""
    monkeypatch.setitem(__import__("sys").modules, "openTSNE", None)
    found = vifex.map(media, method="pca")
    assert (found.method, found.perplexity, found.page, len(found.positions)) == ("pca", None, None, 30)
    with pytest.raises(MissingExtraError, match=r"needs openTSNE.*\.\[analysis\]"):
        vifex.map(media)


def test_the_command(store: Path, tmp_path: Path, vifex_command: Any) -> None:
    (tmp_path / "clusters.csv").write_text(
        "name,cluster\n" + "".join(f"{n:02}.png,c{n % 2}\n" for n in range(28))
    )
    words = ("map", store, "--values", "clusters.csv", "--colour", "cluster", "--thumbnails", "0")
    done = vifex_command(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "30 points by t-SNE\ntrustworthiness 0." in done.stdout
    assert "colours: cluster, label\npage: map.html" in done.stdout
    assert done.stderr == "vifex: clusters.csv has no value for 2 of the 30 rows of the map.\n"
    again = vifex_command(*words, cwd=tmp_path)
    assert (again.returncode, "the file exists already" in again.stderr) == (4, True)
    also = ("-o", "at.csv", "--json", "--method", "pca")
    as_json = vifex_command(*words, *also, cwd=tmp_path)
    table = pyarrow.csv.read_csv(tmp_path / "at.csv")
    assert table.column_names == ["key", "name", "t_s", "label", "x", "y"]
    with vifex.open(store) as opened:
        assert table["key"].to_pylist() == opened.to_arrow("key").column(0).to_pylist()
        assert (
            np.corrcoef(table["x"], PCA(2).fit_transform(normalize(opened.to_numpy()))[:, 0])[0, 1] ** 2
            > 0.999
        )
    facts = json.loads(as_json.stdout)
    assert (facts["rows"], facts["method"], facts["colours"]) == (30, "pca", ["cluster", "label"])
    assert facts["notes"][0] == "clusters.csv has no value for 2 of the 30 rows of the map."


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"perplexity": 1}, "`perplexity=` is above 1"),
        ({"thumbnails": 20_001}, "`thumbnails=` is 0 to 20000, got 20001"),
        ({"seed": -1}, "`seed=` is 0 to"),
        ({"method": "umap"}, "`method=` takes 'tsne' or 'pca', got 'umap'"),
        ({"colour": "lable"}, "there are no colours by 'lable'. Did you mean label?"),
        ({"where": "name = '00.png'"}, "1 of 1 rows have features that can be compared"),
        ({"column": "nothing"}, "nothing"),
    ],
)
def test_what_cannot_be_mapped(store: Path, choices: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        vifex.map(store, **choices)


def test_a_page_is_not_written_into_a_store(store: Path) -> None:
    with pytest.raises(InputError, match="lies inside a store"):
        vifex.map(store, html=store / "map.html")
