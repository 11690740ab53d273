"""The content hash is what docs/store-format.md says, reads at most 24 KiB, and does not see the name."""

from __future__ import annotations

import hashlib
import os
from itertools import pairwise
from pathlib import Path

import pytest

from vifex.media.content_hash import MAX_BYTES, _parts, content_hash

KIB = 1 << 10


def by_hand(data: bytes) -> str:
    """Computed here from the text of docs/store-format.md."""
    digest = hashlib.sha256(len(data).to_bytes(8, "little"))
    if len(data) <= 24 * KIB:
        digest.update(data)
    else:
        digest.update(data[: 8 * KIB])
        for i in range(4):
            start = 8 * KIB + i * (len(data) - 16 * KIB - 2048) // 3
            digest.update(data[start : start + 2048])
        digest.update(data[-8 * KIB :])
    return digest.hexdigest()[:32]


@pytest.mark.parametrize("size", [0, 1, 4096, 24 * KIB, 24 * KIB + 1, 900 * KIB + 12345])
def test_the_hash_is_what_the_format_says(size: int, tmp_path: Path) -> None:
    data = os.urandom(size)
    file = tmp_path / "a.jpg"
    file.write_bytes(data)
    found = content_hash(file)
    assert found == by_hand(data)
    file.rename(tmp_path / "b.png")
    assert content_hash(tmp_path / "b.png") == found
    if size:
        (tmp_path / "c").write_bytes(bytes([data[0] ^ 1]) + data[1:])
        assert content_hash(tmp_path / "c") != found
        (tmp_path / "c").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        assert content_hash(tmp_path / "c") != found
        (tmp_path / "c").write_bytes(data[:-1])
        assert content_hash(tmp_path / "c") != found


@pytest.mark.parametrize("size", [24 * KIB + 1, 80 * KIB, 100_000 * KIB, 1 << 42])
def test_what_is_read_lies_in_the_file_in_order_and_is_at_most_24_kib(size: int) -> None:
    parts = list(_parts(size))
    assert sum(count for _, count in parts) == MAX_BYTES
    assert parts[0] == (0, 8 * KIB)
    assert parts[-1] == (size - 8 * KIB, 8 * KIB)
    starts = [start for start, _ in parts]
    assert starts == sorted(starts)
    assert all(start >= 0 and start + count <= size for start, count in parts)
    between = [b - a for a, b in pairwise(starts[1:-1])]
    assert max(between) - min(between) <= 1
    assert starts[-2] + 2048 == size - 8 * KIB


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="absent"):
        content_hash(tmp_path / "absent")
