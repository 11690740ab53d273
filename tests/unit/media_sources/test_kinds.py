"""Kinds by first bytes, against real files and against what only looks like them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vifex.media.sources import kinds


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"BMW sells cars, and more words follow here",
        b"G" * 400 + b"text",
        b"P1 is the first part",
        b"RIFF....CDXA",
        b"FWS\x09",
        b"PK\x03\x04",
        b"%PDF-1.7",
        b"\x7fELF\x02\x01",
        b"\x00\x00\x01\x00",
        b"\x00" * 4096,
        b"SQLite format 3\x00",
        b"\xfe\xff\x00t\x00e\x00x\x00t",
        b"\xff\xfet\x00e\x00x\x00t\x00",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"#EXTM3U\n",
    ],
)
def test_other_files_are_no_media(head: bytes) -> None:
    assert kinds.by_head(head) is None


@pytest.mark.parametrize("head", [b"text", "Grüße ".encode() * 700, "照片".encode() * 600 + b"\xe7"])
def test_text_is_text_also_where_a_character_is_cut(head: bytes) -> None:
    assert kinds.is_text(head)
    assert not kinds.is_text(b"\x00" + head)
    assert not kinds.is_text(b"")


def test_suffixes_of_any_case_tell_the_kind() -> None:
    names = ["a.JPG", "b.tiff", "c.M2TS", "d.Flac", "e", ".jpg", "f.txt", "g.jpg.part", "照片.MP4"]
    assert [kinds.by_name(n) for n in names] == [
        "image", "image", "video", "audio", None, None, None, None, "video",
    ]  # fmt: skip


@pytest.mark.shared
def test_first_bytes_agree_with_the_names_of_good_files(shared_media: Path) -> None:
    """All 94 are what their names say, so each must be known by its first bytes alone."""
    wrong = []
    for path in sorted((shared_media / "good").iterdir()):
        kind = kinds.by_head(path.read_bytes()[: kinds.HEAD_BYTES])
        if kind != kinds.by_name(path.name):
            wrong.append((path.name, kind))
    assert wrong == []


@pytest.mark.shared
def test_first_bytes_see_through_wrong_names(shared_media: Path) -> None:
    def kind(name: str) -> str | None:
        return kinds.by_head((shared_media / name).read_bytes()[: kinds.HEAD_BYTES])

    assert kind("odd/mp4-named.jpg") == "video"
    assert kind("odd/jpeg-named.png") == "image"
    assert kind("odd/no-pts-raw.h264") == "video"
    assert kind("odd/phone.heic") == "image"
    assert kind("odd/icon.ico") == "image"
    assert kind("bad/text-named.mp4") is None
