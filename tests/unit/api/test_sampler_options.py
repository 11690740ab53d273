"""Samplers through the whole pipeline: what the ledger keeps, resumed runs, views and what is refused."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import vifex
from vifex.store import open_store

LAYER: Any = {"layers": ["stem"], "pool": "avg", "every": 1}
SCENE, N_FRAMES = 6, 24


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 frames at 8 per second: four still images of six frames each."""
    path = tmp_path_factory.mktemp("samplers") / "v.mp4"
    rng = np.random.default_rng(0)
    scenes = [
        np.asarray(Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((96, 96)))
        for _ in range(N_FRAMES // SCENE)
    ]
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=8, options={"qp": "4"})
        stream.width, stream.height, stream.pix_fmt = 96, 96, "yuv420p"
        stream.time_base = Fraction(1, 8)
        for number in range(N_FRAMES):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(scenes[number // SCENE], format="rgb24")))
        out.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def views(video: Path) -> Path:
    """A store with all frames, those that changed, and five of them."""
    path = video.with_name("s.vifex")
    wanted: dict[str, vifex.ViewOptions] = {
        "all": {},
        "changed": {"changed_only": 0.1, "every": 1},
        "few": {"max_frames": 5, "every": 1},
    }
    vifex.extract(video, path, views=wanted, workers=1, **LAYER)
    return path


def _rows(store: vifex.Store, view: str) -> tuple[list[int], list[float], np.ndarray]:
    rows = store[view].to_arrow().to_pylist()
    ends = [row["t_end_s"] for row in rows]
    return [row["frame_index"] for row in rows], ends, np.array([row["stem"] for row in rows])


def test_rows_are_those_of_all_frames_with_longer_times(views: Path) -> None:
    with vifex.open(views) as store:
        numbers, _, vectors = _rows(store, "all")
        assert numbers == list(range(N_FRAMES))
        changed, ends, own = _rows(store, "changed")
        assert changed == [0, 6, 12, 18]
        assert ends == [0.75, 1.5, 2.25, 3.0]
        np.testing.assert_allclose(own, vectors[changed], atol=1e-5)
        assert _rows(store, "few")[0] == [2, 7, 12, 16, 21]


def test_the_ledger_keeps_how_many_were_left_out(views: Path) -> None:
    with vifex.open(views) as store:
        reasons = {view: store[view].item("v.mp4").reason for view in ("all", "changed", "few")}
    assert reasons["all"] == ""
    assert reasons["changed"].startswith("Of 24 frames 4 were computed; the others changed by 0.0")
    assert reasons["few"] == "Of 24 sampled frames 5 were taken, spread evenly (`max_frames=5`)."


def test_a_run_resumes_and_another_bound_is_another_view(views: Path, video: Path) -> None:
    again = vifex.extract(video, views, view="changed", changed_only=0.1, workers=1, **LAYER)
    assert again.already_done == again.media == 1
    with open_store(views) as store:
        assert all(check.ok for check in store.verify())
    with pytest.raises(vifex.VifexError, match=r"sampling\.changed_only"):
        vifex.extract(video, views, view="changed", changed_only=0.2, workers=1, **LAYER)
    with pytest.raises(vifex.VifexError, match=r"sampling\.max_frames"):
        vifex.extract(video, views, view="few", max_frames=6, workers=1, **LAYER)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"changed_only": 0.98}, "takes a share of the image's contrast from 0 to 0.5, got 0.98"),
        ({"changed_only": 0.1, "clip": "4x1"}, "is for single frames, not for clips"),
        ({"max_frames": 0}, "takes a number of frames, got 0"),
        ({"max_frames": 2.5}, "takes an int or None, got float"),
        ({"keyframes": True, "fps": 2}, "`fps=` and `keyframes=` were given together"),
    ],
)
def test_what_makes_no_sense_is_refused(
    options: vifex.ViewOptions, message: str, video: Path, tmp_path: Path
) -> None:
    with pytest.raises(vifex.InputError) as caught:
        vifex.extract(video, tmp_path / "s.vifex", **options)
    assert message in str(caught.value)
