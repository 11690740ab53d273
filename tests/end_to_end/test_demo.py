"""The demo, as a stranger runs it: whole, twice, and without a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest
from PIL import Image

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "demo.py"

pytest.importorskip("skimage", reason="the demo's photographs come with scikit-image")

BLOCKER = '''
"""Imported by every Python process that is started with this folder on its path: no way out."""
import os, socket

def refuse(what):
    def blocked(*args, **kwargs):
        with open(os.environ["BLOCKED_LOG"], "a") as log:
            log.write(f"{what} {args[1:] if args and isinstance(args[0], socket.socket) else args}\\n")
        raise PermissionError(f"{what}: no network in this test")
    return blocked

def only_local(what, real):
    def checked(self, *args, **kwargs):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            refuse(what)(self, *args)
        return real(self, *args, **kwargs)
    return checked

for name in ("connect", "connect_ex", "sendto", "sendmsg"):
    if hasattr(socket.socket, name):
        setattr(socket.socket, name, only_local(name, getattr(socket.socket, name)))
for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
    setattr(socket, name, refuse(name))
'''


@pytest.fixture(scope="module")
def demo(demo_script: ModuleType) -> ModuleType:
    return demo_script


@pytest.fixture
def no_network(tmp_path: Path) -> dict[str, str]:
    """Give an environment whose Python processes can reach nothing, and write down what they try."""
    folder = tmp_path / "blocker"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(BLOCKER)
    log = tmp_path / "blocked.log"
    log.touch()
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "BLOCKED_LOG": str(log)}


def _alone() -> list[str]:
    """Give the words that run a command without any network device, where this system lets us.

    Python's sockets are watched anyway; this holds compiled code too.
    """
    words = ["unshare", "--user", "--map-root-user", "--net"]
    if shutil.which(words[0]) is None:
        return []
    return words if subprocess.run([*words, "true"], capture_output=True).returncode == 0 else []


def test_the_shots_of_a_video_follow_each_other(demo: ModuleType) -> None:
    by_video: dict[str, list[tuple[float, float]]] = {}
    for truth in demo.truths():
        by_video.setdefault(truth.video, []).append((truth.t_start_s, truth.t_end_s))
    assert set(by_video) == set(demo.VIDEOS)
    for spans in by_video.values():
        assert spans[0][0] == 0
        assert all(before[1] == after[0] for before, after in pairwise(spans))
        assert all(3 <= end - start <= 4 for start, end in spans)


def test_each_photograph_is_seen_once(demo: ModuleType) -> None:
    """Else a search could be right in two places."""
    assert sorted(truth.photo for truth in demo.truths()) == sorted(demo.PHOTOS)


def test_the_camera_stays_in_the_photograph_and_moves_smoothly(demo: ModuleType) -> None:
    for shots in demo.VIDEOS.values():
        for shot in shots:
            with Image.open(demo.PHOTOS[shot.photo].path) as photo:
                width, height = photo.size
            boxes = np.array(list(demo.camera(shot, (width, height))))
            assert boxes.min() >= 0
            assert boxes[:, 2].max() <= width + 1e-6
            assert boxes[:, 3].max() <= height + 1e-6
            sides = boxes[:, 2:] - boxes[:, :2]
            np.testing.assert_allclose(sides[:, 0] / sides[:, 1], 16 / 9)
            steps = np.abs(np.diff(boxes, axis=0))
            assert 0 < steps.max() < 0.03 * width


def test_a_video_has_b_frames_and_shows_its_photograph(demo: ModuleType, tmp_path: Path) -> None:
    shot = demo.Shot("coffee", demo.View(0.5, 0.5, 1.0), demo.View(0.5, 0.5, 0.6), 12)
    cut = demo.Shot("rocket", demo.View(0.5, 0.5, 1.0), demo.View(0.4, 0.5, 0.9), 12)
    demo.write_video(tmp_path / "v.mp4", [shot, cut])
    assert [path.name for path in tmp_path.iterdir()] == ["v.mp4"]
    with av.open(str(tmp_path / "v.mp4")) as container:
        frames = list(container.decode(video=0))
    assert [round(f.time * 25, 6) for f in frames] == list(range(24))
    assert any(f.pict_type == av.video.frame.PictureType.B for f in frames)
    assert (frames[0].width, frames[0].height) == (640, 360)
    for n, (photo, part) in enumerate([(shot, 11), (cut, 0)]):
        with Image.open(demo.PHOTOS[photo.photo].path) as image:
            rgb = image.convert("RGB")
        box = list(demo.camera(photo, rgb.size))[part]
        expected = np.asarray(rgb.resize((640, 360), Image.Resampling.LANCZOS, box=box), dtype=np.int16)
        seen = frames[11 + n].to_ndarray(format="rgb24").astype(np.int16)
        assert np.abs(seen - expected).mean() < 6  # H.264 at quality 20, colours at half size


def test_an_interrupted_video_does_not_count(
    demo: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(shots: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "_images", broken)
    with pytest.raises(KeyboardInterrupt):
        demo.write_video(tmp_path / "v.mp4", [])
    assert not (tmp_path / "v.mp4").exists()


def test_the_query_is_a_quarter_of_its_photograph(demo: ModuleType, tmp_path: Path) -> None:
    demo.write_query(tmp_path / "query.jpg")
    with Image.open(demo.PHOTOS[demo.QUERY_PHOTO].path) as photo, Image.open(tmp_path / "query.jpg") as piece:
        assert piece.format == "JPEG"
        assert piece.size == (photo.width // 2, photo.height // 2)


def test_the_judge_takes_the_right_shot_alone(demo: ModuleType) -> None:
    truth = demo.Truth("b.mp4", "coffee", 3.0, 6.0)
    assert demo.judge({"name": "b.mp4", "t_s": 4.5}, truth) is None
    assert demo.judge({"name": "b.mp4", "t_s": 2.5}, truth) is None
    wrong = demo.judge({"name": "b.mp4", "t_s": 6.6}, truth)
    assert wrong == "the best hit is at 6.60 s, and the shot from 3.00 s to 6.00 s"
    assert demo.judge({"name": "a.mp4", "t_s": 4.5}, truth).startswith("the best hit is in a.mp4")


def test_the_blocker_blocks_and_writes_down_what_was_tried(
    tmp_path: Path, no_network: dict[str, str]
) -> None:
    """In a process and in one that it starts as workers are started, also where errors are swallowed."""
    (tmp_path / "tries.py").write_text(
        "import socket, subprocess, sys, urllib.request\n"
        "for attempt in (\n"
        "    lambda: urllib.request.urlopen('http://127.0.0.1:9', timeout=1),\n"
        "    lambda: socket.create_connection(('127.0.0.1', 9)),\n"
        "    lambda: socket.socket().connect(('127.0.0.1', 9)),\n"
        "):\n"
        "    try: attempt()\n"
        "    except OSError as exc: print(exc, flush=True)\n"
        "a, b = socket.socketpair(); a.send(b'x'); b.recv(1)\n"
        "if len(sys.argv) < 2: subprocess.run([sys.executable, '-P', '-m', 'tries', 'child'])\n"
    )
    no_network["PYTHONPATH"] += os.pathsep + str(tmp_path)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "tries.py")], env=no_network, capture_output=True, text=True
    )
    assert done.stderr == ""
    assert done.stdout.count("getaddrinfo: no network in this test") == 4
    assert done.stdout.count("connect: no network in this test") == 2
    assert len(Path(no_network["BLOCKED_LOG"]).read_text().splitlines()) == 6


@pytest.mark.slow
def test_the_whole_demo_runs_twice_without_a_network(
    demo: ModuleType, tmp_path: Path, no_network: dict[str, str]
) -> None:
    command = [*_alone(), sys.executable, str(SCRIPT)]
    first = subprocess.run(command, cwd=tmp_path, env=no_network, capture_output=True, text=True, timeout=600)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Found: the best hit is travel.mp4" in first.stdout
    assert "Traceback" not in first.stderr
    assert Path(no_network["BLOCKED_LOG"]).read_text() == ""
    assert "<img" in (tmp_path / "demo" / "search.html").read_text(encoding="utf-8")
    truth = json.loads((tmp_path / "demo" / "truth.json").read_text())
    assert len(truth) == len(demo.PHOTOS)

    media = {p: p.stat().st_mtime_ns for p in (tmp_path / "demo" / "media").iterdir()}
    again = subprocess.run(command, cwd=tmp_path, env=no_network, capture_output=True, text=True, timeout=600)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "already done" in again.stdout + again.stderr
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "demo" / "media").iterdir()} == media


def test_a_wrong_answer_ends_with_status_1(
    demo: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check of the demo must be able to fail."""

    def no_media(folder: Path) -> object:
        folder.mkdir()
        return demo.truths()

    monkeypatch.setattr(demo, "make_media", no_media)
    answers = {"hits": [{"name": "space.mp4", "t_s": 1.0}]}
    monkeypatch.setattr(demo, "vifex", lambda *words, quiet=False: json.dumps(answers))
    assert demo.main(tmp_path / "demo") == 1
    assert "WRONG: the best hit is in space.mp4" in capsys.readouterr().out
