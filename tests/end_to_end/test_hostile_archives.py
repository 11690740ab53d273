"""Archives that are made to do harm: each member is refused or listed, nothing is written outside the store.

The command runs in a folder of its own with a limit on the size of files, and all that lies around it is
compared before and after.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

TEN_GB = 10 << 30
_LOCAL = struct.Struct("<4sHHHHHLLLHH")
_CENTRAL = struct.Struct("<4sHHHHHHLLLHHHHHLL")
_END = struct.Struct("<4sHHHHLLH")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, devices and limits of POSIX")


def image() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 24, 3), np.uint8)).save(out, "PNG")
    return out.getvalue()


def zeros() -> bytes:
    """Give a deflate stream that unpacks to 10 GiB of zeros: the same block of 16 MiB again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packer.compress(b"")
    block = packer.compress(bytes(16 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * (TEN_GB >> 24) + packer.flush(zlib.Z_FINISH)


def write_packed(path: Path, name: str, packed: bytes, claimed: int) -> None:
    """Write a zip archive of one deflated member that claims to unpack to so many bytes."""
    big = claimed > 0xFFFFFFFF
    extra = struct.pack("<HHQQ", 1, 16, claimed, len(packed)) if big else b""
    sizes = (0xFFFFFFFF, 0xFFFFFFFF) if big else (len(packed), claimed)
    raw = name.encode()
    local = _LOCAL.pack(b"PK\3\4", 45, 0, 8, 0, 33, 0, *sizes, len(raw), len(extra)) + raw + extra
    entry = _CENTRAL.pack(b"PK\1\2", 45, 45, 0, 8, 0, 33, 0, *sizes, len(raw), len(extra), 0, 0, 0, 0, 0)
    entry += raw + extra
    start = len(local) + len(packed)
    path.write_bytes(local + packed + entry + _END.pack(b"PK\5\6", 0, 0, 1, 1, len(entry), start, 0))


def write_overlapping(path: Path, data: bytes) -> None:
    """Write a zip archive whose directory names one member's bytes four times."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("0.png", data)
        (info,) = archive.infolist()
        for number in range(1, 4):
            other = zipfile.ZipInfo(f"{number}.png")
            for name in ("CRC", "compress_size", "file_size", "header_offset", "external_attr"):
                setattr(other, name, getattr(info, name))
            archive.filelist.append(other)


def write_hostile(path: Path, outside: Path, data: bytes) -> None:
    with tarfile.open(path, "w") as archive:

        def add(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", content: bytes = b"") -> None:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, link, len(content)
            archive.addfile(info, io.BytesIO(content))

        add("good.png", content=data)
        add("../../climbs.png", content=data)
        add(str(outside / "absolute.png"), content=data)
        add("door", tarfile.SYMTYPE, str(outside))
        add("door/through.png", content=data)
        add("secret.png", tarfile.SYMTYPE, str(outside / "secret.png"))
        add("hard.png", tarfile.LNKTYPE, str(outside / "secret.png"))
        add("device.png", tarfile.CHRTYPE)
        add("pipe.png", tarfile.FIFOTYPE)
        add("good.png", content=b"another")


def everything(root: Path, but: set[Path]) -> dict[str, tuple[int, int, int]]:
    """Give size, time of change and inode of all that lies in a folder."""
    found = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if Path(folder, f) not in but]
        for name in [*folders, *names]:
            stat = Path(folder, name).lstat()
            found[os.path.join(folder, name)] = (stat.st_size, stat.st_mtime_ns, stat.st_ino)  # noqa: PTH118
    return found


@pytest.fixture
def run(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Run `vifex extract` in `here/deep`, where no file may grow beyond 300 MB."""
    work, scratch = tmp_path / "here" / "deep", tmp_path / "scratch"
    for folder in (work, scratch, tmp_path / "outside"):
        folder.mkdir(parents=True)
    environment = {**os.environ, "TMPDIR": str(scratch), "HOME": str(tmp_path / "outside")}
    limited = ["bash", "-c", 'ulimit -f 300000; exec "$@"', "limited", sys.executable, "-m", "vifex"]

    def extract(*words: object) -> subprocess.CompletedProcess[str]:
        command = [*limited, "extract", *map(str, words), "-o", "s.vifex", "--quiet", "--json"]
        before = everything(tmp_path, {work / "s.vifex", scratch})
        done = subprocess.run(
            command, cwd=work, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        after = everything(tmp_path, {work / "s.vifex", scratch})
        names = (str(work), str(scratch))
        assert {k: v for k, v in after.items() if k not in names} == {
            k: v for k, v in before.items() if k not in names
        }
        assert not list(scratch.iterdir()), "a temporary file was left"
        return done

    return extract


def test_nothing_is_written_outside_and_each_member_is_refused_or_listed(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    work, outside, data = tmp_path / "here" / "deep", tmp_path / "outside", image()
    (outside / "secret.png").write_bytes(data)
    write_hostile(work / "hostile.tar", outside, data)
    packed = zeros()
    write_packed(work / "bomb.zip", "bomb.png", packed, TEN_GB)
    write_packed(work / "liar.zip", "liar.png", packed, 1000)
    write_overlapping(work / "overlap.zip", data)
    (work / "bomb.tar").write_bytes(gzip.compress(bytes(1 << 20)) * 16)
    with tarfile.open(work / "cut.tar", "w") as archive:
        for number in range(3):
            info = tarfile.TarInfo(f"cut-{number}.png")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    whole = (work / "cut.tar").read_bytes()
    (work / "cut.tar").write_bytes(whole[: 2 * len(whole) // 5])
    archives = ["hostile.tar", "bomb.zip", "liar.zip", "overlap.zip", "bomb.tar", "cut.tar"]
    done = run(*archives)
    assert done.returncode == 3, done.stderr
    said = json.loads(done.stdout)
    problems = {p["name"].rpartition("deep/")[2]: (p["status"], p["reason"]) for p in said["problems"]}
    read = said["media"] - len(problems)
    assert said["ok"] == said["rows"] == read
    wanted = {
        "door": "links in archives are not followed",
        "secret.png": "links in archives are not followed",
        "hard.png": "links in archives are not followed",
        "device.png": "a device",
        "pipe.png": "a named pipe",
        "good.png": "another member of this name",
        "bomb.png": "unpacks to 10,737,418,240 bytes",
        "liar.png": "damaged",
        "1.png": "they overlap",
        "2.png": "they overlap",
        "3.png": "they overlap",
        "bomb.tar": "damaged",
        "cut.tar": "ends too early",
    }
    assert {name: text in problems[name][1] for name, text in wanted.items()} == dict.fromkeys(wanted, True)
    statuses = {name: status for name, (status, _) in problems.items()}
    assert {n for n, s in statuses.items() if s == "skipped"} == {
        "door",
        "secret.png",
        "hard.png",
        "device.png",
        "pipe.png",
    }
    # The good member, three whose names lead elsewhere, the first of those that overlap, one before the cut.
    assert said["ok"] == 6


def test_a_packed_tar_is_refused_without_being_read(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "here" / "deep" / "bomb.tar.gz"
    path.write_bytes(gzip.compress(bytes(64 << 20)) * 160)
    assert path.stat().st_size < 12 << 20
    done = run(path.name)
    assert done.returncode == 4
    assert "a packed tar archive" in done.stderr
