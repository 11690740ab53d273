"""128-bit hashes and texts as 64-bit numbers: what the index of finished media compares."""

from __future__ import annotations

import binascii
import hashlib
import struct
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.store.files.faults import BrokenTableError

__all__ = ["are_hex", "find_lanes", "hash_text", "hash_texts", "hex_lanes", "lanes_of", "mix", "mix_lanes"]

U64 = npt.NDArray[np.uint64]

_LANES: Final = struct.Struct(">QQ")
_MASK: Final = (1 << 64) - 1
_FIRST: Final = 0xBF58476D1CE4E5B9
_SECOND: Final = 0x94D049BB133111EB
_INCREMENT: Final = 0x9E3779B97F4A7C15
_NONE: Final = 0x5DEECE66D
"""What stands for a missing text."""

_HEX: Final = frozenset(b"0123456789abcdef")
_NOT_UPPER: Final = np.uint64(0x2020202020202020)
"""The bit that digits and small letters have and capital letters lack, in each of eight characters."""


def lanes_of(hex_hash: str) -> tuple[int, int]:
    """Return the upper and the lower 64 bits of a hash of 32 hex digits.

    Raises:
        ValueError: If it is none.
    """
    data = bytes.fromhex(hex_hash)
    if len(data) != 16:
        raise ValueError(f"not a hash of 128 bits: {hex_hash!r}")
    high, low = _LANES.unpack(data)
    return high, low


def hex_lanes(hashes: pa.Array) -> tuple[U64, U64]:
    """Return the upper and the lower 64 bits of hashes, uint64 `[N]` each.

    Args:
        hashes: Strings or large strings of 32 hex digits each, none null.

    Raises:
        BrokenTableError: If one is not: the column was damaged.
    """
    lanes = _lanes(hashes)
    if lanes is None:
        raise BrokenTableError("the ids of some media are not what was written")
    return lanes


def are_hex(hashes: pa.Array) -> npt.NDArray[np.bool_]:
    """Return which texts are hashes of 32 hex digits, bool `[N]`."""
    if _lanes(hashes) is not None:
        return np.ones(len(hashes), np.bool_)
    # Damaged bytes need not be UTF-8.
    octets = hashes.cast(pa.large_binary()).to_pylist()
    return np.array([data is not None and len(data) == 32 and set(data) <= _HEX for data in octets])


def find_lanes(high: U64, low: U64, wanted_high: U64, wanted_low: U64) -> npt.NDArray[np.int64]:
    """Find 128-bit numbers among many, int64 `[M]`: the place of each, -1 where it is not there.

    Args:
        high: Upper halves, rising, `[N]`.
        low: Lower halves, `[N]`.
        wanted_high: Upper halves of the numbers to find, `[M]`.
        wanted_low: Their lower halves, `[M]`.
    """
    places = np.searchsorted(high, wanted_high)
    inside = places < len(high)
    places[~inside] = 0
    same = np.zeros(len(places), np.bool_)
    if len(high):
        same = inside & (high[places] == wanted_high)
    found = np.where(same, places, -1)
    # Two numbers with the same upper half practically never occur.
    for number in np.flatnonzero(same & (low[places] != wanted_low) if len(high) else same).tolist():
        end = int(np.searchsorted(high, wanted_high[number], side="right"))
        among = np.flatnonzero(low[places[number] : end] == wanted_low[number])
        found[number] = places[number] + among[0] if len(among) else -1
    return found


def hash_text(text: str | None) -> int:
    """Return 64 bits that stand for a text; for a hash in hex they are made of its own bits."""
    return _hash(text)


def hash_texts(texts: pa.Array) -> U64:
    """Return `hash_text` of each text of a column, uint64 `[N]`."""
    if texts.null_count == len(texts):
        return np.full(len(texts), _NONE, np.uint64)
    lanes = _lanes(texts)
    if lanes is not None:
        return mix_lanes(*lanes)
    encoded = texts.dictionary_encode()
    known = np.array([_hash(text) for text in encoded.dictionary.to_pylist()] + [_hash(None)], np.uint64)
    indices = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy()
    found: U64 = known[indices]
    return found


def mix(state: int, value: int) -> int:
    """Take a 64-bit value into a 64-bit state; another value always gives another state."""
    x = ((state ^ (value & _MASK)) + _INCREMENT) & _MASK
    x = ((x ^ (x >> 30)) * _FIRST) & _MASK
    x = ((x ^ (x >> 27)) * _SECOND) & _MASK
    return x ^ (x >> 31)


def mix_lanes(state: U64, values: U64) -> U64:
    """Do the same as `mix` for arrays of states and values, uint64 `[N]` each."""
    x = (state ^ values) + np.uint64(_INCREMENT)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(_FIRST)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(_SECOND)
    return x ^ (x >> np.uint64(31))


@lru_cache(maxsize=4096)
def _hash(text: str | None) -> int:
    if text is None:
        return _NONE
    if len(text) == 32:
        try:
            return mix(int(text[:16], 16), int(text[16:], 16)) if _is_hex(text) else _digest(text)
        except ValueError:
            pass
    return _digest(text)


def _is_hex(text: str) -> bool:
    return all(c in "0123456789abcdef" for c in text)


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _lanes(hashes: pa.Array) -> tuple[U64, U64] | None:
    """Return the halves of hashes, uint64 `[N]` each; `None` if not all are 32 hex digits."""
    if len(hashes) == 0:
        return np.empty(0, np.uint64), np.empty(0, np.uint64)
    width = np.int64 if pa.types.is_large_string(hashes.type) else np.int32
    _, places, data = hashes.buffers()
    offsets = np.frombuffer(places, width)[hashes.offset : hashes.offset + len(hashes) + 1]
    if hashes.null_count or np.any(np.diff(offsets) != 32):
        return None
    text = memoryview(data)[int(offsets[0]) : int(offsets[-1])]
    try:
        octets = binascii.unhexlify(text)
    except binascii.Error:
        return None
    if np.bitwise_and.reduce(np.frombuffer(text, np.uint64)) & _NOT_UPPER != _NOT_UPPER:
        return None
    lanes = np.frombuffer(octets, ">u8").reshape(-1, 2)
    return lanes[:, 0].astype(np.uint64), lanes[:, 1].astype(np.uint64)
