"""How contenders of different speed are run, and what they run over."""

from __future__ import annotations

import sys
from pathlib import Path

import av
import numpy as np
import pytest
import race as racing
from inputs import Images
from looped import loop_clip
from PIL import Image
from race import Contender, Peer, Told, race

PEER = """
import sys
from serve import serve
import numpy as np
print("loading", flush=True)
def run(files):
    print("working")
    if len(files) > 5:
        raise SystemExit("too many")
    return np.zeros((len(files), int(sys.argv[1])))
serve(run)
"""


def steady(rate: float) -> Contender:
    """Something that does `rate` things a second and needs no time to say so."""
    return Contender(lambda n: Told(n / rate, n), seconds=2.0)


def test_each_contender_works_as_long_as_it_is_asked_to() -> None:
    """2 s at 1,000 / s are 2,000 things, made 5 % longer; the slow one works on the fewest."""
    seen = race({"fast": steady(1000), "slow": steady(1)}, rounds=2, fewest=8, step=8)
    assert seen["things"] == {"fast": 2096, "slow": 8}
    assert seen["rates"]["fast"]["median"] == pytest.approx(1000)
    assert seen["rates"]["slow"]["median"] == pytest.approx(1)
    assert seen["seconds"] == {"fast": 2.1, "slow": 8.0}


def test_contenders_take_turns() -> None:
    order = []

    def noted(name: str) -> Contender:
        def run(n: int) -> Told:
            order.append(name)
            return Told(1.0, n)

        return Contender(run, seconds=1.0)

    race({"a": noted("a"), "b": noted("b")}, rounds=3, fewest=1)
    assert order[-6:] == ["a", "b", "a", "b", "a", "b"]


@pytest.fixture
def peer_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    serve = Path(racing.PEERS, "serve.py").read_text()
    (tmp_path / "peers").mkdir()
    (tmp_path / "peers" / "serve.py").write_text(serve)
    (tmp_path / "peers" / "small.py").write_text(PEER)
    monkeypatch.setattr(racing, "PEERS", tmp_path / "peers")
    return "small"


def files(tmp_path: Path) -> Path:
    folder = tmp_path / "things"
    folder.mkdir(exist_ok=True)
    for number in range(9):
        (folder / f"{number}.jpg").touch()
    return folder


def test_a_peer_answers_again_and_again_whatever_its_library_prints(tmp_path: Path, peer_script: str) -> None:
    peer = Peer(peer_script, ["7"], python=sys.executable, folder=lambda _: files(tmp_path), width=7)
    try:
        told = [peer.run(3), peer.run(5)]
    finally:
        peer.close()
    assert [(t.count, t.width) for t in told] == [(3, 7), (5, 7)]
    assert peer.startup_s > 0


def test_a_peer_that_dies_tells_why(tmp_path: Path, peer_script: str) -> None:
    peer = Peer(peer_script, ["7"], python=sys.executable, folder=lambda _: files(tmp_path))
    try:
        with pytest.raises(RuntimeError, match="too many"):
            peer.run(6)
    finally:
        peer.close()


def test_features_of_another_width_are_no_race(tmp_path: Path, peer_script: str) -> None:
    peer = Peer(peer_script, ["7"], python=sys.executable, folder=lambda _: files(tmp_path), width=8)
    try:
        with pytest.raises(RuntimeError, match="gave 7 numbers a feature, not 8"):
            peer.run(1)
    finally:
        peer.close()


def test_images_are_repeated_in_order(tmp_path: Path) -> None:
    originals = tmp_path / "originals"
    originals.mkdir()
    for name in ("b.jpg", "a.jpg"):
        Image.new("RGB", (8, 8)).save(originals / name)
    folder = Images(originals, tmp_path).folder(5)
    assert [p.name.partition("-")[2] for p in sorted(folder.iterdir())] == [
        "a.jpg",
        "b.jpg",
        "a.jpg",
        "b.jpg",
        "a.jpg",
    ]


def test_a_looped_clip_with_b_frames_plays_on_without_a_break(tmp_path: Path) -> None:
    """30 frames at 25 per second are 1.2 s: three turns for 3 s, each frame once, a steady 40 ms apart."""
    clip = tmp_path / "clip.mkv"
    with av.open(str(clip), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        rng = np.random.default_rng(0)
        for _ in range(30):
            image = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        out.mux(stream.encode(None))
    assert loop_clip(clip, tmp_path / "long.mkv", 3) == 90
    with av.open(str(tmp_path / "long.mkv")) as video:
        times = [frame.time for frame in video.decode(video=0)]
    assert np.diff(times) == pytest.approx(np.full(89, 0.04), abs=1e-3)
