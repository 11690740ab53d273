"""One image where a list is meant, and a folder where a file is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vifex


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("single")
    rng = np.random.default_rng(0)
    (folder / "media").mkdir()
    Image.fromarray(rng.integers(0, 256, (96, 96, 3), dtype=np.uint8)).save(folder / "media" / "a.png")
    vifex.extract(folder / "media", folder / "s.vifex")
    return folder


def test_a_single_image_is_a_list_of_one(place: Path) -> None:
    model = vifex.load_model()
    path = place / "media" / "a.png"
    with Image.open(path) as image:
        image.load()
        pixels = np.asarray(image.convert("RGB"))
        expected = model.features([path])["embedding"]
        assert expected.shape == (1, 512)
        for one in (str(path), path, image, pixels, (path,), pixels[None], iter([path])):
            np.testing.assert_array_equal(model.features(one)["embedding"], expected)
    np.testing.assert_array_equal(model.features(np.stack([pixels, pixels]))["embedding"][1:], expected)


@pytest.mark.parametrize("wrong", [3, b"a.png", {"a": 1}, None, [3], np.zeros((4, 4), np.uint8)])
def test_what_is_no_image_gets_a_sentence(wrong: Any) -> None:
    with pytest.raises(vifex.InputError, match="is no image"):
        vifex.load_model().features(wrong)


def test_an_image_without_pixels_is_refused() -> None:
    with pytest.raises(vifex.InputError, match="an image of 0 x 5 pixels has none"):
        vifex.load_model().features(Image.new("RGB", (0, 5)))


@pytest.mark.parametrize("wrong", [None, 3, b"a.png", [None], Image.new("RGB", (5, 5)), [np.zeros(3)]])
def test_what_is_no_source_gets_a_sentence(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(vifex.InputError, match="is no source"):
        vifex.extract(wrong, tmp_path / "s.vifex")
    assert list(tmp_path.iterdir()) == []


def test_sources_layers_and_columns_may_be_given_one_by_one(place: Path, tmp_path: Path) -> None:
    folder = place / "media"
    report = vifex.extract((p for p in [folder, folder]), tmp_path / "s.vifex", layers="embedding")  # type: ignore[arg-type]
    assert report.rows == 1
    with vifex.open(tmp_path / "s.vifex") as store:
        assert store.to_arrow("name").column_names == ["name"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("costs", "said"),
    [
        ({"workers": -1}, "cannot be -1 decoder"),
        ({"limits": vifex.Limits(decoded_frames=0)}, "`decoded_frames=` is 0, so no file can pass"),
        ({"limits": vifex.Limits(max_pixels=-1)}, "`max_pixels=` is -1, so no"),
        ({"limits": vifex.Limits(file_s=float("nan"))}, "`file_s=` is nan, so no"),
        ({"limits": vifex.Limits(stall_s=0)}, "`stall_s=` is 0, so no"),
        ({"limits": vifex.Limits(memory_bytes=-1)}, "`memory_bytes=` is below 0"),
    ],
)
def test_costs_that_no_run_can_keep_to(place: Path, tmp_path: Path, costs: Any, said: str) -> None:
    with pytest.raises(vifex.InputError, match=said):
        vifex.extract(place / "media", tmp_path / "s.vifex", **costs)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", ["folder/", "deep/folder/", "there/", "there", "./"])
@pytest.mark.parametrize("form", ["npy", "csv"])
def test_a_folder_is_no_file_to_export_to(place: Path, vifex_command: Any, target: str, form: str) -> None:
    (place / "there").mkdir(exist_ok=True)
    done = vifex_command("export", "s.vifex", "--to", form, "-o", target, cwd=place)
    assert done.returncode == 4
    assert done.stderr.startswith(f"vifex: {target}: this is a folder. Name a file in it, e.g. ")
    assert not (place / "folder").exists()
    assert list((place / "there").iterdir()) == []
    with vifex.open(place / "s.vifex") as store, pytest.raises(vifex.InputError, match="this is a folder"):
        store.export(f"{place}/{target}", to=form)


def test_a_provenance_of_several_lines_is_printed_on_one(place: Path, vifex_command: Any) -> None:
    done = vifex_command("models", "pull", "default", cwd=place)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert "\\x0a" not in done.stdout
