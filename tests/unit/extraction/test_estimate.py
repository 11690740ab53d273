"""How long a run will take and how much disk it will fill, from a short probe."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import vifex
from vifex.extraction import estimate as estimating
from vifex.extraction.estimate import folder_bytes
from vifex.values import InputError


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(1)
    for number in range(40):
        Image.fromarray(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)).save(folder / f"{number:02}.jpg")
    return folder


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 s of grey frames that become lighter, five a second."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    with av.open(path, "w") as out:
        stream = out.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(300):
            grey = np.full((48, 64, 3), number // 2, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(grey)))
        out.mux(stream.encode(None))
    return path


def test_images_count_by_number_and_nothing_is_written(photos: Path, tmp_path: Path) -> None:
    store = tmp_path / "lib.vifex"
    found = vifex.estimate(photos, store, workers=2)
    assert (found.media, found.images, found.videos_and_sounds, found.already_done) == (40, 40, 0, 0)
    assert found.rows == 40
    assert 0 < found.probed_media <= 40
    assert found.seconds > 0
    assert not store.exists()
    assert list(tmp_path.iterdir()) == []


def test_the_estimate_of_the_disk_is_near_the_truth(photos: Path, tmp_path: Path) -> None:
    store = tmp_path / "lib.vifex"
    found = vifex.estimate(photos, store, workers=2)
    report = vifex.extract(photos, store, workers=2, estimate=found)
    assert report.estimate == found
    assert report.added_bytes == folder_bytes(store)
    assert 0.5 < found.size_bytes / report.added_bytes < 2
    assert vifex.extract(photos, store, workers=2).added_bytes is None


def test_videos_count_by_their_seconds(film: Path, tmp_path: Path) -> None:
    """Ten of the sixty seconds are probed; the rows of all are estimated."""
    found = vifex.estimate(film, tmp_path / "lib.vifex", fps=2, workers=1)
    assert found.videos_and_sounds == 1
    assert found.rows == pytest.approx(120, rel=0.1)


def test_frames_spread_evenly_count_by_number(film: Path, tmp_path: Path) -> None:
    found = vifex.estimate(film, tmp_path / "lib.vifex", uniform=7, workers=1)
    assert found.rows == 7


def test_what_the_store_holds_is_not_counted(photos: Path, tmp_path: Path) -> None:
    store = tmp_path / "lib.vifex"
    vifex.extract([photos / "00.jpg", photos / "01.jpg"], store, workers=1)
    before = folder_bytes(store)
    found = vifex.estimate(photos, store, workers=1)
    assert (found.media, found.already_done, found.images) == (40, 2, 38)
    assert folder_bytes(store) == before
    whole = vifex.estimate([photos / "00.jpg"], store, workers=1)
    assert (whole.already_done, whole.rows, whole.seconds, whole.size_bytes) == (1, 0, 0.0, 0)


def test_renamed_media_are_not_to_do_and_their_copies_are(photos: Path, tmp_path: Path) -> None:
    """The count is that of the run that follows: a file beside its copy is the run's own measure."""
    media, store = tmp_path / "media", tmp_path / "lib.vifex"
    media.mkdir()
    for number in range(4):
        shutil.copy2(photos / f"{number:02d}.jpg", media)
    vifex.extract(media, store, workers=1)
    (media / "00.jpg").rename(media / "new.jpg")
    shutil.copy2(media / "new.jpg", media / "twin.jpg")
    (media / "01.jpg").rename(media / "one.jpg")
    found = vifex.estimate(media, store, workers=1)
    report = vifex.extract(media, store, workers=1)
    assert (found.media, found.already_done, found.images) == (5, 4, 1)
    assert (report.already_done, report.moved, report.ok) == (4, 2, 1), "one twin takes the rows of 00.jpg"


def test_a_part_of_the_media_is_estimated_by_itself(photos: Path, tmp_path: Path) -> None:
    parts = [vifex.estimate(photos, tmp_path / "lib.vifex", shard=f"{i}/2", workers=1) for i in (1, 2)]
    assert sum(part.media for part in parts) == 40
    assert all(part.media < 40 for part in parts)


def test_boxes_of_a_manifest_are_probed(photos: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "boxes.csv"
    lines = [f"{photos / '00.jpg'},{x},0,{x + 20},20" for x in (0, 20, 40)]
    manifest.write_text("uri,x0,y0,x1,y1\n" + "\n".join(lines) + "\n")
    assert vifex.estimate(manifest, tmp_path / "lib.vifex", regions="crop", workers=1).rows == 3


def test_int8_is_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="int8 learns its ranges"):
        vifex.estimate(photos, tmp_path / "lib.vifex", precision="int8")


def test_a_rate_leaves_fixed_costs_out() -> None:
    """By hand: 1 s for the start of decoding, 0.1 s for each of 10 and of 100 media."""

    def probe(media: int, busy_s: float) -> Any:
        return estimating._Probe(media, media, busy_s, 0.0, media, 0)

    assert estimating._rate([probe(10, 2.0), probe(100, 11.0)]) == pytest.approx(0.1)
    assert estimating._rate([probe(10, 2.0)]) == pytest.approx(0.2)
    assert estimating._rate([probe(10, 2.0), probe(20, 3.0)]) == pytest.approx(0.15)
    assert estimating._rate([probe(10, 5.0), probe(100, 4.0)]) == pytest.approx(0.04)  # noise


def test_the_probe_ends_in_time(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next round is not begun where it would not fit into what is left."""
    rounds: list[int] = []
    real = estimating._probe

    def slow(taken: Any, *rest: Any) -> Any:
        rounds.append(len(taken))
        found = real(taken, *rest)
        return estimating._Probe(found.units, found.media, 19.0, 0.0, found.rows, found.bytes)

    monkeypatch.setattr(estimating, "_probe", slow)
    found = vifex.estimate(photos, tmp_path / "lib.vifex", workers=1)
    assert rounds == [8]
    assert found.seconds == pytest.approx(19.0 * 40 / 8, rel=0.01)


def test_the_command_says_it_and_compares(photos: Path, tmp_path: Path, vifex_command: Any) -> None:
    store = tmp_path / "lib.vifex"
    dry = vifex_command("extract", photos, "-o", store, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "40 media: 40 images and 0 videos or sounds to do, 0 already done." in dry.stdout
    assert "for 40 rows, estimated from" in dry.stdout
    assert not store.exists()
    as_json = vifex_command("extract", photos, "-o", store, "--dry-run", "--json")
    assert json.loads(as_json.stdout)["rows"] == 40
    listed = "\n".join(str(path) for path in sorted(photos.iterdir())[:5])
    done = vifex_command("extract", "-", "-o", store, "--estimate", input=listed)
    assert done.returncode == 0, done.stderr
    assert "5 media: 5 ok." in done.stdout
    assert "\nestimated " in done.stdout
    assert ", took " in done.stdout
