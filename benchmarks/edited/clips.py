"""The clips that the benchmark of copied segments is made from, by a list that was checked by eye.

Two sources never show the same film or the same camera. Clips that do, as the two encodings of Big Buck Bunny
or the ducks in H.264 and in MPEG-2, are in the list once. The test patterns are left out, because they look
alike. The 30 clips of fights whose recording is not known are left out as well.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Source", "sources", "unrelated"]

FILMS = {
    "bricks": "clip-h263.3gp",
    "street": "clip-h264-bframes.mp4",
    "bunny": "clip-h264-bpyramid.mp4",
    "sintel": "clip-h264-hls-start-10s.ts",
    "earth": "clip-h264-in-avi.avi",
    "display": "clip-h264-jitter-fullrange.mp4",
    "silent-film": "clip-h264-mp3-film.mp4",
    "thermal": "clip-h264-vfr-thermal.mp4",
    "mxf": "clip-mpeg2.mxf",
    "elephants": "clip-msmpeg4.asf",
}
"""Films of `media/good` that last at least four seconds and that are not a test pattern."""
RECORDINGS = (
    *("source42", "source08", "source11", "source06", "source25", "source31", "source10", "source43"),
    *("source07", "source41", "source02", "source12", "source37", "source01", "source14", "source34"),
    *("source35", "source13", "source26", "source36", "source17", "source21", "source23", "source24"),
    *("source18", "source38", "source39", "source04", "source33", "source19"),
)
"""Recordings of `data/fights` of which there are at least four clips."""
UNRELATED_FILMS = {
    "ducks": "clip-h264-ducks.mp4",
    "door": "clip-av1-hdr10-portrait.mp4",
    "xvid": "clip-mpeg4-xvid.avi",
    "asp": "clip-mpeg4-asp.mp4",
    "hills": "clip-vp9-10bit.webm",
    "bear": "clip-vp9.webm",
    "flag": "clip-mjpeg-camera.avi",
    "toy": "clip-h264-vfr-phone.mp4",
}
UNRELATED_RECORDINGS = (
    *("source03", "source05", "source09", "source15", "source16", "source20", "source22", "source27"),
    *("source28", "source29", "source30", "source32", "source40", "source44"),
)
INTRO = "clip-h264.flv"
"""Its first three seconds stand before the content of every video."""
CLIPS_OF_A_RECORDING = 6
SECONDS = 16.0
"""The most that is taken of a film."""


@dataclass(frozen=True, slots=True)
class Source:
    """One film or recording: files that are shown one after the other."""

    name: str
    files: tuple[Path, ...]


def sources(shared: Path, count: int | None = None) -> list[Source]:
    """Return the sources that copies are made of; films and recordings in turn, the first `count`."""
    films = [Source(name, (shared / "media" / "good" / file,)) for name, file in FILMS.items()]
    recordings = _recordings(shared, RECORDINGS)
    mixed = [source for pair in zip(films, recordings[: len(films)], strict=True) for source in pair]
    return [*mixed, *recordings[len(films) :]][:count]


def unrelated(shared: Path) -> list[Source]:
    """Return the sources that nothing is copied from."""
    films = [Source(name, (shared / "media" / "good" / file,)) for name, file in UNRELATED_FILMS.items()]
    return [*films, *_recordings(shared, UNRELATED_RECORDINGS)]


def _recordings(shared: Path, names: tuple[str, ...]) -> list[Source]:
    folder = shared / "data" / "fights"
    files: dict[str, list[Path]] = defaultdict(list)
    with (folder / "sources.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            files[row["source"]].append(folder / row["path"])
    return [Source(name, tuple(files[name][:CLIPS_OF_A_RECORDING])) for name in names]
