"""Decoding in part gives what decoding in full gives, bit for bit; and FFmpeg agrees on what may be left out.

`sparse.SHARE` is the share of wanted frames up to which packets are left out: 0 decodes everything, as the
tests of times and pixels prove it right; a boundless one leaves out what it can, however little that pays.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from fractions import Fraction
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from vifex.media.decode.files.reasons import Skip
from vifex.media.decode.sparse import ahead, sparse
from vifex.media.decode.sparse.gops import roles
from vifex.media.decode.video import video
from vifex.values import PixelSpec, Sampling, ViewRequest, VifexError

made: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "unit" / "media" / "made.py")))

SAMPLINGS = {
    "fps 1": Sampling(fps=1.0),
    "fps 0.2": Sampling(fps=0.2),
    "uniform 5": Sampling("uniform", uniform=5),
    "every 7": Sampling("every", every=7),
}
PARTS = {
    "every 61": Sampling("every", every=61),
    "from the middle": Sampling(fps=0.7, t_start_s=2.23),
    "a part": Sampling("every", every=9, t_start_s=1.1, t_end_s=3.4),
    "dense": Sampling("every", every=2),
}
CONTAINERS = {".mp4", ".mov", ".mkv", ".webm", ".m4v"}

IN_FULL = {
    "alpha.webm": "alpha beside the images",
    "no-duration.webm": "alpha beside the images",
    "clip-ffv1.mkv": "no rule for this codec",
    "clip-mpeg4-asp.mp4": "no rule for this codec",
    "mv-hevc-spatial.mov": "the two eyes' images are not of one type",
    "all-pts-zero.mkv": "no rule for this codec",
    "vvc.mp4": "no rule for this codec",
}
"""Valid files of these containers that are decoded in full, and why."""
UNSEEN_DAMAGE = {("bitflip-vp9.webm", "fps 0.2"): "its only sample is its first frame, damage comes later"}
"""Damaged files that look whole to a sampler that needs no damaged frame."""

X264 = {
    "plain.mp4": "scenecut=0",
    "plain.mkv": "scenecut=0",
    "pyramid.mp4": "scenecut=0:bframes=8:b-pyramid=normal:ref=8",
    "open.mp4": "scenecut=0:open-gop=1",
    "open.mkv": "scenecut=0:open-gop=1:bframes=5:b-pyramid=strict",
    "refresh.mp4": "scenecut=0:intra-refresh=1",
    "no-b.mp4": "scenecut=0:bframes=0",
    "intra.mp4": "keyint=1",
    "interlaced.mp4": "scenecut=0:tff=1",
    "headers.mp4": "scenecut=0:repeat-headers=1:aud=1:slices=3",
}
_X265 = "rc-lookahead=20:bframes=4:keyint=40:log-level=none"
X265 = {
    "open-265.mp4": "",
    "closed-265.mp4": "open-gop=0",
    "radl-265.mkv": "open-gop=0:radl=2:bframes=4",
    "layers-265.mp4": "temporal-layers=3:bframes=7:b-adapt=0",
    "leading-265.mp4": "bframes=8:b-adapt=0:scenecut=0:min-keyint=40",
    "headers-265.mp4": "repeat-headers=1",
}
OTHERS: dict[str, tuple[str, dict[str, str]]] = {
    "vp8.webm": ("libvpx", {"g": "40", "deadline": "realtime", "cpu-used": "8"}),
    "vp9.webm": ("libvpx-vp9", {"g": "40", "deadline": "good", "cpu-used": "8", "lag-in-frames": "16"}),
    "av1.mp4": ("libsvtav1", {"g": "40", "preset": "12", "svtav1-params": "lp=1"}),
    "prores.mov": ("prores_ks", {}),
}


def _videos() -> dict[str, tuple[str, dict[str, str]]]:
    videos = {
        name: ("libx264", {"g": "40", "x264-params": params, "preset": "veryfast"})
        for name, params in X264.items()
    }
    videos |= {"long.mp4": ("libx264", {"g": "9999", "preset": "veryfast", "x264-params": "scenecut=0"})}
    videos |= {
        name: ("libx265", {"preset": "ultrafast", "x265-params": f"{_X265}:{params}"})
        for name, params in X265.items()
    }
    return videos | OTHERS


def _write(path: Path, codec: str, options: dict[str, str], *, is_variable: bool = False) -> Path:
    """Write 160 frames of a texture that moves, so that frames are made of each other."""
    texture = np.random.default_rng(5).integers(0, 256, (96, 320, 3), dtype=np.uint8) // 2
    form = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
    tick = Fraction(1, 30_000)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, form
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = tick if is_variable else Fraction(1, 30)
        for number in range(160):
            image = np.roll(texture, (number * 3, number * 2), (0, 1))[:64, :96] + np.uint8(number % 97)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=form)
            frame.pts = number * 1000 + number * 7919 % 900 if is_variable else number
            frame.time_base = tick if is_variable else Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give a video of `_videos` by name, made on first use."""
    folder, there = tmp_path_factory.mktemp("videos"), {}

    def of(name: str) -> Path:
        if name not in there:
            there[name] = _write(folder / name, *_videos()[name])
        return there[name]

    return of


def _outcome(path: Path, sampling: Sampling, share: float) -> tuple[list[tuple[object, ...]], object]:
    """Read a video, in part or in full: all of its samples, and what was learned or what went wrong."""
    samples: list[tuple[object, ...]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparse, "SHARE", share)
        reading = made.read(made.medium_of(path), [ViewRequest(sampling, PixelSpec(40, 56))], made.Limits())
        while True:
            try:
                s = next(reading)
            except StopIteration as stop:
                return samples, stop.value
            except (Skip, VifexError) as exc:
                return samples, (type(exc).__name__, str(exc))
            times = (s.ordinal, s.frame_index, s.pts, s.time_base, s.t_s, s.t_start_s, s.t_end_s)
            samples.append((*times, s.pixels.tobytes()))


@pytest.fixture
def in_full(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were decoded in full, by the size of their images."""
    names: list[str] = []
    real = video.shown_frames

    def noted(*args: Any, **options: Any) -> Iterator[Any]:
        names.append("")
        return real(*args, **options)

    monkeypatch.setattr(video, "shown_frames", noted)
    return names


@pytest.mark.parametrize("name", _videos())
def test_in_part_equals_in_full(
    name: str, written: Callable[[str], Path], in_full: list[str], tmp_path: Path
) -> None:
    """All ways of coding, all samplers; nothing falls back."""
    path = written(name)
    for said, sampling in (SAMPLINGS | PARTS).items():
        full = _outcome(path, sampling, 0)
        in_full.clear()
        assert _outcome(path, sampling, inf) == full, said
        assert full[0], said
        assert not in_full, said


def test_variable_times_equal(tmp_path: Path, in_full: list[str]) -> None:
    """Frames 100 to 1,900 ticks apart are numbered and timed by their packets alone."""
    path = _write(tmp_path / "v.mp4", "libx264", {"g": "25", "preset": "veryfast"}, is_variable=True)
    for said, sampling in (SAMPLINGS | PARTS).items():
        full = _outcome(path, sampling, 0)
        in_full.clear()
        assert _outcome(path, sampling, inf) == full, said
        assert not in_full


def test_a_request_beside_one_for_every_frame(written: Callable[[str], Path]) -> None:
    """The public way to have everything decoded: then the samples of the sparse request are the same."""
    path = written("open-265.mp4")
    request = ViewRequest(Sampling(fps=0.8), PixelSpec(40, 56))
    alone, _ = made.collect(path, request)
    beside = [s for s in made.collect(path, request, made.every(decode="fast"))[0] if s.request == 0]
    assert [(s.pts, s.frame_index, s.t_end_s) for s in alone] == [
        (s.pts, s.frame_index, s.t_end_s) for s in beside
    ]
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(alone, beside, strict=True))


@pytest.mark.parametrize(
    ("name", "sampling", "most"),
    [
        ("plain.mp4", Sampling("every", every=40), 20),  # four key frames and the first eight
        ("leading-265.mp4", Sampling("every", every=40), 60),
        ("vp9.webm", Sampling("uniform", uniform=1), 60),
        ("intra.mp4", Sampling(fps=1.0), 16),
        ("long.mp4", Sampling(fps=1.0, t_end_s=2.0), 55),
        ("plain.mp4", Sampling("every", every=1, t_start_s=4.2), 60),  # the last group alone
    ],
)
def test_few_packets_are_decoded(
    name: str, sampling: Sampling, most: int, written: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 160 packets, the decoder is given no more than `most`."""
    sent = []
    real = sparse.frames_of

    def counted(context: Any, packet: Any, *rest: Any) -> Any:
        sent.append(packet)
        return real(context, packet, *rest)

    monkeypatch.setattr(sparse, "frames_of", counted)
    samples, _ = made.collect(written(name), ViewRequest(sampling, PixelSpec(40, 56)))
    assert samples
    assert 8 <= sum(p is not None for p in sent) <= most


@pytest.mark.parametrize("name", ["long.mp4", "open-265.mp4", "plain.mkv"])
def test_what_waits_is_bounded(
    name: str, written: Callable[[str], Path], in_full: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a group of pictures is longer than what may wait, its packets are decoded undecided."""
    path, sampling = written(name), Sampling("every", every=61)
    full = _outcome(path, sampling, 0)
    in_full.clear()
    longest = [0]
    real = ahead.Ahead.add

    def measured(self: Any, packet: Any) -> None:
        real(self, packet)
        longest[0] = max(longest[0], len(self.queue))

    monkeypatch.setattr(ahead.Ahead, "add", measured)
    monkeypatch.setattr(ahead, "_MOST_PACKETS", 20)
    assert _outcome(path, sampling, inf) == full
    assert not in_full
    assert 20 < longest[0] <= 20 + 2 * 33  # what is not decided yet waits in any case


@pytest.mark.parametrize("name", [*X264, *X265])
def test_spare_packets_are_those_that_ffmpeg_skips(name: str, written: Callable[[str], Path]) -> None:
    """FFmpeg's own `skip_frame` NONREF leaves out the same frames; with temporal layers it takes more."""
    with av.open(str(written(name))) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_type = "NONE"  # type: ignore[assignment]
        role_of = roles(stream.codec_context)
        packets = [p for p in container.demux(stream) if p.size]
        spare = {p.pts for p in packets if role_of(p).is_spare}
        stream.codec_context.skip_frame = "NONREF"
        left = [f.pts for p in [*packets, None] for f in stream.codec_context.decode(p)]
    skipped = {p.pts for p in packets} - set(left)
    assert spare <= skipped if name.startswith("layers") else spare == skipped
    assert bool(spare) == (name not in {"no-b.mp4", "intra.mp4"})


@pytest.mark.parametrize("name", _videos())
def test_an_entry_decodes_alone(name: str, written: Callable[[str], Path]) -> None:
    """A fresh decoder gives an entry's frame, as a key frame, from its packet alone."""
    with av.open(str(written(name))) as container:
        role_of = roles(container.streams.video[0].codec_context)
        packets = [p for p in container.demux(container.streams.video[0]) if p.size]
        entries = [p for p in packets if role_of(p).is_entry]
        template = container.streams.video[0].codec_context
        for packet in entries:
            context: Any = av.CodecContext.create(template.codec.name, "r")
            context.extradata = template.extradata
            if name == "prores.mov":
                context.codec_tag = template.codec_tag
            frames = [*context.decode(packet), *context.decode(None)]
            assert [(f.pts, f.key_frame) for f in frames] == [(packet.pts, True)]
    n_keys = sum(p.is_keyframe for p in packets)
    only_first = {"open.mp4", "open.mkv", "refresh.mp4"}  # their other key frames need what is before
    assert len(entries) == (1 if name in only_first else n_keys)


def _broken(path: Path, to: Path, which: Callable[[int], bool], *, intact: float, byte: int) -> Path:
    """Copy a video with one byte all over the rest of the packets of some numbers."""
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        for number, packet in enumerate(p for p in container.demux(video=0) if p.size):
            if which(number):
                assert packet.pos is not None
                kept = int(packet.size * intact)
                data[packet.pos + kept : packet.pos + packet.size] = bytes([byte]) * (packet.size - kept)
    to.write_bytes(data)
    return to


def test_damage_in_frames_that_nobody_needs_is_not_met(
    written: Callable[[str], Path], tmp_path: Path
) -> None:
    """The third group of four is broken, and no sample is in it."""
    whole = written("plain.mp4")
    broken = _broken(whole, tmp_path / "b.mp4", range(85, 115).__contains__, intact=0.5, byte=0xA5)
    sampling = Sampling("uniform", uniform=2)  # frames 40 and 120
    assert _outcome(broken, sampling, 0)[1].problems  # type: ignore[attr-defined]
    assert _outcome(broken, sampling, inf) == _outcome(whole, sampling, 0)


@pytest.mark.parametrize(
    ("name", "intact"), [("plain.mp4", 0.5), ("open.mp4", 0.5), ("open-265.mp4", 0), ("vp9.webm", 0)]
)
def test_damage_that_is_met_is_told_as_ever(
    name: str, intact: float, written: Callable[[str], Path], tmp_path: Path, in_full: list[str]
) -> None:
    """Samples given before it was met are not given again, and what is said is the same."""
    broken = _broken(written(name), tmp_path / name, range(95, 100).__contains__, intact=intact, byte=0)
    full = _outcome(broken, Sampling("every", every=11), 0)
    in_full.clear()
    assert _outcome(broken, Sampling("every", every=11), inf) == full
    assert full[1].problems  # type: ignore[attr-defined]
    assert full[0]
    assert in_full


@pytest.mark.shared
@pytest.mark.parametrize("said", SAMPLINGS)
@pytest.mark.parametrize("folder", ["good", "odd", "bad"])
def test_shared_videos_equal(folder: str, said: str, shared_media: Path, in_full: list[str]) -> None:
    """Samples, counts and problems of every real video, whole, odd and broken."""
    fell_back = set()
    for path in sorted((shared_media / folder).iterdir()):
        if path.suffix.lower() not in CONTAINERS:
            continue
        full = _outcome(path, SAMPLINGS[said], 0)
        in_full.clear()
        in_part = _outcome(path, SAMPLINGS[said], inf)
        if in_full:
            fell_back.add(path.name)
        if (path.name, said) in UNSEEN_DAMAGE:
            assert in_part[0] == full[0][: len(in_part[0])], path.name
            assert in_part[1] != full[1], f"{path.name} is no exception any more"
        else:
            assert in_part == full, path.name
    if folder != "bad":
        assert fell_back <= set(IN_FULL)
