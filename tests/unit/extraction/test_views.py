"""Several views from one decoding, each as if it were made alone; and presets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import vifex

VIEWS: dict[str, Any] = {
    "frames": {"fps": 2.0},
    "clips": {"clip": "4x2", "layers": ["stages.3"], "normalize": True},
    "grid": {"every": 20, "grid": "1x2", "dtype": "float16"},
}


@pytest.mark.shared
def test_views_together_are_as_each_alone(tmp_path: Path, shared_media: Path) -> None:
    media = [
        shared_media / "good" / n for n in ("clip-vp9.webm", "photo-12mp-exif-6-srgb.jpg", "sound-ogg.ogg")
    ]
    report = vifex.extract(media, tmp_path / "all.vifex", views=VIEWS, precision="fp32")
    assert (report.media, report.ok, report.skipped) == (3, 2, 1)
    for name, options in VIEWS.items():
        vifex.extract(media, tmp_path / f"{name}.vifex", view=name, precision="fp32", **options)
        with (
            vifex.open(tmp_path / "all.vifex", view=name) as together,
            vifex.open(tmp_path / f"{name}.vifex", view=name) as alone,
        ):
            assert together.recipe == alone.recipe
            assert together.count_rows() > 0
            assert together.to_arrow().sort_by("key").equals(alone.to_arrow().sort_by("key"))


def test_a_view_that_is_added_later_leaves_the_others(tmp_path: Path, shared_media: Path) -> None:
    clip, store = shared_media / "good" / "clip-vp9.webm", tmp_path / "s.vifex"
    vifex.extract(clip, store, views={"frames": VIEWS["frames"]})
    report = vifex.extract(clip, store, views={"frames": VIEWS["frames"], "clips": VIEWS["clips"]})
    assert (report.ok, report.already_done) == (1, 0)
    again = vifex.extract(clip, store, views={"frames": VIEWS["frames"], "clips": VIEWS["clips"]})
    assert (again.ok, again.already_done, again.rows) == (0, 1, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"views": {"a": {"fsp": 1}}}, "no choice 'fsp' for a view. Did you mean fps"),
        ({"views": {}}, "no view was asked for"),
        ({"views": {"a": {}}, "view": "b"}, "beside a model or a view"),
        ({"model": ["default", "default"], "view": "b"}, "one view cannot hold several models"),
        ({"model": ["default", "default"]}, "two models would fill one view"),
        ({"preset": "i3d-46"}, "i3d-64"),
        ({"preset": "clip-1fps", "fps": 2.0}, "says how to sample"),
    ],
)
def test_what_does_not_fit_is_told(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(vifex.VifexError, match=message):
        vifex.extract(tmp_path, tmp_path / "s.vifex", **options)
    assert not (tmp_path / "s.vifex").exists()


def test_views_from_a_file(tmp_path: Path, shared_media: Path, vifex_command: Any) -> None:
    views = tmp_path / "views.toml"
    views.write_text('[frames]\nfps = 2\n\n[clips]\nclip = "4x2"\nlayers = "stages.2, stages.3"\n')
    clip, store = shared_media / "good" / "clip-vp9.webm", tmp_path / "s.vifex"
    done = vifex_command("extract", clip, "-o", store, "--views", views)
    assert done.returncode == 0, done.stderr
    with vifex.open(store, view="clips") as opened:
        assert list(opened) == ["clips", "frames"]
        assert opened.columns == ["stages_2", "stages_3"]
    views.write_text("fps = 2\n")
    told = vifex_command("extract", clip, "-o", store, "--views", views)
    assert told.returncode == 4
    assert "is outside of any view" in told.stderr
