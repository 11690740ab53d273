"""What an imported view can do, and what it cannot: each refusal is one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vifex


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imported") / "images"
    folder.mkdir()
    rng = np.random.default_rng(1)
    for number in range(6):
        pixels = rng.integers(0, 255, (4, 4, 3), np.uint8) if number != 5 else np.zeros((4, 4, 3), np.uint8)
        Image.fromarray(pixels).resize((64, 64), Image.Resampling.NEAREST).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def stores(images: Path) -> dict[str, Path]:
    """Extracted, and the same vectors imported: with the recipe, with a named model, and without both."""
    folder = images.parent
    vifex.extract(images, folder / "extracted.vifex", view="main")
    with vifex.open(folder / "extracted.vifex") as store:
        store.export(folder / "x.parquet", to="parquet")
        store.export(folder / "x.npy", to="npy")
        names = store.to_arrow("name")["name"].to_pylist()
    (folder / "x.txt").write_text("\n".join(names))

    def imported(name: str, file: str, **options: Any) -> Path:
        vifex.import_features(
            folder / file, folder / f"{name}.vifex", on_notice=lambda notice: None, **options
        )
        return folder / f"{name}.vifex"

    about = {"media": [folder / "x.txt", images]}
    return {
        "extracted": folder / "extracted.vifex",
        "export": imported("export", "x.parquet"),
        "named": imported("named", "x.npy", **about, model="vifex-small-1", layers="embedding"),
        "unknown": imported("unknown", "x.npy", **about),
    }


@pytest.mark.parametrize("name", ["export", "named"])
def test_an_image_is_a_query_where_the_model_is_known(
    name: str, stores: dict[str, Path], images: Path
) -> None:
    with vifex.open(stores["extracted"]) as store:
        wanted = [(hit.name, hit.score) for hit in store.search(images / "3.png", k=4)]
    with vifex.open(stores[name]) as store:
        found = [(hit.name, hit.score) for hit in store.search(images / "3.png", k=4)]
    assert wanted[0][0] == "3.png"
    assert found == wanted


@pytest.mark.parametrize("query", ["image", "words"])
def test_no_image_and_no_words_are_a_query_where_it_is_not(
    query: str, stores: dict[str, Path], images: Path
) -> None:
    with vifex.open(stores["unknown"]) as store, pytest.raises(vifex.InputError) as caught:
        store.search(images / "3.png" if query == "image" else "text:a cat")
    assert "was imported, and nothing says which model made its vectors" in str(caught.value)


def test_rows_vectors_copies_and_exports_need_no_model(stores: dict[str, Path], tmp_path: Path) -> None:
    with vifex.open(stores["unknown"]) as store:
        row = store.to_arrow().to_pylist()[2]
        assert store.search(f"row:{row['key']}", k=1)[0].name == row["name"]
        assert store.search(np.array(row["features"]), k=1)[0].name == row["name"]
        assert store.export(tmp_path / "y.npz", to="npz") == 6
        assert store.verify().ok
        assert store.item("1.png").features.shape == (1, 512)
    assert vifex.copies(stores["unknown"], threshold=0.9).rows == 6


def test_an_imported_view_takes_imports_alone(stores: dict[str, Path], images: Path, tmp_path: Path) -> None:
    with pytest.raises(vifex.StoreError, match="was imported from files, so only imports can add to it"):
        vifex.extract(images, stores["export"], view="main")
    with pytest.raises(vifex.StoreError, match="was not imported, so no file can be imported into it"):
        vifex.import_features(images.parent / "x.parquet", stores["extracted"])
    np.save(tmp_path / "other.npy", np.ones((2, 3), np.float32))
    with pytest.raises(vifex.StoreError, match="was made by another recipe"):
        vifex.import_features(tmp_path / "other.npy", stores["unknown"])


def test_media_are_found_again_after_a_move(stores: dict[str, Path], images: Path) -> None:
    """The content hashes of files that are there come with the import."""
    with vifex.open(stores["unknown"]) as store:
        entries = {entry["name"]: entry["content_hash"] for entry in store.ledger().to_pylist()}
    with vifex.open(stores["extracted"]) as store:
        assert entries == {entry["name"]: entry["content_hash"] for entry in store.ledger().to_pylist()}


def test_a_model_of_other_vectors_is_refused(images: Path, stores: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(
        vifex.InputError, match="has 512 numbers, and the layer 'stem' of vifex-small-1 gives 32"
    ):
        vifex.import_features(
            images.parent / "x.npy", tmp_path / "s.vifex", model="vifex-small-1", layers="stem"
        )
    with pytest.raises(vifex.InputError, match="were named without a model"):
        vifex.import_features(images.parent / "x.npy", tmp_path / "s.vifex", layers="stem")
    assert not (tmp_path / "s.vifex").exists()


def test_the_command(
    stores: dict[str, Path], images: Path, tmp_path: Path, vifex_command: Callable[..., Any]
) -> None:
    done = vifex_command("import", images.parent / "x.npy", "-o", tmp_path / "s.vifex")
    assert done.returncode == 0, done.stderr
    assert "6 media, 6 rows ->" in done.stdout
    assert "does not name its media: --media takes a list of paths" in done.stderr
    assert "The rows lack addresses of media, labels" in done.stderr
    shown = vifex_command("show", tmp_path / "s.vifex")
    assert "from files that do not say which model made the vectors" in shown.stdout
    assert "imported from x.npy" not in shown.stdout
