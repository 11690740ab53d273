"""Pinning the shared memory in which decoder processes leave pixels, so that a GPU copies from it."""

from __future__ import annotations

import contextlib
import mmap
import threading
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

__all__ = ["PinnedBlocks", "block_of"]

_PORTABLE: Final = 1
"""`cudaHostRegisterPortable`: pinned for every GPU of this process."""


@dataclass(slots=True)
class _Block:
    """A block of shared memory and the networks that read from it."""

    memory: mmap.mmap
    """It stays mapped while it is pinned."""
    address: int
    """Where it is mapped; 0 where pinning was refused."""
    users: int = 0


_LOCK: Final = threading.Lock()
_BLOCKS: Final[dict[int, _Block]] = {}
"""Pinned blocks of this process by the memory's `id`. Networks share one: a block can be pinned once."""


class PinnedBlocks:
    """The pinned blocks that one network reads from.

    A block is pinned when the first array in it comes, and stays so until every network that read from it
    is closed. Where that is refused (a limit on locked memory, a kernel without it) it is not tried again.

    Args:
        device: The GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._used: dict[int, _Block] = {}

    def holds(self, array: npt.NDArray[Any]) -> bool:
        """Return whether an array lies in pinned shared memory; pin its block if it is new."""
        memory = block_of(array)
        if memory is None:
            return False
        block = self._used.get(id(memory))
        if block is None:
            block = self._used[id(memory)] = self._joined(memory)
        return block.address != 0

    def close(self) -> None:
        """Unpin the blocks that no other network reads from."""
        with _LOCK:
            for block in self._used.values():
                block.users -= 1
                if block.users == 0:
                    del _BLOCKS[id(block.memory)]
                    if block.address:
                        with torch.cuda.device(self._device):
                            torch.cuda.cudart().cudaHostUnregister(block.address)
            self._used.clear()

    def _joined(self, memory: mmap.mmap) -> _Block:
        with _LOCK:
            block = _BLOCKS.get(id(memory))
            if block is None:
                block = _BLOCKS[id(memory)] = _Block(memory, _pin(memory, self._device))
            block.users += 1
            return block


def _pin(memory: mmap.mmap, device: torch.device) -> int:
    """Pin a block; return its address, or 0 where that is refused."""
    address = int(np.frombuffer(memory, np.uint8).ctypes.data)
    with torch.cuda.device(device):
        status = torch.cuda.cudart().cudaHostRegister(address, len(memory), _PORTABLE)
        if int(status) == 0:
            return address
        # CUDA reports an error again at the next launch, and that clears it: a launch for nothing.
        with contextlib.suppress(RuntimeError):
            torch.zeros(1, device=device)
    return 0


def block_of(array: npt.NDArray[Any]) -> mmap.mmap | None:
    """Return the shared memory that an array is a view of; `None` for an array of other memory."""
    owner: Any = array
    while isinstance(owner, np.ndarray) and owner.base is not None:
        owner = owner.base
    if isinstance(owner, memoryview):
        owner = owner.obj
    return owner if isinstance(owner, mmap.mmap) else None
