"""Videos made of pieces, and the record of which source shows at which second of each.

Each video begins with a black leader and the same intro; many end in black.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from edited.clips import INTRO, Source, sources, unrelated
from edited.edits import EDITS
from edited.frames import FPS, Frame, read, write

__all__ = ["COMPILATION", "ORIGINAL", "UNRELATED", "Piece", "Video", "make"]

ORIGINAL, UNRELATED, COMPILATION = "original", "unrelated", "compilation"
INTRO_SECONDS = 2.8
SHORTEST_SECONDS = 3.0
"""Of a copied span, in the copy."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A span of a source in a video, in seconds."""

    source: str
    source_start_s: float
    source_end_s: float
    start_s: float
    end_s: float

    def at(self, source_s: float) -> float:
        """Return the second of the video at which a second of the source shows."""
        share = (source_s - self.source_start_s) / (self.source_end_s - self.source_start_s)
        return self.start_s + share * (self.end_s - self.start_s)


@dataclass(frozen=True, slots=True)
class Video:
    """One file and what it shows."""

    path: Path
    edit: str
    pieces: tuple[Piece, ...]


def make(shared: Path, folder: Path, count: int | None) -> Iterator[Video]:
    """Write originals, an edited copy for each edit, compilations, and unrelated videos."""
    chosen = sources(shared, count)
    intro = read(Source("intro", (shared / "media" / "good" / INTRO,)), INTRO_SECONDS)
    clips: dict[str, list[Frame]] = {}
    backdrops = itertools.cycle([(source.name, read(source)) for source in unrelated(shared)])
    for source in chosen:
        frames = clips[source.name] = read(source)
        yield _whole(folder, source.name, ORIGINAL, frames, intro)
        for edit in EDITS:
            chance = random.Random(f"{source.name} {edit.name}")
            first, last = _span(len(frames), chance)
            behind, backdrop = next(backdrops) if edit.change_over else ("", [])
            shown, speed = edit.frames(frames[first:last], chance, backdrop)
            piece = (source.name, first, first + round(len(shown) * speed), shown)
            path = folder / f"{source.name}-{edit.name.replace(' ', '-')}.mp4"
            video = _written(path, edit.name, [piece], intro, chance, crf=edit.crf)
            yield video if not behind else _over(video, behind, min(len(shown), len(backdrop)))
    names = [source.name for source in chosen]
    for number in range(len(names) // 2):
        chance = random.Random(f"compilation {number}")
        pieces = []
        for name in chance.sample(names, 4):
            first, last = _span(len(clips[name]), chance)
            pieces.append((name, first, last, clips[name][first:last]))
        yield _written(folder / f"compilation-{number:02}.mp4", COMPILATION, pieces, intro, chance, crf=27)
    for source in unrelated(shared):
        yield _whole(folder, source.name, UNRELATED, read(source), intro)


def _over(video: Video, behind: str, count: int) -> Video:
    """Add the video that shows behind to the record, as far as it is not repeated."""
    start_s = video.pieces[0].start_s
    return replace(
        video, pieces=(*video.pieces, Piece(behind, 0, count / FPS, start_s, start_s + count / FPS))
    )


def _span(count: int, chance: random.Random) -> tuple[int, int]:
    """Draw 40 to 75 % of the frames, at least the shortest copy at any speed."""
    least = round(SHORTEST_SECONDS * FPS * 1.25)
    length = min(count, max(least, round(count * chance.uniform(0.4, 0.75))))
    first = chance.randint(0, count - length)
    return first, first + length


def _whole(folder: Path, name: str, kind: str, frames: list[Frame], intro: list[Frame]) -> Video:
    piece = (name, 0, len(frames), frames)
    return _written(folder / f"{name}.mp4", kind, [piece], intro, random.Random(name), crf=20)


def _written(
    path: Path,
    edit: str,
    pieces: list[tuple[str, int, int, list[Frame]]],
    intro: list[Frame],
    chance: random.Random,
    *,
    crf: int,
) -> Video:
    """Write leader, intro, pieces and perhaps a black end; all pieces get the size of the first."""
    height, width, _ = pieces[0][3][0].shape
    black = np.zeros((height, width, 3), np.uint8)
    frames = [black] * round(chance.uniform(0.5, 3) * FPS) + [_fit(f, black) for f in intro]
    log = []
    for source, first, last, shown in pieces:
        start = len(frames)
        frames += [_fit(frame, black) for frame in shown]
        log.append(Piece(source, first / FPS, last / FPS, start / FPS, len(frames) / FPS))
    if chance.random() < 0.5:
        frames += [black] * round(chance.uniform(1, 3) * FPS)
    write(path, frames, crf=crf)
    return Video(path, edit, tuple(log))


def _fit(frame: Frame, like: Frame) -> Frame:
    if frame.shape == like.shape:
        return frame
    return np.asarray(Image.fromarray(frame).resize((like.shape[1], like.shape[0])))
