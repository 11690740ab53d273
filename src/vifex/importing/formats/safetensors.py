"""`.safetensors`: tensors by name, and texts in the metadata or as tensors of bytes with offsets.

The format is a length, a JSON header and the bytes of the tensors (https://huggingface.co/docs/safetensors).
"""

from __future__ import annotations

import itertools
import json
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from vifex.importing.arrays import RowArray, array_file
from vifex.importing.features import FeatureFile, damaged, stamp_of

__all__ = ["open_safetensors"]

_TYPES: Final = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1"},
    **{"U8": "|u1", "U16": "<u2", "U32": "<u4", "U64": "<u8", "BOOL": "|u1", "BF16": "<u2"},
}
_MOST_HEADER_BYTES: Final = 100_000_000
_OURS: Final = {"names": "name", "keys": "key"}


def open_safetensors(path: Path, wanted: Sequence[str]) -> FeatureFile:
    """Open a file of tensors.

    Raises:
        InputError: If it cannot be read or has no vectors.
    """
    try:
        header, start = _header(path)
        metadata = header.pop("__metadata__", {})
        arrays = {name: _array(path, start, said) for name, said in header.items()}
        recipe = json.loads(metadata["vifex.recipe"]) if "vifex.recipe" in metadata else None
        for name in [name for name in arrays if name.endswith(".utf8")]:
            column = name.removesuffix(".utf8")
            offsets = arrays.pop(f"{column}.offsets", None)
            if offsets is not None:
                texts = arrays.pop(name)
                count = offsets.shape[0] - 1
                arrays[column] = RowArray((count,), None, partial(_texts, texts, offsets))
        for given, column in _OURS.items():
            listed = json.loads(metadata[given]) if given in metadata else None
            if isinstance(listed, list):
                arrays[column] = RowArray((len(listed),), None, partial(_listed, listed))
    except (OSError, ValueError, KeyError, TypeError, struct.error) as exc:
        raise damaged(path, exc, "safetensors") from exc
    return array_file(path, "safetensors", arrays, wanted, recipe=recipe, stamp=stamp_of(path))


def _header(path: Path) -> tuple[dict[str, Any], int]:
    size = path.stat().st_size
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > min(_MOST_HEADER_BYTES, size):
            raise ValueError("it has no header")
        header = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("its header is no object")  # noqa: TRY004 - of the file, not a call
    ends = [said["data_offsets"][1] for name, said in header.items() if name != "__metadata__"]
    if 8 + length + max(ends, default=0) > size:
        raise ValueError("it ends too early")
    return header, 8 + length


def _array(path: Path, start: int, said: Mapping[str, Any]) -> RowArray:
    kind, shape = said["dtype"], tuple(said["shape"])
    code = _TYPES.get(kind)
    if code is None:
        return RowArray(shape, np.dtype("V1"), partial(_open, path, 0, "V1", shape, False))
    offset = start + said["data_offsets"][0]
    dtype = np.dtype("float32") if kind == "BF16" else np.dtype(code)
    return RowArray(shape, dtype, partial(_open, path, offset, code, shape, kind == "BF16"))


def _open(
    path: Path, offset: int, code: str, shape: tuple[int, ...], is_bfloat16: bool, stack: ExitStack
) -> Callable[[int], Any]:
    file = stack.enter_context(path.open("rb"))
    file.seek(offset)
    dtype, width = np.dtype(code), math.prod(shape[1:])

    def take(count: int) -> Any:
        data = file.read(count * width * dtype.itemsize)
        found = np.frombuffer(data, dtype).reshape(count, *shape[1:])
        # The upper half of a float32 is a bfloat16.
        return (found.astype(np.uint32) << 16).view(np.float32) if is_bfloat16 else found

    return take


def _texts(texts: RowArray, offsets: RowArray, stack: ExitStack) -> Callable[[int], list[str]]:
    take_bytes, take_offsets = texts.open(stack), offsets.open(stack)
    end = int(take_offsets(1)[0])

    def take(count: int) -> list[str]:
        nonlocal end
        ends = take_offsets(count).tolist()
        if any(first > last for first, last in itertools.pairwise((end, *ends))):
            raise ValueError("the offsets of its texts do not rise")
        data = take_bytes(ends[-1] - end).tobytes() if ends else b""
        places = [place - end for place in (end, *ends)]
        end = ends[-1] if ends else end
        return [data[first:last].decode() for first, last in itertools.pairwise(places)]

    return take


def _listed(texts: Sequence[Any], stack: ExitStack) -> Callable[[int], list[str]]:
    left = iter(texts)
    return lambda count: [str(next(left)) for _ in range(count)]
