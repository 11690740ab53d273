"""Key frames are those that FFmpeg's `skip_frame` NONKEY gives, numbered and timed as in a full decode."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from vifex.media.decode.sparse import key_frames
from vifex.media.decode.video import video
from vifex.values import MediaError, PixelSpec, Sampling, ViewRequest

made: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "unit" / "media" / "made.py")))

KEYS = ViewRequest(Sampling("keyframes", fps=None), PixelSpec(40, 56))
EVERY = ViewRequest(Sampling("every", every=1), PixelSpec(40, 56))
X264 = "scenecut=0:keyint=12"
VIDEOS: dict[str, tuple[str, dict[str, str]]] = {
    "closed.mp4": ("libx264", {"x264-params": X264}),
    "open.mkv": ("libx264", {"x264-params": f"{X264}:open-gop=1:bframes=5"}),
    "open.ts": ("libx264", {"x264-params": f"{X264}:open-gop=1:bframes=5:b-pyramid=strict"}),
    "pyramid.ts": ("libx264", {"x264-params": f"{X264}:bframes=8:b-pyramid=normal"}),
    "refresh.mp4": ("libx264", {"x264-params": f"{X264}:intra-refresh=1"}),
    "refresh.ts": ("libx264", {"x264-params": f"{X264}:intra-refresh=1"}),
    "interlaced.ts": ("libx264", {"x264-params": f"{X264}:tff=1"}),
    "open-265.mp4": ("libx265", {"x265-params": "keyint=12:bframes=4:log-level=none"}),
    "open-265.ts": ("libx265", {"x265-params": "keyint=12:bframes=4:log-level=none"}),
    "radl-265.mkv": ("libx265", {"x265-params": "keyint=12:open-gop=0:radl=2:log-level=none"}),
    "mpeg2.ts": ("mpeg2video", {"g": "12", "bf": "2", "sc_threshold": "1000000000"}),
    "mpeg4.mp4": ("mpeg4", {"g": "12", "bf": "2", "sc_threshold": "1000000000"}),
    "xvid.avi": ("mpeg4", {"g": "12", "bf": "2", "sc_threshold": "1000000000"}),
    "vp8.webm": ("libvpx", {"g": "12", "deadline": "realtime", "cpu-used": "8"}),
    "vp9.webm": ("libvpx-vp9", {"g": "12", "deadline": "good", "cpu-used": "8", "lag-in-frames": "16"}),
    "av1.mp4": ("libsvtav1", {"g": "12", "preset": "12", "svtav1-params": "lp=1"}),
    "ffv1.mkv": ("ffv1", {"g": "12"}),
    "prores.mov": ("prores_ks", {}),
}
IN_FULL = {"interlaced.ts", "xvid.avi"}
"""Decoded in full: fields may be packets of their own, and AVI keeps no times."""
ONE = {"refresh.mp4", "refresh.ts"}
"""Only the first frame decodes alone."""


def _write(path: Path, codec: str, options: dict[str, str], n_frames: int = 50) -> Path:
    """Write a texture that moves, so that frames are made of each other."""
    texture = np.random.default_rng(5).integers(0, 256, (96, 320, 3), dtype=np.uint8) // 2
    form = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
    quick = {"preset": "ultrafast"} if codec in ("libx264", "libx265") else {}
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options={**quick, **options})
        stream.width, stream.height, stream.pix_fmt = 96, 64, form
        stream.codec_context.thread_count = 1
        if codec in ("mpeg4", "mpeg2video"):
            stream.codec_context.max_b_frames = 2
        for number in range(n_frames):
            image = np.roll(texture, (number * 3, number * 2), (0, 1))[:64, :96] + np.uint8(number % 97)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=form)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give a video of `VIDEOS` by name, made on first use."""
    folder, there = tmp_path_factory.mktemp("videos"), {}

    def of(name: str) -> Path:
        if name not in there:
            there[name] = _write(folder / name, *VIDEOS[name])
        return there[name]

    return of


@pytest.fixture
def in_full(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One item for each time that a file was decoded in full."""
    names: list[str] = []
    real = video.shown_frames

    def noted(*args: Any, **options: Any) -> Iterator[Any]:
        names.append("")
        return real(*args, **options)

    monkeypatch.setattr(video, "shown_frames", noted)
    return names


def _by_ffmpeg(path: Path) -> list[int | None]:
    """Return the times of the key frames that FFmpeg's own skipping leaves."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_type = "NONE"  # type: ignore[assignment]
        stream.codec_context.skip_frame = "NONKEY"
        return [frame.pts for frame in container.decode(stream) if frame.key_frame]


def _facts(sample: Any) -> tuple[object, ...]:
    return sample.frame_index, sample.pts, sample.time_base, sample.t_s, sample.t_start_s, sample.t_end_s


@pytest.mark.parametrize("name", VIDEOS)
def test_key_frames_are_ffmpegs(name: str, written: Callable[[str], Path], in_full: list[str]) -> None:
    """Each has the number, times and pixels that it has among all frames; only the known few fall back."""
    path = written(name)
    found, _ = made.collect(path, KEYS)
    assert bool(in_full) == (name in IN_FULL)
    whole, _ = made.collect(path, EVERY)
    of_all = {sample.frame_index: sample for sample in whole}
    assert [_facts(s) for s in found] == [_facts(of_all[s.frame_index]) for s in found]
    assert all(np.array_equal(s.pixels, of_all[s.frame_index].pixels) for s in found)
    if not name.endswith(".avi"):
        assert [s.pts for s in found] == _by_ffmpeg(path)
    assert len(found) == (50 if name == "prores.mov" else 1 if name in ONE else 5)


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
@pytest.mark.parametrize("name", ["open.ts", "open.mkv", "open-265.ts", "mpeg2.ts"])
def test_key_frames_are_those_of_ffprobe(name: str, written: Callable[[str], Path]) -> None:
    """`ffprobe -skip_frame nokey` names the same ticks."""
    command = ["ffprobe", "-v", "quiet", "-skip_frame", "nokey", "-select_streams", "v:0", "-of", "json"]
    shown = subprocess.run(
        [*command, "-show_entries", "frame=pts", written(name)], check=True, capture_output=True
    )
    found, _ = made.collect(written(name), KEYS)
    assert [s.pts for s in found] == [frame["pts"] for frame in json.loads(shown.stdout)["frames"]]


@pytest.mark.parametrize("name", ["open.ts", "open-265.mp4", "vp9.webm"])
def test_a_part_and_other_requests(name: str, written: Callable[[str], Path]) -> None:
    """A part begins with the key frame on screen; beside another request everything is decoded, with the same
    answer."""
    path = written(name)
    whole, _ = made.collect(path, KEYS)
    sampling = Sampling("keyframes", fps=None, t_start_s=0.49, t_end_s=1.5)
    part, _ = made.collect(path, ViewRequest(sampling, KEYS.pixels))
    assert [_facts(s) for s in part] == [_facts(s) for s in whole if s.t_end_s > 0.49 and s.t_start_s < 1.5]
    both, _ = made.collect(path, KEYS, EVERY)
    assert [_facts(s) for s in both if s.request == 0] == [_facts(s) for s in whole]
    nothing = ViewRequest(Sampling("keyframes", fps=None, t_start_s=1.97), KEYS.pixels)
    with pytest.raises(MediaError, match="none of its key frames is in the part that is read"):
        made.collect(path, nothing)


def test_flags_of_a_container_are_not_trusted(written: Callable[[str], Path], tmp_path: Path) -> None:
    """A copy whose container marks every second frame as a key frame gives the same, and says so."""
    path, copy = written("open-265.mp4"), tmp_path / "lies.mkv"
    with av.open(str(path)) as source, av.open(str(copy), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(p for p in source.demux(video=0) if p.size):
            packet.stream, packet.is_keyframe = stream, number % 2 == 0
            target.mux(packet)
    honest, _ = made.collect(path, KEYS)
    found, report = made.collect(copy, KEYS)
    assert [s.frame_index for s in found] == [s.frame_index for s in honest]
    assert report.notes == (
        "The container marks 25 frames as key frames and the stream 5; those of the stream count.",
    )


def test_few_frames_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 300 frames the first eight, what the decoder held back then, and the key frames come out."""
    path = _write(tmp_path / "long.ts", "libx264", {"x264-params": "scenecut=0:keyint=60"}, 300)
    taken = []
    real = key_frames._Decoder._take
    monkeypatch.setattr(
        key_frames._Decoder, "_take", lambda self, frame: (taken.append(frame.pts), real(self, frame))[1]
    )
    found, _ = made.collect(path, KEYS)
    assert [s.frame_index for s in found] == [0, 60, 120, 180, 240]
    assert len(taken) < 25


def test_a_stream_cut_in_its_middle(written: Callable[[str], Path], tmp_path: Path) -> None:
    """Frames before the first key frame do not come out and are not counted, in part as in full."""
    path, cut = written("open.ts"), tmp_path / "cut.ts"
    with av.open(str(path)) as source, av.open(str(cut), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in [p for p in source.demux(video=0) if p.size][7:]:
            packet.stream = stream
            target.mux(packet)
    found, _ = made.collect(cut, KEYS)
    whole, _ = made.collect(cut, EVERY)
    assert [_facts(s) for s in found] == [_facts(whole[s.frame_index]) for s in found]
    assert len(found) == 4


def test_an_animation_gives_every_image(tmp_path: Path) -> None:
    """Its images are composed whole."""
    from PIL import Image

    path = tmp_path / "a.gif"
    images = [Image.new("RGB", (40, 30), (n * 20, 90, 40)) for n in range(6)]
    images[0].save(path, save_all=True, append_images=images[1:], duration=100)
    found, _ = made.collect(path, KEYS)
    assert [s.frame_index for s in found] == list(range(6))


@pytest.mark.shared
def test_shared_videos(shared_media: Path, in_full: list[str]) -> None:
    """Every whole real video: the same as by decoding everything, and FFmpeg agrees."""
    fell_back = set()
    for path in sorted((shared_media / "good").glob("clip-*")):
        in_full.clear()
        found, report = made.collect(path, KEYS)
        if in_full:
            fell_back.add(path.name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(video, "are_enough", lambda requests, opened: False)
            full, full_report = made.collect(path, KEYS)
        assert [_facts(s) for s in found] == [_facts(s) for s in full], path.name
        assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(found, full, strict=True)), path.name
        assert report.problems == full_report.problems, path.name
        if not path.name.endswith(".avi"):
            assert [s.pts for s in found] == _by_ffmpeg(path), path.name
    avi = {"clip-h264-in-avi.avi", "clip-mjpeg-camera.avi", "clip-mpeg4-xvid.avi"}
    assert fell_back == {"clip-h264-1080i.mts"} | avi
