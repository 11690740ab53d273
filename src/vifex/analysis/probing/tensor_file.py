"""Arrays in a file of the format safetensors: a JSON header and plain numbers, which run no code.

The format has 8 bytes with the length of the header, the header, then the numbers. Its own library is in no
dependency of Vifex's core, and the format is small.

Source: https://github.com/huggingface/safetensors, section Format.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vifex.values import InputError

__all__ = ["read_tensors", "tensor_bytes"]

_KINDS: Final = {"F32": np.float32, "F64": np.float64, "I64": np.int64}
_MOST_HEADER_BYTES: Final = 1 << 20


def tensor_bytes(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return the content of a file with arrays of float32, float64 or int64, by name."""
    names = {np.dtype(kind): name for name, kind in _KINDS.items()}
    header: dict[str, object] = {}
    parts, end = [], 0
    for name, array in arrays.items():
        data = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        header[name] = {
            "dtype": names[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [end, end + len(data)],
        }
        parts.append(data)
        end += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([struct.pack("<Q", len(text)), text, *parts])


def read_tensors(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read all arrays of a file.

    Raises:
        InputError: If it cannot be read, or is not such a file with arrays of float32, float64 or int64.
    """
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise InputError(f"the file cannot be read ({exc.strerror}).", of=str(path)) from exc
    try:
        return _parsed(data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error) as exc:
        raise InputError("this is not a whole safetensors file of a classifier.", of=str(path)) from exc


def _parsed(data: bytes) -> dict[str, npt.NDArray[Any]]:
    (length,) = struct.unpack_from("<Q", data)
    if length > min(_MOST_HEADER_BYTES, len(data) - 8):
        raise ValueError("the header is longer than the file")
    body = memoryview(data)[8 + length :]
    found: dict[str, npt.NDArray[Any]] = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name == "__metadata__":
            continue
        kind = np.dtype(_KINDS[entry["dtype"]]).newbyteorder("<")
        start, end = entry["data_offsets"]
        if not 0 <= start <= end <= len(body) or end - start != kind.itemsize * math.prod(entry["shape"]):
            raise ValueError(f"{name} does not lie in the file")
        array = np.frombuffer(body[start:end], kind).reshape(entry["shape"])
        found[name] = array.astype(kind.newbyteorder("="))
    return found
