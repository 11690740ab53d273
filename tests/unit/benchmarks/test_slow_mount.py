"""The slow disk of a benchmark gives the bytes of its folder, late."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from slow_mount import can_mount, slow_mount

pytestmark = pytest.mark.skipif(not can_mount(), reason="a FUSE mount needs Linux, root and /dev/fuse")

LATENCY_S = 0.05
READ_BYTES = 128 << 10


def test_bytes_names_and_sizes_are_those_of_the_folder_and_reads_take_time(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    data = bytes(range(256)) * (3 * READ_BYTES // 256)
    (folder / "inner" / "a.bin").write_bytes(data)
    (folder / "b.bin").write_bytes(b"b")
    with slow_mount(folder, tmp_path / "mount", latency_ms=1000 * LATENCY_S, mb_per_s=1000) as mount:
        assert sorted(path.name for path in mount.iterdir()) == ["b.bin", "inner"]
        assert (mount / "inner" / "a.bin").stat().st_size == len(data)
        assert (mount / "b.bin").stat().st_dev != (folder / "b.bin").stat().st_dev
        began_s = time.monotonic()
        assert (mount / "inner" / "a.bin").read_bytes() == data
        assert time.monotonic() - began_s >= 3 * LATENCY_S
        with pytest.raises(FileNotFoundError):
            (mount / "absent").read_bytes()
    assert not (tmp_path / "mount").is_mount()
