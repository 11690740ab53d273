"""Cut and join good clips into streams, and compare every frame and time with the ffmpeg command's.

    python scripts/join_streams.py MEDIA FOLDER [--only NAME ...] [--record docs/joined-streams.md]

MEDIA is a folder of clips (`../shared/media/good`), FOLDER takes the streams. For each stream the decoded
frames are compared one by one, by the MD5 of their pixels, and their times where the ffmpeg command states
them. Needs the command ffmpeg.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

from vifex.media.decode.files.damage import Damage
from vifex.media.decode.files.source import open_uri
from vifex.media.decode.timing.follow import TimedFrames
from vifex.media.decode.video.video import open_video
from vifex.media.read import read
from vifex.values import Limits, MediaError, Medium, PixelSpec, Sampling, ViewRequest
from vifex.values.media import path_to_uri

__all__ = ["RECIPES", "Outcome", "Recipe", "compare", "main"]

LATER = ("-output_ts_offset", "{}")


@dataclass(frozen=True)
class Recipe:
    """How a stream is made of pieces of clips, one behind the other."""

    name: str
    """Of the file."""
    pieces: tuple[tuple[str, ...], ...]
    """Clip, start in seconds, length in seconds, then options for ffmpeg's output."""
    streams: int = 1
    """Video streams that the ffmpeg command sees, and that make up the video one behind the other."""
    times: str = "stated"
    """`stated`: the ffmpeg command's own; `steady`: the frames follow each other, as a rate of 25 gives."""
    fps: int | None = None
    """Rate to assume for a raw stream."""
    header_bytes: int = 0
    """Bytes left out at the beginning of each piece but the first, as a recorder writes it once."""
    is_apart: bool = False
    """Whether the ffmpeg command reads only the first piece, so that it is given each by itself."""


@dataclass(frozen=True)
class Outcome:
    """What came of one stream."""

    name: str
    ffmpeg_frames: int
    rows: int
    equal_frames: bool
    largest_time_difference_s: float | None
    is_rising: bool
    said: str

    @property
    def is_right(self) -> bool:
        """Whether frames, order and times are the ffmpeg command's."""
        near = self.largest_time_difference_s is None or self.largest_time_difference_s < 0.0011
        return self.rows == self.ffmpeg_frames > 0 and self.equal_frames and self.is_rising and near


def _ffmpeg(*words: object, check: bool = True) -> str:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, words)]
    return subprocess.run(command, check=check, capture_output=True, text=True).stdout


def make(recipe: Recipe, media: Path, folder: Path) -> Path:
    """Cut the pieces, each at a key frame and without coding anew, and join their bytes."""
    joined, suffix = folder / recipe.name, Path(recipe.name).suffix
    data = []
    for clip, start, length, *options in recipe.pieces:
        piece = folder / f"piece{suffix}"
        where = ("-ss", start) if float(start) else ()
        codec = () if any(o.startswith("-c") for o in options) else ("-c", "copy")
        _ffmpeg(*where, "-i", media / clip, "-t", length, *codec, "-an", "-sn", "-dn", *options, piece)
        data.append(piece.read_bytes())
        piece.rename(_piece(joined, len(data)))
    data = data[:1] + [d[recipe.header_bytes :] for d in data[1:]]
    joined.write_bytes(b"".join(data))
    return joined


def _piece(joined: Path, number: int) -> Path:
    return joined.with_name(f"{joined.stem}-{number}{joined.suffix}")


def by_ffmpeg(recipe: Recipe, path: Path) -> tuple[list[str], list[Fraction]]:
    """Give the MD5 and the time of every frame that the ffmpeg command decodes, stream by stream."""
    sums: list[str] = []
    times: list[Fraction] = []
    end = Fraction(0)
    rate = ("-framerate", recipe.fps) if recipe.fps else ()
    inputs = [(path, stream) for stream in range(recipe.streams)]
    if recipe.is_apart:
        inputs = [(_piece(path, number + 1), 0) for number in range(len(recipe.pieces))]
    for file, stream in inputs:
        read_all = ("-probesize", "1G", "-analyzeduration", "1G", *rate, "-i", file)
        as_they_are = ("-map", f"0:v:{stream}", "-autoscale", 0, "-fps_mode", "passthrough")
        sums_of = ("-enc_time_base", "1:90000", "-f", "framehash", "-hash", "md5", "-")
        text = _ffmpeg(*read_all, *as_they_are, *sums_of, check=False)
        lines = [line.split(",") for line in text.splitlines() if line[:1].isdigit()]
        own = [Fraction(int(line[2]), 90_000) for line in lines]
        # A stream under another id goes on from the end of the one before.
        ahead = end - own[0] if times and own else Fraction(0)
        shift = max(ahead, Fraction(0)) if ahead > -10 else ahead
        times += [t + shift for t in own]
        end = times[-1] + Fraction(int(lines[-1][3]), 90_000) if times else Fraction(0)
        sums += [line[-1].strip() for line in lines]
    return sums, times


def by_vifex(recipe: Recipe, path: Path) -> tuple[list[str], list[float], str]:
    """Give the MD5 of every frame that Vifex decodes, the time of every row, and what the ledger says."""
    found = path.stat()
    medium = Medium(path_to_uri(path), path.name, "unknown", found.st_size, found.st_mtime_ns)
    sampling = Sampling("every", None, every=1, assume_fps=recipe.fps)
    reading = read(medium, [ViewRequest(sampling, PixelSpec(8, 8, decode="fast"))], Limits())
    times: list[float] = []
    while True:
        try:
            times.append(next(reading).t_s or 0.0)
        except StopIteration as stop:
            said = " ".join((*stop.value.problems, *stop.value.notes))
            break
        except MediaError as exc:
            return [], [], f"Refused: {exc}"
    with open_uri(path) as file:
        damage = Damage()
        opened = open_video(file, Limits(), damage.opening)
        rate = None if recipe.fps is None else Fraction(recipe.fps)
        frames = TimedFrames(opened, Limits(), damage, lambda: None, assume_fps=rate)
        sums = [md5_of(timed.frame) for timed in frames]
        opened.close()
    return sums, times, said


def md5_of(frame: VideoFrame) -> str:
    """Give the MD5 of a frame's planes without the padding of their lines, as FFmpeg's `framehash` does."""
    digest = hashlib.md5(usedforsecurity=False)
    wide = 2 if frame.format.components[0].bits > 8 else 1
    if len(frame.planes) == 1:
        wide *= len(frame.format.components)
    for plane in frame.planes:
        rows = np.frombuffer(plane, np.uint8)[: plane.line_size * plane.height]
        digest.update(np.ascontiguousarray(rows.reshape(plane.height, -1)[:, : plane.width * wide]))
    return digest.hexdigest()


def compare(recipe: Recipe, path: Path) -> Outcome:
    """Decode a stream with both and compare."""
    theirs, stated = by_ffmpeg(recipe, path)
    ours, times, said = by_vifex(recipe, path)
    if recipe.times == "steady":
        stated = [Fraction(i, 25) for i in range(len(theirs))]
    # Where two recordings overlap, the ffmpeg command gives times that do not rise: those are none.
    before = [Fraction(-1), *accumulate(stated, max)]
    rising = [(a, b) for a, b, most in zip(times, stated, before, strict=False) if b > most]
    gaps = [abs(a - float(b)) for a, b in rising]
    return Outcome(
        name=recipe.name,
        ffmpeg_frames=len(theirs),
        rows=len(times),
        equal_frames=theirs == ours,
        largest_time_difference_s=max(gaps) if recipe.times != "rising" and gaps else None,
        is_rising=all(b > a for a, b in pairwise(times)),
        said=said,
    )


BIKES = "clip-h264-bframes.mp4"  # 250 frames, 25 a second
HEVC = "clip-hevc.ts"
NUMBERS = "clip-hevc-numbers.mp4"
DUCKS = "clip-h264-ducks.mp4"
MPEG2 = "clip-mpeg2-interlaced.ts"
SEA = "clip-h264-sea.mov"
CAMERA = "clip-mjpeg-camera.avi"
PYRAMID = "clip-h264-bpyramid.mp4"
SINTEL = "clip-h264-hls-start-10s.ts"
VP9 = "clip-vp9.webm"
AT200 = ("-mpegts_start_pid", "0x200")
MP2V = ("-c:v", "mpeg2video", "-bf", "2", "-q:v", "8", "-s", "352x288", "-r", "25")
MP4V = ("-c:v", "mpeg4", "-bf", "2", "-q:v", "5", "-s", "320x240", "-r", "25")
X264 = (
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-bf",
    "2",
    "-g",
    "12",
    "-s",
    "320x240",
    "-r",
    "25",
    "-pix_fmt",
    "yuv420p",
)
X265 = (
    "-c:v",
    "libx265",
    "-x265-params",
    "log-level=none:bframes=4:keyint=20",
    "-s",
    "320x240",
    "-r",
    "25",
    "-pix_fmt",
    "yuv420p",
)
PLAIN = (
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-bf",
    "0",
    "-g",
    "12",
    "-s",
    "320x240",
    "-r",
    "25",
    "-pix_fmt",
    "yuv420p",
)


def _twice(
    name: str, clip: str, *options: str, first: str = "2", second: str = "1", **more: object
) -> Recipe:
    """Two cuts of one clip."""
    pieces = ((clip, "0", first, *options), (clip, "0", second, *options))
    return Recipe(name, pieces, **more)  # type: ignore[arg-type]


def _offset(seconds: str) -> tuple[str, str]:
    return "-output_ts_offset", seconds


def _recipes() -> Iterator[Recipe]:
    # One behind the other under the same PID, the clock starting anew.
    for clip in (BIKES, HEVC, DUCKS, MPEG2, SEA, PYRAMID, SINTEL, NUMBERS):
        yield _twice(f"anew-{Path(clip).stem}.ts", clip)
    yield _twice("anew-mpeg4.ts", BIKES, *MP4V)
    yield Recipe("anew-three.ts", ((BIKES, "0", "2"), (BIKES, "4", "1"), (BIKES, "2", "2")))
    yield _twice("anew.m2ts", BIKES)
    # The clock jumps: an hour on, back from ten hours, over its end at 33 bits, and on and back.
    yield Recipe("hour-on.ts", ((BIKES, "0", "2"), (BIKES, "0", "2", *_offset("3600"))))
    yield Recipe("ten-hours-back.ts", ((BIKES, "0", "2", *_offset("36000")), (BIKES, "0", "2")))
    yield Recipe("wrap.ts", ((BIKES, "0", "6", *_offset("95440")),))
    yield Recipe("wrap-joined.ts", ((BIKES, "0", "2", *_offset("95440")), (BIKES, "0", "2", *_offset("2"))))
    yield Recipe("on-and-back.ts", ((BIKES, "0", "1"), (BIKES, "0", "1", *_offset("600")), (BIKES, "0", "1")))
    yield Recipe("gap-of-5-s.ts", ((BIKES, "0", "2"), (BIKES, "0", "2", *_offset("7"))))
    # Under another PID.
    for clip in (BIKES, HEVC, MPEG2, SEA):
        pieces = ((clip, "0", "2"), (clip, "0", "2", *AT200))
        yield Recipe(f"pid-{Path(clip).stem}.ts", pieces, streams=2)
    pieces = ((BIKES, "0", "2"), (BIKES, "0", "2", *AT200, *_offset("2")))
    yield Recipe("pid-clock-goes-on.ts", pieces, streams=2)
    yield Recipe(
        "pid-hour-on.ts", ((BIKES, "0", "2"), (BIKES, "0", "2", *AT200, *_offset("3600"))), streams=2
    )
    three = tuple((BIKES, "0", "1", "-mpegts_start_pid", pid) for pid in ("0x100", "0x200", "0x300"))
    yield Recipe("pid-three.ts", three, streams=3)
    yield Recipe("pid.m2ts", ((BIKES, "0", "2"), (BIKES, "0", "2", "-streamid", "0:768")), streams=2)
    # Codec and size change, under another PID and under the same.
    yield Recipe("pid-codec.ts", ((BIKES, "0", "2"), (HEVC, "0", "2", *AT200)), streams=2)
    yield Recipe("pid-mpeg2-h264.ts", ((MPEG2, "0", "2"), (BIKES, "0", "2", *AT200)), streams=2)
    yield Recipe("pid-size.ts", ((BIKES, "0", "2"), (DUCKS, "0", "2", *AT200)), streams=2)
    yield Recipe("size.ts", ((BIKES, "0", "2"), (BIKES, "0", "2", *X264)))
    yield Recipe("b-frames.ts", ((BIKES, "0", "2", *X264), (BIKES, "0", "2", *PLAIN)))
    # Programme streams.
    for name, options in (("mpeg2", MP2V), ("h264", X264), ("hevc", X265), ("plain", PLAIN)):
        yield _twice(f"anew-{name}.mpg", BIKES, *options)
    yield _twice("anew-mpeg2.vob", BIKES, *MP2V)
    yield Recipe("h264.mpg", ((BIKES, "0", "3", *X264),))
    yield Recipe("hevc.vob", ((BIKES, "0", "3", *X265),))
    pieces = ((BIKES, "0", "2", *MP2V), (BIKES, "0", "2", *X264))
    yield Recipe("stream-id.mpg", pieces, streams=2)
    # Raw streams, without any times.
    yield _twice("raw.h264", BIKES, fps=25, times="steady")
    yield _twice("raw.hevc", NUMBERS, fps=25, times="steady")
    yield _twice("raw-size.h264", BIKES, *X264, fps=25, times="steady")
    yield _twice("raw.m2v", BIKES, *MP2V, fps=25, times="steady")
    yield _twice("raw.mjpeg", CAMERA, "-f", "mjpeg", fps=25, times="steady")
    yield Recipe(
        "raw-of-stills.mjpeg", ((BIKES, "0", "2", "-c:v", "mjpeg", "-q:v", "5"),), fps=25, times="steady"
    )
    png = ("-c:v", "png", "-f", "image2pipe", "-s", "160x120")
    yield _twice("raw-png.png", BIKES, *png, first="0.4", second="0.2", fps=25, times="steady")
    # Containers whose clock the ffmpeg command does not correct: there the frames follow each other.
    yield _twice("anew.flv", BIKES, times="rising")
    yield _twice("anew-x264.flv", BIKES, *X264, times="rising")
    yield _twice("restarts.flv", BIKES, *X264, header_bytes=13, times="rising")
    yield _twice("restarts-flv1.flv", BIKES, "-c:v", "flv1", "-s", "320x240", header_bytes=13, times="rising")
    yield _twice("chained.ogv", BIKES, "-c:v", "libtheora", "-s", "320x240", is_apart=True)
    yield _twice("appended.mkv", BIKES, times="rising")
    yield _twice("appended.webm", VP9, times="rising")
    yield _twice("appended.avi", CAMERA, times="rising")
    yield _twice("appended.asf", BIKES, "-c:v", "msmpeg4", times="rising")


RECIPES = tuple(_recipes())


def _cells(outcome: Outcome) -> list[str]:
    apart = outcome.largest_time_difference_s
    return [
        f"{outcome.name:32}",
        f"{outcome.ffmpeg_frames:5}",
        f"{outcome.rows:5}",
        "equal" if outcome.equal_frames else "NOT EQUAL",
        "not stated" if apart is None else f"{apart * 1000:.3f} ms",
        "right" if outcome.is_right else "WRONG",
        outcome.said,
    ]


def page(outcomes: Sequence[Outcome]) -> str:
    """Give the outcomes as a page of Markdown."""
    version = _ffmpeg("-version").splitlines()[0]
    heads = (
        "stream",
        "frames by ffmpeg",
        "rows",
        "pixels",
        "times apart by at most",
        "",
        "what the ledger says",
    )
    rows = "".join(f"| {' | '.join(cell.strip() for cell in _cells(o))} |\n" for o in outcomes)
    n_right = sum(o.is_right for o in outcomes)
    return (
        "# Joined streams against the ffmpeg command\n\n"
        f"Written by `scripts/join_streams.py`, which makes the streams from clips: {n_right} of"
        f" {len(outcomes)} are right. Pixels are equal if the MD5 of every decoded frame is, in the same"
        " order. Times are compared where the ffmpeg command states times that rise; the others, of formats"
        " whose clock it does not follow, must rise. The command was"
        f" {version.split(' Copyright')[0]}; Vifex read with PyAV {av.__version__}.\n\n"
        f"| {' | '.join(heads)} |\n| --- | ---: | ---: | --- | ---: | --- | --- |\n{rows}"
    )


def main(argv: list[str] | None = None) -> int:
    """Make the streams, compare, print a table; the exit status is the number that are not right."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("media", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=None)
    parser.add_argument("--record", type=Path)
    options = parser.parse_args(argv)
    options.folder.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for recipe in RECIPES:
        if options.only and recipe.name not in options.only:
            continue
        outcome = compare(recipe, make(recipe, options.media, options.folder))
        outcomes.append(outcome)
        print(" ".join(_cells(outcome)), flush=True)
    wrong = [o.name for o in outcomes if not o.is_right]
    if options.record:
        options.record.write_text(page(outcomes))
    print(f"{len(outcomes)} streams, {len(wrong)} not right: {', '.join(wrong) or 'none'}")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main())
