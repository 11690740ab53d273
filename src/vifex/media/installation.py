"""Distinguishes a faulty installation from a faulty file.

A library whose interface changed fails with `TypeError`, `ImportError` or `AttributeError` on every file. A
damaged file may cause the same errors. So files that are known to be good are decoded: if they fail in the
same way, the installation is at fault.
"""

from __future__ import annotations

import re
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from pathlib import Path
from traceback import walk_tb
from types import FrameType, ModuleType
from typing import Final

from vifex.values import InstallationError, Limits, Medium, ViewRequest
from vifex.values.media import path_to_uri

__all__ = ["failed_import", "installation_fault", "interface_error", "library_of", "supported"]

_INTERFACE_ERRORS: Final = (TypeError, ImportError, AttributeError)
"""Errors that a library with a changed interface causes."""

_IMPORT_ERRORS: Final = ("ImportError:", "ModuleNotFoundError:", "AttributeError:", "TypeError:")

_SIDE_PX: Final = 16
_SAMPLE_RATE_HZ: Final = 8000


def installation_fault(
    read: Callable[..., Iterator[object]], request: ViewRequest, limits: Limits
) -> InstallationError | None:
    """Decode files that are known to be good, and return the error of the library at fault if that fails.

    Args:
        read: `vifex.media.read.read`.
        request: A request of the run.
        limits: The limits of the run.

    Returns:
        An error that names the library and its version; `None` where the good files can be decoded.
    """
    files = {"probe.wav": _wav()} if request.audio is not None else {"probe.y4m": _y4m(), "probe.ppm": _ppm()}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for name, data in files.items():
            path = Path(folder, name)
            path.write_bytes(data)
            stat = path.stat()
            medium = Medium(path_to_uri(path), name, "unknown", stat.st_size, stat.st_mtime_ns)
            try:
                for _ in read(medium, [request], limits):
                    pass
            except Exception as exc:  # only changed interfaces are looked for here
                cause = interface_error(exc)
                if cause is not None:
                    return _explained(f"{type(cause).__name__}: {str(cause).rstrip('.')}", library_of(cause))
    return None


def interface_error(exc: BaseException) -> BaseException | None:
    """Return the error of a changed interface that an error is or comes from; `None` if there is none."""
    if isinstance(exc, _INTERFACE_ERRORS):
        return exc
    return interface_error(exc.__cause__) if exc.__cause__ is not None else None


def library_of(exc: BaseException) -> str | None:
    """Name the library that an error comes from.

    Args:
        exc: An error that was caught.

    Returns:
        The name of the distribution, as pip knows it; `None` if only code of Vifex took part.
    """
    frames = [frame for frame, _ in walk_tb(exc.__traceback__)]
    for frame in reversed(frames):
        found = _distribution(frame.f_globals.get("__name__", ""))
        if found is not None:
            return found
    if isinstance(exc, ImportError) and exc.name and (found := _distribution(exc.name)):
        return found
    # Compiled functions leave no frame, so the imports of the caller's module are used.
    return next((d for frame in reversed(frames) for d in _called(frame)), None)


def failed_import(last_line: str) -> InstallationError | None:
    """Explain why a Python process could not import what it needs.

    Args:
        last_line: The last line of its traceback, e.g. `ModuleNotFoundError: No module named 'av.error'`.

    Returns:
        An error that names the library and its version; `None` if the line tells of something else.
    """
    if not last_line.startswith(_IMPORT_ERRORS):
        return None
    named = re.search(r"(?:from|named|module|import of) '?((?!named)[\w.]+)", last_line)
    return _explained(last_line.rstrip("."), None if named is None else _distribution(named[1]))


def _explained(error: str, library: str | None) -> InstallationError:
    if library is None:
        return InstallationError(
            f"no file can be decoded with what is installed ({error}).",
            todo="Install Vifex again, in an environment of its own.",
        )
    return InstallationError(
        f"{library} {_version(library)} does not work with Vifex {_version('vifex')} ({error}).",
        todo=f"Install a version that does: pip install '{supported(library)}'.",
    )


def supported(library: str) -> str:
    """Return the versions of a library that work, e.g. `av>=18.0,<20`; the bare name if none are stated."""
    for line in requires("vifex") or ():
        found = re.match(r"([\w.-]+)(?:\[.*?\])?\s*([^;]*)", line)
        if found is not None and _same_name(found[1], library):
            bounds = sorted(found[2].strip().split(","), key=lambda bound: bound.startswith("<"))
            return library + ",".join(bounds)
    return library


def _same_name(one: str, other: str) -> bool:
    return one.lower().replace("_", "-") == other.lower().replace("_", "-")


def _called(frame: FrameType) -> Iterator[str]:
    """Yield the distributions whose modules the code of a frame names."""
    for name in frame.f_code.co_names:
        value = frame.f_globals.get(name)
        module = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        found = _distribution(module) if isinstance(module, str) else None
        if found is not None:
            yield found


def _distribution(module: str) -> str | None:
    top = module.partition(".")[0]
    if not top or top in {"vifex", "__main__", "builtins"} or top in sys.stdlib_module_names:
        return None
    return next(iter(packages_distributions().get(top, ())), None)


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "(unknown version)"


def _ppm() -> bytes:
    """An image of one colour."""
    return b"P6 %d %d 255\n" % (_SIDE_PX, _SIDE_PX) + bytes(3 * _SIDE_PX * _SIDE_PX)


def _y4m() -> bytes:
    """A video of two frames, not compressed."""
    frame = b"FRAME\n" + bytes(_SIDE_PX * _SIDE_PX * 3 // 2)
    return b"YUV4MPEG2 W%d H%d F25:1 Ip A1:1 C420jpeg\n" % (_SIDE_PX, _SIDE_PX) + 2 * frame


def _wav() -> bytes:
    """One second of silence: 16 bits, one channel."""
    data = bytes(2 * _SAMPLE_RATE_HZ)
    form = struct.pack("<HHIIHH", 1, 1, _SAMPLE_RATE_HZ, 2 * _SAMPLE_RATE_HZ, 2, 16)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks
