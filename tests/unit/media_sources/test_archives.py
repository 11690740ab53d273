"""Tar and zip archives as sources: what is found, what is said, and what is made to do harm."""

from __future__ import annotations

import io
import json
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from vifex.media.decode.files.source import open_medium, open_uri
from vifex.media.members import tars, zips
from vifex.media.sources import archive_index, archives, find
from vifex.values import InputError, MediaError, Medium, Outcome
from vifex.values.media import member_of, uri_to_path

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(200))
Write = Callable[[Path, dict[str, bytes]], Path]


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def write_zip(path: Path, members: dict[str, bytes], packing: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def write_packed_zip(path: Path, members: dict[str, bytes]) -> Path:
    return write_zip(path, members, zipfile.ZIP_DEFLATED)


KINDS = [(write_tar, "a.tar"), (write_zip, "a.zip"), (write_packed_zip, "b.zip")]


def found_in(path: Path) -> tuple[list[Medium], list[Outcome], list[str]]:
    notices: list[str] = []
    found = list(find([path], on_notice=notices.append))
    media = [f for f in found if isinstance(f, Medium)]
    return media, [f for f in found if isinstance(f, Outcome)], notices


@pytest.mark.parametrize(("write", "name"), KINDS)
def test_members_are_media_and_are_read_where_they_lie(write: Write, name: str, tmp_path: Path) -> None:
    contents = {"c/1.jpg": JPEG, "c/2.JPG": JPEG * 2, "v.mp4": JPEG * 3, "notes.md": b"x", "without": JPEG}
    path = write(tmp_path / name, contents)
    media, outcomes, _ = found_in(path)
    assert [(m.name, m.kind) for m in media] == [
        ("c/1.jpg", "image"),
        ("c/2.JPG", "image"),
        ("v.mp4", "video"),
        ("without", "image"),
    ]
    assert [(o.medium.name, o.status) for o in outcomes] == [("notes.md", "skipped")]
    for medium in media:
        assert medium.uri.startswith(path.as_uri() + "#")
        assert (uri_to_path(medium.uri), member_of(medium.uri)) == (str(path), medium.name)
        with open_medium(medium) as file:
            assert file.head() == contents[medium.name][:4096]
            assert (file.seek(0, os.SEEK_END), file.read(1)) == (len(contents[medium.name]), b"")
        with open_uri(medium.uri) as file:  # by the address alone
            assert bytes(file.whole()[:]) == contents[medium.name]
            buffered = file.buffered(b"\0\0")
            assert buffered.read() == b"\0\0" + contents[medium.name][2:]
    assert len({m.medium_id for m in media}) == 4


@pytest.mark.parametrize(("write", "name"), KINDS)
def test_a_shard_of_webdataset(
    write: Write, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(
        tmp_path / name,
        {
            "0001.jpg": JPEG,
            "0001.cls": b"7\n",
            "0001.txt": b"a caption",
            "0002.json": json.dumps({"class": "dog", "subset": "val", "hash": 3}).encode(),
            "0002.seg.png": JPEG,
            "0002.jpg": JPEG,
            "0003.jpg": JPEG,
            "0003.json": b"{broken",
        },
    )
    monkeypatch.setattr(archive_index, "_SETTLED_NS", 0)
    assert found_in(path) == found_in(path), "an index gives what the listing gave"
    media, outcomes, (kept, notice) = found_in(path)
    assert [(m.name, m.label, m.split) for m in media] == [
        ("0001.jpg", "7", None),
        ("0002.seg.png", "dog", "val"),
        ("0002.jpg", "dog", "val"),
        ("0003.jpg", None, None),
    ]
    assert not outcomes
    assert kept == f"{path}: the fields txt, hash are kept as extra columns."
    assert notice == f"{path}: beside its media, these are not read: .json."
    assert [m.extra for m in media] == ['{"txt":"a caption"}', '{"hash":3}', '{"hash":3}', None]


@pytest.mark.parametrize("name", [b"caf\xe9.jpg", "ünï/✓.jpg".encode(), b"a#b%20?.jpg", b"x" * 180 + b".jpg"])
def test_names_of_any_bytes(name: bytes, tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a b#.tar", {os.fsdecode(name): JPEG})
    (medium,), _, _ = found_in(path)
    assert os.fsencode(member_of(medium.uri) or "") == name
    with open_uri(medium.uri) as file:
        assert file.head() == JPEG


def test_names_that_would_escape_are_only_names(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    path = write_tar(inner / "a.tar", {"../out.jpg": JPEG, "/etc/abs.jpg": JPEG})
    write_zip(inner / "b.zip", {"../out.jpg": JPEG})
    for archive in (path, inner / "b.zip"):
        for medium in found_in(archive)[0]:
            with open_medium(medium) as file:
                assert file.head() == JPEG
    assert sorted(p.name for p in tmp_path.iterdir()) == ["inner"]
    assert sorted(p.name for p in inner.iterdir()) == ["a.tar", "b.zip"]


def test_links_and_devices_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(JPEG)
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for kind, name in (
            (tarfile.SYMTYPE, "s.jpg"),
            (tarfile.LNKTYPE, "h.jpg"),
            (tarfile.CHRTYPE, "c.jpg"),
            (tarfile.FIFOTYPE, "p.jpg"),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, str(tmp_path / "secret.jpg")
            archive.addfile(info)
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
        link = zipfile.ZipInfo("s.jpg")
        link.external_attr = 0o120777 << 16
        packed.writestr(link, str(tmp_path / "secret.jpg"))
    for name, count in (("a.tar", 4), ("b.zip", 1)):
        media, outcomes, _ = found_in(tmp_path / name)
        assert not media
        assert [o.status for o in outcomes] == ["skipped"] * count
        assert all("link" in o.reason or "device" in o.reason or "pipe" in o.reason for o in outcomes)


@pytest.mark.parametrize(("write", "name"), KINDS)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_second_member_of_one_name_fails(write: Write, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    write(path, {"1.jpg": JPEG})
    if name.endswith("tar"):
        with tarfile.open(path, "a") as archive:
            info = tarfile.TarInfo("1.jpg")
            info.size = 3
            archive.addfile(info, io.BytesIO(b"abc"))
    else:
        with zipfile.ZipFile(path, "a") as packed:
            packed.writestr("1.jpg", b"abc")
    (medium,), (outcome,), _ = found_in(path)
    assert medium.size_bytes == len(JPEG)
    assert (outcome.status, outcome.reason) == ("failed", "another member of this name is before it")
    with open_uri(medium.uri, extent=medium.extent) as file:
        assert file.head() == JPEG


def test_a_bomb_is_refused_by_what_the_directory_says(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("0.png", "w", force_zip64=True) as out,
    ):
        block = bytes(1 << 24)
        for _ in range(16):
            out.write(block)
    _, (outcome,), _ = found_in(path)
    assert outcome.status == "failed"
    assert outcome.reason.startswith("it unpacks to 268,435,456 bytes, 1,0")
    with pytest.raises(MediaError, match="it unpacks to"), open_uri(outcome.medium.uri):
        pass


def test_a_member_that_is_larger_than_the_directory_says(tmp_path: Path) -> None:
    path = write_packed_zip(tmp_path / "a.zip", {"1.png": bytes(100_000)})
    data = path.read_bytes()
    told = struct.pack("<L", 100_000)
    path.write_bytes(data.replace(told, struct.pack("<L", 50)))
    (medium,), _, _ = found_in(path)
    with pytest.raises(MediaError, match=r"damaged|larger"), open_medium(medium):
        pass


@pytest.mark.parametrize("cut", [1, 511, 600, 1024, 1200, 2000])
def test_a_tar_that_ends_early_says_so(cut: int, tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"1.jpg": JPEG, "2.jpg": JPEG * 4})
    data = path.read_bytes()
    whole = 512 + 512 + 512 + 1024
    path.write_bytes(data[: whole - cut + 512])
    media, outcomes, _ = found_in(path)
    assert outcomes
    assert all(o.status == "failed" for o in outcomes)
    assert any("ends" in o.reason or "end mark" in o.reason for o in outcomes)
    for medium in media:
        with open_medium(medium) as file:
            assert file.size_bytes in (len(JPEG), len(JPEG) * 4)


def test_a_tar_that_is_damaged_in_the_middle_says_so(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {f"{n}.jpg": JPEG for n in range(4)})
    data = bytearray(path.read_bytes())
    data[2 * 1024 : 2 * 1024 + 400] = b"?" * 400
    path.write_bytes(data)
    media, (outcome,), _ = found_in(path)
    assert [m.name for m in media] == ["0.jpg", "1.jpg"]
    assert outcome.reason == "the archive is damaged at byte 2,048; later members are missing"


def test_a_zip_without_its_directory_fails(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"1.jpg": JPEG, "2.jpg": JPEG})
    path.write_bytes(path.read_bytes()[:-30])
    _, (outcome,), _ = found_in(path)
    assert outcome.status == "failed"
    assert "no readable directory" in outcome.reason


def test_an_encrypted_member_fails(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"1.jpg": JPEG})
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    _, (outcome,), _ = found_in(path)
    assert outcome.reason == "the member is encrypted"


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tgz", "a.tar.zst"])
def test_a_packed_tar_is_refused_with_a_remedy(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\x1f\x8b\x08")
    with pytest.raises(InputError, match=r"a packed tar archive.* Write it as \.tar"):
        list(find([tmp_path / name]))


@pytest.mark.parametrize(("write", "name"), KINDS)
def test_an_empty_archive(write: Write, name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file in this archive"):
        list(find([write(tmp_path / name, {})]))


def test_a_member_that_is_gone(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"1.jpg": JPEG})
    (medium,), _, _ = found_in(path)
    write_tar(path, {"other.jpg": JPEG})
    with pytest.raises(MediaError, match="the archive has no such member"), open_uri(medium.uri):
        pass
    os.utime(path, ns=(1, 1))
    with pytest.raises(MediaError, match="changed since it was found"), open_medium(medium):
        pass


def header(name: str, kind: bytes, size: int, data: bytes = b"") -> bytes:
    """Write one member of a tar whose header claims a size that need not be that of the data."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


GOOD = header("ok.jpg", tarfile.REGTYPE, len(JPEG), JPEG)
LOOP = b"15 size=-1536\n\n"


@pytest.mark.parametrize(
    "hostile",
    [
        *(
            header("x", kind, size, b"a" * 100)
            for kind in (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_SPARSE)
            for size in (10 << 30, 1 << 62, (1 << 64) - 1)
        ),
        header("x", tarfile.GNUTYPE_LONGNAME, 6, b"n.jpg\0") * 5000,
        header("x", tarfile.XHDTYPE, len(LOOP), LOOP),
        header("", tarfile.REGTYPE, len(JPEG), JPEG),
    ],
    ids=[
        *(
            f"{kind}-{size}"
            for kind in ("name", "pax", "global", "sparse")
            for size in ("10g", "2^62", "2^64")
        ),
        "chain",
        "loop",
        "nameless",
    ],
)
def test_headers_of_a_tar_that_are_made_to_do_harm(hostile: bytes, tmp_path: Path) -> None:
    """Sizes that no memory holds, headers without end, a size that leads back: each is a problem."""
    path = tmp_path / "a.tar"
    path.write_bytes(GOOD + hostile + header("late.jpg", tarfile.REGTYPE, len(JPEG), JPEG) + bytes(1024))
    media, outcomes, _ = found_in(path)
    assert media[0].name == "ok.jpg"
    assert outcomes
    for medium in media:
        with open_medium(medium) as file:
            assert file.head() == JPEG


def test_members_of_a_zip_that_overlap_fail(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("0.jpg", JPEG * 20)
        (info,) = archive.infolist()
        for name in ("1.jpg", "2.jpg"):
            other = zipfile.ZipInfo(name)
            other.CRC, other.header_offset = info.CRC, info.header_offset
            other.compress_size = other.file_size = info.file_size
            archive.filelist.append(other)
    media, outcomes, _ = found_in(path)
    assert [m.name for m in media] == ["0.jpg"]
    assert ["they overlap" in o.reason for o in outcomes] == [True, True]


def test_many_members_that_are_a_bomb_together(tmp_path: Path) -> None:
    """40 members of 64 MiB of zeros: each may be a medium, all of them together are not."""
    with zipfile.ZipFile(tmp_path / "one.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.bmp", bytes(64 << 20))
        (info,) = archive.infolist()
        packed = (tmp_path / "one.zip").read_bytes()[30 + len("0.bmp") :][: info.compress_size]
        assert zlib.decompress(packed, -15) == bytes(64 << 20)
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(40):
            archive.writestr(f"{number:02}.bmp", packed)
            one = archive.filelist[-1]
            one.compress_type, one.file_size, one.CRC = zipfile.ZIP_DEFLATED, info.file_size, info.CRC
    media, outcomes, _ = found_in(path)
    assert [m.name for m in media] == [f"{number:02}.bmp" for number in range(16)]
    assert all("the archive unpacks to more than 200 times its size" in o.reason for o in outcomes)
    with open_uri(media[3].uri) as file:
        assert file.size_bytes == 64 << 20


def test_a_member_packed_by_damaged_lzma_fails(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"1.jpg": JPEG * 20}, zipfile.ZIP_LZMA)
    data = bytearray(path.read_bytes())
    data[60:90] = b"\xff" * 30
    path.write_bytes(data)
    (medium,), _, _ = found_in(path)
    with pytest.raises(MediaError, match="the member is damaged"), open_medium(medium):
        pass


@pytest.mark.parametrize(("write", "name"), KINDS)
def test_an_archive_that_was_listed_is_not_read_again(
    write: Write, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second listing is the same, from the cache; one of an archive that changed is its own."""
    monkeypatch.setenv("VIFEX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(archive_index, "_SETTLED_NS", 0)
    bad = b"no image"
    of_a, of_b = {"a.jpg": JPEG, "a.cls": b"7", "a.box": b"1"}, {"b.jpg": JPEG, "b.json": b'{"label": "x"}'}
    members = {**of_a, **of_b, "c \u00fc#1.jpg": JPEG, "d.txt": bad, "e": JPEG}
    path = write(tmp_path / name, members)
    first = found_in(path)
    assert len(first[0]) == 4
    assert len(first[2]) == 1
    with monkeypatch.context() as closed:
        for module in (archives, tars, zips):
            for opener in ("open_place", "open_buffered"):
                closed.delattr(module, opener, raising=False)
        assert found_in(path) == first
    write(path, {**members, "a.cls": b"8"})
    again = found_in(path)
    assert [m.label for m in again[0]][:2] == ["8", "x"]
    if write is write_tar:
        os.utime(path, ns=(1, first[0][0].mtime_ns))  # the time of the first one, but not its inode's
        assert [m.label for m in found_in(path)[0]][:2] == ["8", "x"]


def test_no_index_is_kept_of_what_may_be_otherwise_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of an archive that changed just now, nor of a damaged one; a damaged index is made anew."""
    monkeypatch.setenv("VIFEX_CACHE", str(tmp_path / "cache"))
    path = write_tar(tmp_path / "a.tar", {"a.jpg": JPEG})
    found = found_in(path)
    assert not (tmp_path / "cache").exists()
    monkeypatch.setattr(archive_index, "_SETTLED_NS", 0)
    assert found_in(path) == found
    (index,) = (tmp_path / "cache" / "archives").iterdir()
    good = index.read_bytes()
    for broken in (b"", good[:-1], good[:10] + b"x" + good[11:]):
        index.write_bytes(broken)
        assert found_in(path) == found
        assert index.read_bytes() == good
    path.write_bytes(path.read_bytes()[:700])
    _, problems, _ = found_in(path)
    assert problems
    assert list((tmp_path / "cache" / "archives").iterdir()) == [index]
