"""The `.npy` format read as a stream: a header, then the numbers row after row."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from vifex.importing.arrays import RowArray

__all__ = ["npy_array", "open_binary", "read_header"]


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read the header of an array: its shape, whether it is in Fortran's order, and its type.

    Raises:
        ValueError: If it is no array, or one of Python objects.
    """
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
    if dtype.hasobject:
        raise ValueError(
            "it holds Python objects (pickle), which are not read; save it as an array of numbers"
        )
    return shape, fortran, dtype


def open_binary(path: Path) -> IO[bytes]:
    """Open a file for reading bytes."""
    return path.open("rb")


def npy_array(open_file: Callable[[], IO[bytes]]) -> RowArray:
    """Return an array of a file that can be opened several times.

    Raises:
        ValueError: If it is no array, or one whose rows do not follow one another.
        OSError: If it cannot be read.
    """
    with open_file() as file:
        shape, fortran, dtype = read_header(file)
    if fortran and len(shape) > 1 and shape[0] > 1:
        raise ValueError("it is in Fortran's order; save it again with np.ascontiguousarray")

    def start(stack: ExitStack) -> Callable[[int], npt.NDArray[Any]]:
        file = stack.enter_context(open_file())
        read_header(file)
        width = math.prod(shape[1:]) * dtype.itemsize

        def take(count: int) -> npt.NDArray[Any]:
            data = _exactly(file, count * width)
            return np.frombuffer(data, dtype).reshape(count, *shape[1:])

        return take

    return RowArray(shape, dtype, start)


def _exactly(file: IO[bytes], size: int) -> bytes:
    parts = []
    while size > 0:
        part = file.read(size)
        if not part:
            raise EOFError("it ends too early")
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
