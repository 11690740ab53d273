"""Decoded images of a set of examples: kept in a file on disk where they fit, else decoded for each batch.

The file is named by a hash of the contents and the size of the images, so that runs share it. It is written
aside and moved into place when it is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from vifex.engines.cache import cache_folder
from vifex.engines.cores import available_cores
from vifex.media.content_hash import content_hash
from vifex.training.config import Data
from vifex.training.data.decoding import Decoder, Problem, decode_all, pixel_spec
from vifex.training.data.examples import Examples
from vifex.values import InputError
from vifex.values.media import member_of, uri_to_path

__all__ = ["ImageSource", "Images", "Streamed", "open_images"]

_VERSION: Final = 1
"""Of the pixels: a change of what decoding gives counts it up."""

Pixels = npt.NDArray[np.uint8]


class ImageSource(Protocol):
    """Images of N examples."""

    @property
    def size_px(self) -> int:
        """Side of the images."""

    def take(self, rows: npt.NDArray[np.int64]) -> Pixels:
        """Return images `[B, size_px, size_px, 3]`, uint8."""


@dataclass(frozen=True, slots=True)
class Images:
    """Images in an array, which may be a file that is mapped into memory."""

    pixels: Pixels
    """`[N, size_px, size_px, 3]`."""

    @property
    def size_px(self) -> int:
        """Side of the images."""
        return int(self.pixels.shape[1])

    def take(self, rows: npt.NDArray[np.int64]) -> Pixels:
        """Return images `[B, size_px, size_px, 3]`."""
        return self.pixels[rows]


class Streamed:
    """Images that are decoded for each batch, in threads.

    Args:
        decoder: For the examples.
        size_px: Side of the images.
        workers: Threads.
        on_problem: Called once for each example that cannot be decoded. Its image is then grey.
    """

    def __init__(
        self, decoder: Decoder, size_px: int, workers: int, on_problem: Callable[[Problem], None]
    ) -> None:
        self._size_px = size_px
        self._decoder, self._on_problem = decoder, on_problem
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
        self._known: set[int] = set()

    @property
    def size_px(self) -> int:
        """Side of the images."""
        return self._size_px

    def take(self, rows: npt.NDArray[np.int64]) -> Pixels:
        """Return images `[B, size_px, size_px, 3]`."""
        out = np.full((len(rows), self._size_px, self._size_px, 3), 128, dtype=np.uint8)
        jobs = self._pool.map(self._decoder.samples, [int(row) for row in rows])
        for place, (row, (found, problem)) in enumerate(zip(rows, jobs, strict=True)):
            if found:
                out[place] = found[0]
            if problem is not None and int(row) not in self._known:
                self._known.add(int(row))
                self._on_problem(problem)
        return out


def open_images(
    examples: Examples,
    data: Data,
    *,
    size_px: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[Examples, ImageSource, list[Problem]]:
    """Decode examples, or prepare to decode them.

    Args:
        examples: N of them.
        data: `resize`, `cache_mb` and `workers`.
        size_px: Side of the square images.
        on_progress: Called with the number of decoded images, and of all.

    Returns:
        The examples that can be decoded; their images; and the problems, of examples that were left out and
        of damaged ones that stay.

    Raises:
        InputError: If nothing can be decoded.
    """
    workers = data.workers or available_cores()
    decoder = Decoder(examples, pixel_spec(size_px, data.resize))
    if len(examples) * size_px * size_px * 3 > data.cache_mb << 20:
        found: list[Problem] = []
        return examples, Streamed(decoder, size_px, workers, found.append), found
    place = cache_folder() / "pixels" / f"{_key(examples, size_px, data.resize)}.npy"
    facts = place.with_suffix(".json")
    if not (place.is_file() and facts.is_file()):
        _decode_into(place, decoder, len(examples), size_px, workers, on_progress)
    noted = json.loads(facts.read_text("utf-8"))
    pixels = np.load(place, mmap_mode="r")
    problems: list[Problem] = [(name, reason) for name, reason in noted["problems"]]
    good = np.ones(len(examples), dtype=bool)
    good[noted["missing"]] = False
    if not good.any():
        raise InputError(
            f"none of the {len(examples)} examples can be decoded.",
            of=problems[0][0] if problems else None,
            todo=problems[0][1] if problems else "Check the files.",
        )
    if good.all():
        return examples, Images(pixels), problems
    kept = np.flatnonzero(good)
    return examples.take(kept), _Part(Images(pixels), kept), problems


@dataclass(frozen=True, slots=True)
class _Part:
    """Some of the images of another source."""

    whole: Images
    rows: npt.NDArray[np.int64]

    @property
    def size_px(self) -> int:
        return self.whole.size_px

    def take(self, rows: npt.NDArray[np.int64]) -> Pixels:
        return self.whole.take(self.rows[rows])


def _decode_into(
    place: Path,
    decoder: Decoder,
    count: int,
    size_px: int,
    workers: int,
    on_progress: Callable[[int, int], None] | None,
) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = place.with_name(f"{place.stem}.{os.getpid()}.part")
    missing: list[int] = []
    problems: list[Problem] = []
    try:
        pixels = np.lib.format.open_memmap(
            aside, mode="w+", dtype=np.uint8, shape=(count, size_px, size_px, 3)
        )
        for done, (row, found, problem) in enumerate(decode_all(decoder, range(count), workers)):
            if found:
                pixels[row] = found[0]
            else:
                missing.append(row)
            if problem is not None:
                problems.append(problem)
            if on_progress is not None and done % 256 == 0:
                on_progress(done, count)
        pixels.flush()
        del pixels
        place.with_suffix(".json").write_text(json.dumps({"missing": missing, "problems": problems}), "utf-8")
        aside.replace(place)
    finally:
        aside.unlink(missing_ok=True)


def _key(examples: Examples, size_px: int, resize: str) -> str:
    digest = hashlib.sha256(f"{_VERSION} {size_px} {resize} {len(examples)}".encode())
    has_bytes = examples.table["image"].null_count < len(examples)
    for chunk in examples.table["image"].chunks if has_bytes else ():
        for value in chunk:
            data = value.as_buffer()
            digest.update(len(data).to_bytes(8, "little") if data else b"\0")
            digest.update(data or b"")
    if not has_bytes:
        _hash_files(digest, examples.column("uri"), examples)
    return digest.hexdigest()[:40]


def _hash_files(digest: hashlib._Hash, uris: Sequence[str], examples: Examples) -> None:
    starts, ends = examples.column("t_start_s"), examples.column("t_end_s")
    times = examples.column("mtime_ns")
    for place, uri in enumerate(uris):
        path = uri_to_path(uri)
        try:
            content = content_hash(path)
        except OSError:
            content = "unreadable"
        content += f" {member_of(uri)}" if "#" in uri else ""
        digest.update(f"{content} {times[place]} {starts[place]} {ends[place]}\n".encode())
