"""Decoders that hang, crash, leave or grow cost the file that they were reading, nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

import vifex

FAULTS = {
    "hang": "no progress for 4 s",
    "crash": "crashed (SIGSEGV)",
    "leave": "ended (status 7)",
    "grow": "more memory than a decoder may take",
    "bug": "KeyError: 'a bug in a decoder'",
    "stuck": "no progress for 4 s",
    "mute": "ended (status 1: TypeError: cannot pickle '_thread.lock' object)",
}


def write_image(path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(small).resize((120, 90), Image.Resampling.BICUBIC).save(path, quality=90)


@pytest.fixture
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoder processes started from here on meet the faults that file names ask for."""
    folder = tmp_path / "site"
    folder.mkdir()
    shutil.copy(Path(__file__).parents[1] / "support" / "faulty_decoders.py", folder / "sitecustomize.py")
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)


@pytest.mark.usefixtures("faulty")
def test_a_fault_costs_its_file_alone(tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    for i in range(24):
        write_image(media / f"good-{i:02d}.jpg", i)
    for i, fault in enumerate(FAULTS):
        write_image(media / f"good-{3 * i:02d}-{fault}.jpg", 100 + i)
    limits = vifex.Limits(stall_s=4.0, memory_bytes=256 << 20)
    report = vifex.extract(media, tmp_path / "a.vifex", precision="fp32", limits=limits)
    assert (report.ok, report.failed, report.exit_status) == (24, len(FAULTS), 3)
    reasons = {p.name.rsplit("-", 1)[1].removesuffix(".jpg"): p.reason for p in report.problems}
    for fault, words in FAULTS.items():
        assert words in reasons[fault], reasons

    # The others' rows are the same as without any fault.
    for fault in FAULTS:
        next(media.glob(f"*-{fault}.jpg")).unlink()
    vifex.extract(media, tmp_path / "b.vifex", precision="fp32")
    with vifex.open(tmp_path / "a.vifex") as a, vifex.open(tmp_path / "b.vifex") as b:
        assert a.to_arrow().sort_by("key").equals(b.to_arrow().sort_by("key"))


@pytest.mark.usefixtures("faulty")
def test_rows_of_a_video_that_crashes_later_are_not_kept(tmp_path: Path, shared_media: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    clip = shared_media / "good" / "clip-vp9.webm"
    shutil.copy(clip, media / "a-late-crash.webm")
    shutil.copy(clip, media / "b-fine.webm")
    report = vifex.extract(media, tmp_path / "s.vifex", every=5, precision="fp32", workers=1)
    assert (report.ok, report.failed) == (1, 1)
    with vifex.open(tmp_path / "s.vifex") as store:
        names = set(store.to_arrow(["name"]).column("name").to_pylist())
        assert names == {"b-fine.webm"}
        assert len(store.main) == 17  # 82 frames, every fifth
        assert store.ledger().num_rows == 2


def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path, shared_media: Path) -> None:
    """A limit on the whole file, though it makes progress all the while."""
    report = vifex.extract(
        shared_media / "good" / "clip-h264-ducks.mp4",
        tmp_path / "s.vifex",
        every=1,
        limits=vifex.Limits(file_s=0.05),
        precision="fp32",
    )
    assert report.failed == 1
    assert "took longer than 0.05 s" in report.problems[0].reason


@pytest.mark.usefixtures("faulty")
def test_samples_of_an_attempt_that_was_given_up_count_for_nothing(tmp_path: Path) -> None:
    """A slot takes some crops of an image, and the decoder dies before it says that the image is over."""
    media = tmp_path / "media"
    media.mkdir()
    for i in range(6):
        write_image(media / f"good-{i}.jpg", i)
    write_image(media / "good-5-crash.jpg", 9)
    # No batch of images is a multiple of 7: a slot is full inside an image.
    report = vifex.extract(media, tmp_path / "a.vifex", grid="1x7", precision="fp32", workers=1)
    assert (report.ok, report.failed, report.rows) == (6, 1, 42)
    (media / "good-5-crash.jpg").unlink()
    vifex.extract(media, tmp_path / "b.vifex", grid="1x7", precision="fp32")
    with vifex.open(tmp_path / "a.vifex") as a, vifex.open(tmp_path / "b.vifex") as b:
        assert a.to_arrow().sort_by("key").equals(b.to_arrow().sort_by("key"))


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX systems")
@pytest.mark.usefixtures("faulty")
def test_decoders_end_with_their_parent(tmp_path: Path) -> None:
    """However it ends: here by SIGKILL, while its decoders hang."""
    for i in range(4):
        write_image(tmp_path / f"hang-{i}.jpg", i)
    process = subprocess.Popen(
        [sys.executable, "-m", "vifex", "extract", str(tmp_path), "-o", str(tmp_path / "s.vifex")],
        env={**os.environ},
        stderr=subprocess.DEVNULL,
    )
    parent = psutil.Process(process.pid)
    deadline = time.monotonic() + 60
    while len(parent.children()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    decoders = parent.children()
    assert decoders
    time.sleep(1.0)  # they are inside their files by now
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(decoders, timeout=10)
    assert alive == []


@pytest.mark.usefixtures("faulty")
def test_a_stream_gives_the_rows_of_what_is_read_again_once(tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    for i in range(6):
        write_image(media / f"good-{i}.jpg", i)
    write_image(media / "good-5-slow-crash.jpg", 9)
    outcomes: list[vifex.Outcome] = []
    batches = vifex.stream(media, grid="1x7", precision="fp32", workers=1, on_outcome=outcomes.append)
    rows = [key for batch in batches for key in zip(batch.names, batch.ordinals, strict=True)]
    assert sorted(rows) == [(f"good-{i}.jpg", n) for i in range(6) for n in range(7)]
    assert sorted((o.status, o.rows) for o in outcomes) == [("failed", 0), *[("ok", 7)] * 6]
