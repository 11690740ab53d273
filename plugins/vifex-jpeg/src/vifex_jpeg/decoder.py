"""The decoder: `eighth.c` as WebAssembly, run by wasmtime: a file can harm nothing but its own memory.

It takes plain baseline JPEGs and gives the numbers that Pillow gives. Every other file, and every damaged
one, is left to Pillow. If wasmtime has no build for the machine, or the installed Pillow scales in another
way, all files are left to Pillow.
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
"""Largest file; Pillow decodes larger ones without holding them whole."""
_MEMORY_BYTES: Final = 512 << 20
"""Limit of the decoder's memory."""
_ADDRESS_BYTES: Final = 5 << 30
"""Address space, not memory: wasmtime reserves the 4 GiB that a program can address."""
_PAGE: Final = 65536

_LOCAL: Final = threading.local()
_STORES: Final[weakref.WeakSet[Any]] = weakref.WeakSet()


class _File(Protocol):
    def seek(self, offset: int, whence: int = 0, /) -> int: ...

    def readinto(self, buffer: memoryview, /) -> int: ...


def decode_eighth(file: _File, size_bytes: int, size: tuple[int, int]) -> Image.Image | None:
    """Decode a JPEG at an eighth of its size, as `Image.draft` does at that scale.

    Args:
        file: Open; it is read from its start, and its position afterwards is undefined.
        size_bytes: Its length.
        size: Width and height in its header.

    Returns:
        An `RGB` image of ceil(width / 8) x ceil(height / 8), or `None` if Pillow has to decode the file.
    """
    if size_bytes > _MOST_BYTES or not _is_trusted():
        return None
    try:
        return _decoder().decode(file, size_bytes, size)
    except Exception:  # a fault of the decoder says nothing about the file
        return None


class _Decoder:
    """The decoder and its memory, for one thread: first the file, then the pixels."""

    def __init__(self) -> None:
        import wasmtime

        engine, module = _program()
        _allow_addresses(_ADDRESS_BYTES)
        self._store = wasmtime.Store(engine)
        _STORES.add(self._store)
        self._store.set_limits(memory_size=_MEMORY_BYTES)
        exports: Any = wasmtime.Instance(self._store, module, []).exports(self._store)
        self._memory, self._decode = exports["memory"], exports["decode"]
        self._start: int = exports["__heap_base"].value(self._store)

    def decode(self, file: _File, size_bytes: int, size: tuple[int, int]) -> Image.Image | None:
        width, height = -(-size[0] // SCALE), -(-size[1] // SCALE)
        # The file's bits again, three planes, and the pixels; sizes are rounded up to whole units.
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
    """Free the objects of wasmtime before Python unloads its modules."""
    for part in (*_STORES, *parts):
        part.close()


def _decoder() -> _Decoder:
    if not hasattr(_LOCAL, "decoder"):
        _LOCAL.decoder = _Decoder()
    decoder: _Decoder = _LOCAL.decoder
    return decoder


@cache
def _program() -> tuple[Any, Any]:
    import wasmtime

    engine = wasmtime.Engine()
    module = wasmtime.Module(engine, Path(__file__).with_name("eighth.wasm").read_bytes())
    atexit.register(_close, engine, module)
    return engine, module


def _allow_addresses(size: int) -> None:
    """Raise a limit on this process's address space by what is only reserved."""
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
    """Whether the decoder runs here and gives the same pixels as the installed Pillow."""
    levels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
    image = Image.fromarray(levels).resize((152, 104), Image.Resampling.BICUBIC)
    try:
        return all(_agrees(image, sampling) for sampling in ("4:4:4", "4:2:2", "4:2:0"))
    except Exception:  # no build for this processor, or no address space left: Pillow does the work
        return False


def _agrees(image: Image.Image, sampling: str) -> bool:
    file = io.BytesIO()
    image.save(file, "jpeg", quality=80, subsampling=sampling)
    ours = _decoder().decode(file, file.tell(), image.size)
    file.seek(0)
    with Image.open(file) as theirs:
        theirs.draft("RGB", (image.width // SCALE, image.height // SCALE))
        return ours is not None and ours.tobytes() == theirs.tobytes()
