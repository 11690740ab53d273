"""Pixels of examples, decoded as in extraction: files in any format, damage as problems.

An example is a file, or the bytes of one. Bytes get an anonymous file, because FFmpeg and Pillow read files.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vifex.media.read import Skip, read
from vifex.training.data.examples import Examples
from vifex.values import Limits, MediaError, Medium, PixelSpec, ViewRequest
from vifex.values.media import path_to_uri
from vifex.values.sampling import Sampling

__all__ = ["Decoder", "decode_all", "pixel_spec"]

Pixels = npt.NDArray[np.uint8]
Problem = tuple[str, str]


class Decoder:
    """Decodes examples in threads.

    Args:
        examples: What to decode.
        spec: Size and preparation of the pixels.
        sampling: Which frames of a video; of a still image there is one.
        limits: Of one file.
    """

    def __init__(
        self,
        examples: Examples,
        spec: PixelSpec,
        *,
        sampling: Sampling | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._examples = examples
        self._request = ViewRequest(sampling or Sampling(), spec)
        self._limits = limits or Limits()
        self._scratch = threading.local()
        self._names = examples.table["name"]
        self._images = examples.table["image"]
        self._has_bytes = self._images.null_count < len(examples)

    def samples(self, row: int) -> tuple[list[Pixels], Problem | None]:
        """Decode one example.

        Returns:
            Its samples, uint8 `[H, W, 3]` each or `[T, H, W, 3]` of clips, and what was damaged or why there
            are none.
        """
        name = self._names[row].as_py()
        data = self._images[row].as_py() if self._has_bytes else None
        try:
            medium = self._examples.medium(row) if data is None else self._written(name, data)
            samples = read(medium, [self._request], self._limits)
            found = []
            while True:
                try:
                    found.append(next(samples).pixels)
                except StopIteration as stop:
                    lost = stop.value.problems
                    return found, (name, "; ".join(lost)) if lost else None
        except Skip as exc:
            return [], (name, exc.reason)
        except MediaError as exc:
            return [], (name, exc.sentences)

    def _written(self, name: str, data: bytes) -> Medium:
        """Put the bytes of a file where decoders find it."""
        file = getattr(self._scratch, "file", None)
        if file is None:
            file = self._scratch.file = _Scratch()
        return file.medium(name, data)


class _Scratch:
    """A file without a name, in memory where the system has such files; one for each thread."""

    def __init__(self) -> None:
        if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
            self._fd = os.memfd_create("example")
            self._path = f"/proc/self/fd/{self._fd}"
        else:
            self._fd, self._path = tempfile.mkstemp(prefix="vifex-example-")
        self._is_named = not self._path.startswith("/proc/")

    def medium(self, name: str, data: bytes) -> Medium:
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        with os.fdopen(os.dup(self._fd), "wb") as file:
            file.write(data)
        stat = os.fstat(self._fd)
        return Medium(path_to_uri(self._path), name, "image", stat.st_size, stat.st_mtime_ns)

    def __del__(self) -> None:
        os.close(self._fd)
        if self._is_named:
            Path(self._path).unlink(missing_ok=True)


def decode_all(
    decoder: Decoder, rows: Sequence[int], workers: int
) -> Iterator[tuple[int, list[Pixels], Problem | None]]:
    """Decode examples in several threads.

    Args:
        decoder: For the examples.
        rows: Which.
        workers: Threads.

    Yields:
        Row, samples and problem of each, in the order of `rows`.
    """
    if workers <= 1:
        for row in rows:
            yield (row, *decoder.samples(row))
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        chunk = 64 * workers
        for start in range(0, len(rows), chunk):
            part = rows[start : start + chunk]
            for row, (found, problem) in zip(part, pool.map(decoder.samples, part), strict=True):
                yield row, found, problem


def pixel_spec(size_px: int, resize: str) -> PixelSpec:
    """Return how training images are made: square, upright, in sRGB."""
    spec = PixelSpec(size_px, size_px)
    return replace(spec, resize="shortest", resize_px=size_px) if resize == "shortest" else spec
