"""Archives and lists given as media are named as such, with the way that works."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vifex
from vifex.media.read import frame_at
from vifex.values import Limits, MediaError, PixelSpec

SPEC = PixelSpec(32, 32)


def image() -> bytes:
    out = io.BytesIO()
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(out, "PNG")
    return out.getvalue()


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("BMa.png", image())
    return out.getvalue()


def tarred(mode: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        # A name that begins as an image does.
        info = tarfile.TarInfo("BMa.png")
        info.size = len(image())
        archive.addfile(info, io.BytesIO(image()))
    return out.getvalue()


ARCHIVES = {
    "zip": (zipped(), "a zip archive"),
    "tar": (tarred("w:"), "a tar archive"),
    "tar.gz": (tarred("w:gz"), "packed by gzip"),
    "tar.xz": (tarred("w:xz"), "packed by xz"),
    "png.gz": (gzip.compress(image()), "packed by gzip"),
    "png.bz2": (bz2.compress(image()), "packed by bzip2"),
    "png.xz": (lzma.compress(image()), "packed by xz"),
    "7z": (b"7z\xbc\xaf'\x1c\x00\x04" + bytes(100), "a 7z archive"),
    "rar": (b"Rar!\x1a\x07\x01\x00" + bytes(100), "a RAR archive"),
    "zst": (b"\x28\xb5\x2f\xfd" + bytes(100), "packed by zstd"),
}

LISTS = {
    "list.txt": (
        "a.jpg\nb/c d.mp4\n/abs/e.png\n",
        "a list of paths",
        "vifex extract - -o STORE < 'list.txt'",
    ),
    "bom.lst": ("\ufeffa.jpg\r\nb.jpg\r\n", "a list of paths", "vifex extract - -o STORE < 'bom.lst'"),
    "one": ("photo.png", "a list of paths", "vifex extract - -o STORE < 'one'"),
    "play.m3u": (
        "#EXTM3U\n#EXTINF:3,A song\na.mp4\n",
        "a playlist",
        "grep -v '^#' 'play.m3u' | vifex extract -",
    ),
    "hls.m3u8": ("#EXTM3U\n#EXT-X-VERSION:3\na.ts\n", "an HLS playlist", "Give the file that is meant"),
    "table.txt": ("uri,label\na.jpg,cat\nb.jpg,dog\n", "a table of text", "end in .csv"),
    "tabs.dat": ("path\tlabel\na.jpg\tcat\n", "a table of text", "end in .csv (or .tsv)"),
    "rows.txt": ('{"uri": "a.jpg"}\n{"uri": "b.jpg"}\n', "JSON", "end in .jsonl"),
    "all.json": ('[\n {"uri": "a.jpg"}\n]\n', "JSON", "end in .jsonl"),
    "prose.txt": ("Dear reader,\nthis is a text. It ends here.\n", "a text file", "that is meant"),
    "page.html": ("<html><body>a.jpg</body></html>", "a web page", "that is meant"),
}


@pytest.mark.parametrize("suffix", sorted(ARCHIVES))
@pytest.mark.parametrize("named", [True, False])
def test_an_archive_is_to_be_unpacked(tmp_path: Path, suffix: str, named: bool) -> None:
    data, words = ARCHIVES[suffix]
    path = tmp_path / (f"a.{suffix}" if named else "a.jpg")
    path.write_bytes(data)
    with pytest.raises(MediaError, match=rf"{words}.* (U|or u)npack it"):
        frame_at(path, 0.0, SPEC, Limits())


@pytest.mark.parametrize("name", sorted(LISTS))
def test_a_list_is_named_with_the_way_that_works(tmp_path: Path, name: str) -> None:
    text, words, way = LISTS[name]
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(MediaError) as caught:
        frame_at(tmp_path / name, 0.0, SPEC, Limits())
    assert words in caught.value.what
    assert way in str(caught.value.todo)


def test_the_ways_that_are_named_work(tmp_path: Path, vifex_command: Any) -> None:
    """A list on standard input, a playlist without its comments, a table under another name."""
    (tmp_path / "a.png").write_bytes(image())
    (tmp_path / "play.m3u").write_text("#EXTM3U\n#EXTINF:1,x\na.png\n")
    (tmp_path / "table.txt").write_text("uri,label\na.png,cat\n")
    names = "\n".join(line for line in (tmp_path / "play.m3u").read_text().split("\n") if line[:1] != "#")
    done = vifex_command("extract", "-", "-o", "list.vifex", "-q", input=names, cwd=tmp_path)
    assert (done.returncode, "1 ok" in done.stdout) == (0, True), done.stderr
    os.rename(tmp_path / "table.txt", tmp_path / "table.csv")  # noqa: PTH104
    done = vifex_command("extract", "table.csv", "-o", "table.vifex", "-q", cwd=tmp_path)
    assert (done.returncode, "1 ok" in done.stdout) == (0, True), done.stderr


def test_in_a_folder_archives_are_skipped_and_why_is_told(tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    (media / "a.png").write_bytes(image())
    for suffix, (data, _) in ARCHIVES.items():
        (media / f"a.{suffix}").write_bytes(data)
    report = vifex.extract(media, tmp_path / "s.vifex")
    assert (report.ok, report.skipped, report.failed) == (1, len(ARCHIVES), 0)
    for problem in report.problems:
        way = "name it as a source" if problem.name in ("a.zip", "a.tar") else "unpack it"
        assert problem.reason == f"an archive; {way} to read what is in it"
