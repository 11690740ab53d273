"""JPEGs at an eighth of their size, in little more than half the time that Pillow takes for the same pixels.

The decoder is `eighth.c` as WebAssembly, run by wasmtime (the extra `jpeg`), so that a file can hurt nothing
but its room. It takes plain baseline files and gives Pillow's own numbers; whatever else, and all that is
damaged, is Pillow's to decode and to name. Where wasmtime is missing, or Pillow's decoder scales in another
way, it stands aside.
"""

from __future__ import annotations

import atexit
import ctypes
import io
import sys
import threading
import weakref
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from PIL import Image

__all__ = ["SCALE", "decode_eighth"]

SCALE: Final = 8
_MOST_BYTES: Final = 32 << 20
"""Of a file; larger ones are left to Pillow, which does not hold them whole."""
_ROOM_BYTES: Final = 512 << 20
_SET_ASIDE_BYTES: Final = 5 << 30
"""Of addresses, not of memory: 4 GiB for what the program could name, so that no access has to be checked."""
_PAGE: Final = 65536

_LOCAL: Final = threading.local()
_STORES: Final[weakref.WeakSet[Any]] = weakref.WeakSet()


class _File(Protocol):
    def seek(self, offset: int, whence: int = 0, /) -> int: ...

    def readinto(self, buffer: memoryview, /) -> int: ...


def decode_eighth(file: _File, size_bytes: int, size: tuple[int, int]) -> Image.Image | None:
    """Decode a JPEG at an eighth of its size, as `Image.draft` does at that scale.

    Args:
        file: Open; read from its start, and left anywhere.
        size_bytes: Its length.
        size: Width and height in its header.

    Returns:
        An `RGB` image of ceil(width / 8) x ceil(height / 8), or `None`: Pillow is to decode it.
    """
    if size_bytes > _MOST_BYTES or not _is_trusted():
        return None
    try:
        return _room().decode(file, size_bytes, size)
    except Exception:  # a fault of the decoder's ends in its room, and says nothing of the file
        return None


class _Room:
    """The decoder and its memory, for one thread: the file lies at its start, then what is made of it."""

    def __init__(self) -> None:
        import wasmtime

        engine, module = _program()
        _allow_addresses(_SET_ASIDE_BYTES)
        self._store = wasmtime.Store(engine)
        _STORES.add(self._store)
        self._store.set_limits(memory_size=_ROOM_BYTES)
        exports: Any = wasmtime.Instance(self._store, module, []).exports(self._store)
        self._memory, self._decode = exports["memory"], exports["decode"]
        self._start: int = exports["__heap_base"].value(self._store)

    def decode(self, file: _File, size_bytes: int, size: tuple[int, int]) -> Image.Image | None:
        width, height = -(-size[0] // SCALE), -(-size[1] // SCALE)
        # The bits once more, three planes, and the pixels; sizes are rounded up to whole units.
        end = self._start + 2 * size_bytes + 6 * (width + 2) * (height + 2) + _PAGE
        missing = -(-(end - self._memory.data_len(self._store)) // _PAGE)
        if missing > 0:
            self._memory.grow(self._store, missing)
        file.seek(0)
        if file.readinto(self._view(self._start, size_bytes)) != size_bytes:
            return None
        at = self._decode(self._store, self._start, size_bytes, *size, end)
        return Image.frombytes("RGB", (width, height), self._view(at, 3 * width * height)) if at else None

    def _view(self, at: int, size: int) -> memoryview:
        if not 0 <= at <= self._memory.data_len(self._store) - size:
            raise ValueError("the decoder points outside its memory")
        base = ctypes.addressof(self._memory.data_ptr(self._store).contents)
        return memoryview((ctypes.c_ubyte * size).from_address(base + at)).cast("B")


def _close(*parts: Any) -> None:
    """Free what wasmtime holds while its own modules are still there to do it."""
    for part in (*_STORES, *parts):
        part.close()


def _room() -> _Room:
    if not hasattr(_LOCAL, "room"):
        _LOCAL.room = _Room()
    room: _Room = _LOCAL.room
    return room


@cache
def _program() -> tuple[Any, Any]:
    import wasmtime

    engine = wasmtime.Engine()
    module = wasmtime.Module(engine, Path(__file__).with_suffix(".wasm").read_bytes())
    atexit.register(_close, engine, module)
    return engine, module


def _allow_addresses(size: int) -> None:
    """Raise a limit on this process's address space by what will be mapped and never filled."""
    if sys.platform != "linux":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY:
        return
    wanted = soft + size if hard == resource.RLIM_INFINITY else min(soft + size, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


@cache
def _is_trusted() -> bool:
    """Whether it is here, and gives what the installed Pillow gives: its decoder may be another than ours."""
    levels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
    image = Image.fromarray(levels).resize((152, 104), Image.Resampling.BICUBIC)
    try:
        return all(_agrees(image, sampling) for sampling in ("4:4:4", "4:2:2", "4:2:0"))
    except (
        Exception
    ):  # not installed, no build for this processor, no addresses left: it is an aid and no need
        return False


def _agrees(image: Image.Image, sampling: str) -> bool:
    file = io.BytesIO()
    image.save(file, "jpeg", quality=80, subsampling=sampling)
    ours = _room().decode(file, file.tell(), image.size)
    file.seek(0)
    with Image.open(file) as theirs:
        theirs.draft("RGB", (image.width // SCALE, image.height // SCALE))
        return ours is not None and ours.tobytes() == theirs.tobytes()
