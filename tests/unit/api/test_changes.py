"""Media are deleted and relabelled through a view, which then reads its newest state."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vifex


@pytest.fixture
def own(store_path: Path, tmp_path: Path) -> Iterator[vifex.Store]:
    shutil.copytree(store_path, tmp_path / "own.vifex")
    with vifex.open(tmp_path / "own.vifex") as store:
        yield store


def names(store: vifex.Store) -> list[str]:
    return sorted(set(store.to_arrow("name")["name"].to_pylist()))


def test_deleted_media_are_gone_and_come_back_with_the_next_run(own: vifex.Store, media: Path) -> None:
    vector = own.item("a.png").features
    assert own.delete("a.png") == 1
    assert names(own) == ["b.png", "c.png", "clip.mp4"]
    assert own.main.delete([media / "clip.mp4", "b.png"]) == 2
    assert names(own) == ["c.png"]
    assert own.main.verify().ok
    assert own.search(media / "a.png")[0].name == "c.png"
    vifex.extract(media, own.path, fps=2, workers=1)
    with vifex.open(own.path) as again:
        assert again.count_rows() == 9
        np.testing.assert_array_equal(again.item("a.png").features, vector)


def test_labels_change_and_vectors_stay(own: vifex.Store, media: Path) -> None:
    vectors = {name: own.item(name).features for name in names(own)}
    assert own.relabel({"a.png": {"label": "cat"}, "clip.mp4": {"label": "dog", "split": "test"}}) == 2
    assert own.main.relabel({media / "b.png": {"split": "train"}}) == 1
    found = {name: (own.item(name).label, own.item(name).split) for name in names(own)}
    assert found == {
        "a.png": ("cat", None),
        "b.png": (None, "train"),
        "c.png": (None, None),
        "clip.mp4": ("dog", "test"),
    }
    assert own.count_rows("label = 'dog'") == 6
    assert own.relabel({"a.png": {"label": None}}) == 1
    assert own.item("a.png").label is None
    for name, vector in vectors.items():
        np.testing.assert_array_equal(own.item(name).features, vector)
    assert own.search(media / "a.png", where="split = 'train'")[0].name == "b.png"


def test_media_that_a_filter_finds_are_deleted(own: vifex.Store) -> None:
    assert own.delete(own.ledger(where="rows > 1", columns="uri")["uri"].to_pylist()) == 1
    assert names(own) == ["a.png", "b.png", "c.png"]
    assert own.delete([]) == 0


@pytest.mark.parametrize("wrong", [3, None, b"a.png", [3], {"a.png": 1}])
def test_what_is_no_name_is_told(own: vifex.Store, wrong: Any) -> None:
    with pytest.raises(vifex.InputError, match="is no name of a medium"):
        own.delete(wrong)
    assert own.count_rows() == 9


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (3, "int says no labels"),
        ({"a.png": "cat"}, "'cat' says no label"),
        ({"a.png": {}}, "says no label"),
        ({"a.png": {"tag": "cat"}}, "says no label"),
        ({"a.png": {"label": 3}}, "a label is a text or None, got int"),
        ({3: {"label": "cat"}}, "int is no name of a medium"),
        ({"z.png": {"label": "cat"}}, r"has no medium 'z\.png'"),
    ],
)
def test_what_is_no_label_is_told(own: vifex.Store, wrong: Any, said: str) -> None:
    with pytest.raises(vifex.InputError, match=said):
        own.relabel(wrong)


def test_an_unknown_name_deletes_nothing(own: vifex.Store) -> None:
    with pytest.raises(vifex.InputError, match=r"has no medium 'z\.png'"):
        own.delete(["a.png", "z.png"])
    assert own.count_rows() == 9
