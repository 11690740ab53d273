"""Container headers: whatever the bytes, reading ends, reads little, and leaves the file where it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vifex.media.decode.files.source import MediaFile
from vifex.media.decode.files.stated import Stated, stated


def _ebml(name: str, body: bytes) -> bytes:
    return bytes.fromhex(name) + (1 << 56 | len(body)).to_bytes(8, "big") + body


def _box(name: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + name + body


def _matroska() -> bytes:
    video = b"".join(_ebml(n, v.to_bytes(2, "big")) for n, v in (("b0", 160), ("ba", 104), ("54cc", 8)))
    track = _ebml("ae", _ebml("d7", b"\1") + _ebml("83", b"\1") + _ebml("e0", video))
    return _ebml("1a45dfa3", b"") + _ebml("18538067", _ebml("1654ae6b", track))


def _mp4() -> bytes:
    aperture = b"".join(n.to_bytes(4, "big") for n in (152, 1, 104, 1, 4, 1, 0, 1))
    fields = bytes(24) + (160).to_bytes(2, "big") + (104).to_bytes(2, "big") + bytes(50)
    entry = _box(b"avc1", fields + _box(b"clap", aperture))
    header = bytes(12) + (1).to_bytes(4, "big") + bytes(68)
    inner = _box(b"stbl", _box(b"stsd", bytes(7) + b"\1" + entry))
    track = _box(b"trak", _box(b"tkhd", header) + _box(b"mdia", _box(b"minf", inner)))
    return _box(b"ftyp", b"isom") + _box(b"moov", track)


WHOLE = {"mov,mp4,m4a,3gp,3g2,mj2": _mp4(), "matroska,webm": _matroska()}


class _Counted(MediaFile):
    """Counts what is read."""

    n_bytes = 0

    def read(self, size: int) -> bytes:
        assert size >= 0
        data = super().read(size)
        self.n_bytes += len(data)
        return data


def _read(path: Path, data: bytes, name: str) -> tuple[Stated, int]:
    path.write_bytes(data)
    file = _Counted(str(path), "x")
    try:
        file.seek(min(3, len(data)))
        found = stated(file, name, 1, 0)
        assert file.tell() == min(3, len(data))
        return found, file.n_bytes
    finally:
        file.close()


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_whole_headers_are_read(name: str, tmp_path: Path) -> None:
    found, _ = _read(tmp_path / "x", WHOLE[name], name)
    assert found.margins.left == 8
    assert found.margins.right == 0


@pytest.mark.parametrize("name", sorted(WHOLE))
@given(
    places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
    keep=st.floats(0, 1),
    repeat=st.integers(1, 3),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_headers_raise_nothing(
    name: str, places: list[tuple[float, int]], keep: float, repeat: int, tmp_path: Path
) -> None:
    data = bytearray(WHOLE[name] * repeat)
    for where, value in places:
        data[int(where * len(data))] = value
    data = data[: max(1, round(keep * len(data)))]
    _, n_bytes = _read(tmp_path / "x", bytes(data), name)
    assert n_bytes <= 8 * len(data) + 1024


@pytest.mark.parametrize("name", sorted(WHOLE))
@pytest.mark.parametrize(
    "filler", [b"\0" * 8, b"\0\0\0\x08free", b"\xec\x80", b"\xff" * 16, b"\x1a\x45\xdf\xa3\x80"]
)
def test_endless_small_elements_end(name: str, filler: bytes, tmp_path: Path) -> None:
    _, n_bytes = _read(tmp_path / "x", WHOLE[name][:20] + filler * 200_000, name)
    assert n_bytes < 1 << 18
