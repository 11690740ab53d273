"""One picture where a list is meant, and a folder where a file is."""

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


def test_a_single_picture_is_a_list_of_one(place: Path) -> None:
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
def test_what_is_no_picture_gets_a_sentence(wrong: Any) -> None:
    with pytest.raises(vifex.InputError, match="is no picture"):
        vifex.load_model().features(wrong)


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
