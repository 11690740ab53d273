"""One media item of a view: its features, their times and its status."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vifex
from vifex.values.media import path_to_uri


def test_a_video_has_its_features_and_times(store: vifex.Store) -> None:
    item = store.item("clip.mp4")
    assert (item.status, item.reason, len(item)) == ("ok", "", 6)
    assert item.features.shape == (6, 512)
    np.testing.assert_array_equal(item.features, store.to_numpy(where="name = 'clip.mp4'"))
    np.testing.assert_allclose(item.t_s, [0, 0.5, 1, 1.5, 2, 2.5])
    assert (item.t_end_s > item.t_start_s).all()
    assert item.frame_index == (0, 4, 8, 12, 16, 20)
    assert item.time_base is not None
    assert len(item.pts) == 6
    assert item.boxes == (None,) * 6
    assert repr(item) == "Item('clip.mp4', status='ok', rows=6)"


def test_an_image_has_one_row_without_a_time(store: vifex.Store) -> None:
    item = store.item("a.png")
    assert item.features.shape == (1, 512)
    assert np.isnan(item.t_s).all()
    assert (item.pts, item.frame_index, item.time_base) == ((None,), (None,), None)


def test_it_is_found_by_path_address_and_id(store: vifex.Store, media: Path) -> None:
    item = store.item("b.png")
    for name in (media / "b.png", str(media / "b.png"), path_to_uri(media / "b.png"), item.medium_id):
        assert store.item(name).medium_id == item.medium_id


def test_a_failed_item_has_a_reason_and_no_rows(media: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    vifex.extract([media / "a.png", tmp_path / "bad.png"], tmp_path / "s.vifex", workers=1)
    with vifex.open(tmp_path / "s.vifex") as store:
        item = store.main.item("bad.png")
    assert (item.status, len(item), item.features.shape) == ("failed", 0, (0, 512))
    assert item.reason


def test_several_layers_are_columns(two_views: Path, media: Path, tmp_path: Path) -> None:
    vifex.extract(media / "clip.mp4", tmp_path / "s.vifex", layers=["stages.3", "embedding"], workers=1)
    with vifex.open(tmp_path / "s.vifex") as store:
        item = store.item("clip.mp4")
        assert {n: a.shape for n, a in item.columns.items()} == {"stages.3": (3, 80), "embedding": (3, 512)}
        with pytest.raises(vifex.InputError, match=r"2 layers, so one must be named.*stages\.3, embedding"):
            _ = item.features


@pytest.mark.parametrize("wrong", [3, None, b"a.png", ["a.png"]])
def test_what_is_no_name_is_told(store: vifex.Store, wrong: Any) -> None:
    with pytest.raises(vifex.InputError, match="is no name of an item"):
        store.item(wrong)


def test_an_unknown_name_offers_near_ones(store: vifex.Store) -> None:
    with pytest.raises(vifex.InputError, match=r"has no item 'clip\.mp5'\. Did you mean clip\.mp4\?"):
        store.item("clip.mp5")


def test_a_name_of_two_items_is_refused(media: Path, tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_bytes((media / "a.png").read_bytes())
    vifex.extract([tmp_path / "x", tmp_path / "y"], tmp_path / "s.vifex", workers=1)
    with vifex.open(tmp_path / "s.vifex") as store:
        with pytest.raises(vifex.InputError, match=r"2 items .* are called 'a\.png'.*Give the medium_id"):
            store.item("a.png")
        assert store.item(tmp_path / "y" / "a.png").uri.endswith("/y/a.png")
