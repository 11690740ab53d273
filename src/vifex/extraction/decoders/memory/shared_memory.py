"""Shared memory in which decoders leave ready pixels and from which the engine reads them.

One block of memory is cut into slots, one batch each. It is an inherited memory file where the system
has them, else a mapped temporary file; both vanish with the last process that holds them.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vifex.extraction.decoders.protocol import SlotPlan
from vifex.values import EngineError

__all__ = ["SharedBlock", "attach", "lay_out", "view_slot"]

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.float32]

_PAGE = 4096


class SharedBlock:
    """The supervisor's side of the shared memory."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self._path: str | None = None
        if sys.platform == "linux":
            self._fd = os.memfd_create("vifex-slots", 0)
        else:
            self._fd, self._path = tempfile.mkstemp(prefix="vifex-slots-")
        if os.name == "posix":
            os.set_inheritable(self._fd, True)
            if self._path is not None:  # decoders inherit it, and a killed process leaves nothing behind
                Path(self._path).unlink()
                self._path = None
        try:
            os.ftruncate(self._fd, size_bytes)
            self.memory = mmap.mmap(self._fd, size_bytes)
        except (OSError, ValueError) as exc:
            os.close(self._fd)
            raise EngineError(
                f"{size_bytes >> 20} MiB of memory for the pixels cannot be had ({exc}).",
                todo="Raise the limits of this process (ulimit -f counts for this memory too, ulimit -v).",
            ) from exc

    @property
    def address(self) -> str:
        """How a decoder process finds it: `fd:N` or a path."""
        return f"fd:{self._fd}" if self._path is None else self._path

    @property
    def inherited(self) -> tuple[int, ...]:
        """Descriptors that a decoder process must inherit."""
        return (self._fd,) if self._path is None else ()

    def close(self) -> None:
        """Return the memory back; arrays over it may outlive this and keep it mapped."""
        with contextlib.suppress(BufferError):
            self.memory.close()
        os.close(self._fd)
        if self._path is not None:
            with contextlib.suppress(OSError):
                Path(self._path).unlink()


def attach(address: str, size_bytes: int) -> mmap.mmap:
    """Map the supervisor's memory in a decoder process."""
    if address.startswith("fd:"):
        return mmap.mmap(int(address[3:]), size_bytes)
    with Path(address).open("r+b") as file:
        return mmap.mmap(file.fileno(), size_bytes)


def lay_out(wanted: list[tuple[int, int, tuple[int, ...], str]]) -> tuple[tuple[SlotPlan, ...], int]:
    """Place slots one after the other, each on its own pages.

    Args:
        wanted: For each request the number of slots, samples per slot, axes and dtype of a sample.

    Returns:
        A plan for each request, and the size of the whole in bytes.
    """
    plans, offset = [], 0
    for count, rows, shape, dtype in wanted:
        plans.append(SlotPlan(offset, count, rows, shape, dtype))
        offset += count * _slot_bytes(plans[-1])
    return tuple(plans), max(offset, _PAGE)


def view_slot(memory: mmap.mmap, plan: SlotPlan, slot: int) -> Pixels:
    """A slot as an array `[rows, *sample_shape]` of the plan's dtype over the shared memory."""
    start = plan.offset + slot * _slot_bytes(plan)
    count = plan.rows * math.prod(plan.sample_shape)
    flat: Pixels = np.frombuffer(memory, dtype=plan.dtype, count=count, offset=start)
    return flat.reshape(plan.rows, *plan.sample_shape)


def _slot_bytes(plan: SlotPlan) -> int:
    size = plan.rows * math.prod(plan.sample_shape) * np.dtype(plan.dtype).itemsize
    return -(-size // _PAGE) * _PAGE
