"""Folders: what is found in them, in which order, and what ends a loop."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from vifex.media.sources import find
from vifex.values import InputError, Medium, Outcome
from vifex.values.media import uri_to_path

Make = Callable[..., Path]
Tell = Callable[..., list[tuple[str, str]]]

needs_links = pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")


def test_a_folder_is_read_in_depth_in_the_order_of_its_bytes(make: Make, tell: Tell) -> None:
    folder = make("b.jpg", "a/z.mp4", "a/b/1.png", "B.jpg", "é.jpg", "c.wav")
    assert tell(find([folder])) == [
        ("B.jpg", "image"),
        ("a/b/1.png", "image"),
        ("a/z.mp4", "video"),
        ("b.jpg", "image"),
        ("c.wav", "audio"),
        ("é.jpg", "image"),
    ]


def test_a_medium_says_where_and_how_large_it_is(make: Make) -> None:
    folder = make("x y#1.jpg", content=b"\xff\xd8\xff123")
    (medium,) = find(folder)
    assert isinstance(medium, Medium)
    stat = (folder / "x y#1.jpg").stat()
    assert (medium.size_bytes, medium.mtime_ns) == (6, stat.st_mtime_ns)
    assert medium.uri == folder.as_uri() + "/x%20y%231.jpg"
    assert (medium.label, medium.split, medium.span, medium.boxes) == (None, None, None, ())


def test_what_is_no_medium_is_skipped_in_words(make: Make, tell: Tell) -> None:
    folder = make("README.txt", "Thumbs.db", "meta.json", "run.py", "none", content=b"text, and no image\n")
    make("empty", content=b"")
    reason = "skipped: not an image or a video by its name and first bytes"
    names = ["README.txt", "Thumbs.db", "empty", "meta.json", "none", "run.py"]
    assert tell(find([folder])) == [(name, reason) for name in names]


def test_drawings_and_playlists_are_skipped_with_their_own_reason(make: Make, tell: Tell) -> None:
    folder = make("logo.svg", content=b"<svg/>")
    make("list.m3u8", content=b"#EXTM3U\n")
    told = dict(tell(find([folder])))
    assert told["logo.svg"] == "skipped: a vector drawing, which holds no pixels"
    assert told["list.m3u8"] == "skipped: a playlist, which only names other files"


def test_first_bytes_tell_where_the_name_does_not(make: Make, tell: Tell) -> None:
    folder = make("IMG_0001", "image.dat", "notes.txt")
    make("film.tmp", content=b"\x00\x00\x00\x20ftypisom")
    assert tell(find([folder])) == [
        ("IMG_0001", "image"),
        ("film.tmp", "video"),
        ("image.dat", "image"),
        ("notes.txt", "image"),
    ]


def test_a_known_name_is_believed_whatever_the_file_holds(make: Make, tell: Tell) -> None:
    """The decoder says what is wrong with it; here it would only be lost."""
    folder = make("a.mp4", content=b"text")
    make("b.JPG", content=b"")
    assert tell(find([folder])) == [("a.mp4", "video"), ("b.JPG", "image")]


def test_typescript_is_no_video(make: Make, tell: Tell) -> None:
    folder = make("app.ts", content=b"export const a: number = 1\n")
    make("clip.ts", content=b"\x47" + bytes(187) + b"\x47" + bytes(187) + b"\x47" + bytes(187))
    make("damaged.ts", content=bytes(range(256)))
    make("empty.ts", content=b"")
    told = dict(tell(find([folder])))
    assert told.pop("app.ts").startswith("skipped: not an image or a video")
    assert told == {"clip.ts": "video", "damaged.ts": "video", "empty.ts": "video"}


def test_hidden_files_and_folders_are_skipped_once_each(make: Make, tell: Tell) -> None:
    """`._1.jpg` is what macOS leaves beside `1.jpg` on foreign disks: no image in spite of its name."""
    folder = make("1.jpg", "._1.jpg", ".DS_Store", ".git/objects/1.jpg", ".git/2.jpg")
    hidden = "skipped: hidden: its name starts with a dot; name the file itself to read it"
    assert tell(find([folder])) == [
        (".DS_Store", hidden),
        ("._1.jpg", hidden),
        (".git", hidden),
        ("1.jpg", "image"),
    ]
    assert tell(find([folder / ".git"])) == [("2.jpg", "image"), ("objects/1.jpg", "image")]


def test_a_store_in_the_folder_is_not_searched(make: Make, tell: Tell) -> None:
    folder = make(
        "1.jpg", "mine.vifex/previews/2.jpg", "plain/views/3.jpg", "plain/STORE.json", "views/4.jpg"
    )
    assert tell(find([folder])) == [("1.jpg", "image"), ("views/4.jpg", "image")]


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_keep_every_byte(make: Make) -> None:
    names = [b"caf\xe9.jpg", b"new\nline.jpg", b"back\\slash.jpg", b"concat:a|b.mp4", b"trailing .jpg "]
    folder = make(*names)
    found = [f for f in find([folder]) if isinstance(f, Medium)]
    assert sorted(os.fsencode(uri_to_path(m.uri)).rpartition(b"/")[2] for m in found) == sorted(names)
    assert "caf\\xe9.jpg" in {m.name for m in found}
    assert len({m.medium_id for m in found}) == len(names)


@needs_links
def test_composed_and_decomposed_names_are_two_files(make: Make, tell: Tell) -> None:
    folder = make("caf\u00e9.jpg", "cafe\u0301.jpg")
    if len(list(folder.iterdir())) < 2:
        pytest.skip("this file system takes both names for one")
    assert sorted(tell(find([folder]))) == [("cafe\u0301.jpg", "image"), ("caf\u00e9.jpg", "image")]


@needs_links
def test_loops_end_and_real_paths_win(make: Make, tell: Tell) -> None:
    """A link is sorted before what it points at, and the real path is still the one that is given."""
    folder = make("z/1.jpg", "z/deep/2.jpg")
    (folder / "a").symlink_to(folder / "z")
    (folder / "z" / "deep" / "up").symlink_to(folder)
    again = "skipped: a folder that is already read under another name"
    assert tell(find([folder])) == [
        ("z/1.jpg", "image"),
        ("z/deep/2.jpg", "image"),
        ("a", again),
        ("z/deep/up", again),
    ]


@needs_links
def test_many_links_to_one_folder_do_not_multiply_it(make: Make, tell: Tell) -> None:
    """Two links to the next of 40 folders make 2^40 paths."""
    folder = make(*(f"{n:02}/1.jpg" for n in range(40)))
    for n in range(39):
        for link in ("left", "right"):
            (folder / f"{n:02}" / link).symlink_to(folder / f"{n + 1:02}")
    told = tell(find([folder]))
    assert len([t for t in told if t[1] == "image"]) == 40
    assert len(told) == 40 + 78


@needs_links
def test_links_that_lead_out_are_followed(make: Make, tell: Tell, tmp_path: Path) -> None:
    make("out/1.jpg", "out/2.mp4", "in/0.jpg")
    (tmp_path / "in" / "folder").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "file.jpg").symlink_to(tmp_path / "out" / "1.jpg")
    assert tell(find([tmp_path / "in"])) == [
        ("0.jpg", "image"),
        ("file.jpg", "image"),
        ("folder/1.jpg", "image"),
        ("folder/2.mp4", "video"),
    ]


@needs_links
def test_two_links_to_one_file_are_two_media(make: Make, tmp_path: Path) -> None:
    """Data sets sort one pool of files into classes by links: each name says something."""
    make("pool/1.jpg")
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.jpg").symlink_to(tmp_path / "pool" / "1.jpg")
    uris = [m.uri for m in find([tmp_path / "cat", tmp_path / "dog"]) if isinstance(m, Medium)]
    assert uris == [(tmp_path / label).as_uri() + "/1.jpg" for label in ("cat", "dog")]


@needs_links
def test_broken_links_fail_alone(make: Make, tell: Tell) -> None:
    folder = make("ok.jpg")
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "self.jpg").symlink_to(folder / "self.jpg")
    assert tell(find([folder])) == [
        ("gone.jpg", "failed: a link that leads nowhere"),
        ("ok.jpg", "image"),
        ("self.jpg", "failed: a link that leads back to itself"),
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes there")
def test_pipes_and_sockets_are_never_opened(make: Make, tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening a pipe that nobody writes would hang for ever."""
    folder = make("ok.jpg")
    os.mkfifo(folder / "film.mp4")
    os.mkfifo(folder / "nameless")
    monkeypatch.chdir(folder)  # the address of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("door.jpg")
        told = tell(find([folder]))
    assert told == [
        ("door.jpg", "failed: not a regular file but a socket"),
        ("film.mp4", "failed: not a regular file but a named pipe"),
        ("nameless", "failed: not a regular file but a named pipe"),
        ("ok.jpg", "image"),
    ]


def test_a_folder_that_cannot_be_listed_fails_alone(
    make: Make, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Injected, as a superuser may list every folder."""
    folder = make("a/1.jpg", "locked/2.jpg", "z/3.jpg")
    real = os.listdir

    def listdir(path: str) -> list[str]:
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "listdir", listdir)
    assert tell(find([folder])) == [
        ("a/1.jpg", "image"),
        ("locked", "failed: the folder cannot be listed: permission denied"),
        ("z/3.jpg", "image"),
    ]


def test_a_file_that_vanishes_after_the_listing_fails_alone(make: Make, tell: Tell) -> None:
    folder = make("1.jpg", "2.jpg", "3.jpg")
    found = find([folder])
    first = next(found)
    (folder / "2.jpg").unlink()
    assert tell([first, *found]) == [
        ("1.jpg", "image"),
        ("2.jpg", "failed: it disappeared after its folder was listed"),
        ("3.jpg", "image"),
    ]


def test_the_first_medium_comes_before_the_last_folder_is_read(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make(*(f"{n:03}/1.jpg" for n in range(50)))
    listed: list[str] = []
    real = os.listdir

    def listdir(path: str) -> list[str]:
        listed.append(path)
        return real(path)

    monkeypatch.setattr(os, "listdir", listdir)
    assert len(list(islice(find([folder]), 3))) == 3
    listed = [path for path in listed if path.startswith(str(folder))]
    assert len(listed) == 4  # the folder itself and three in it


def test_a_deep_tree_needs_no_recursion(tmp_path: Path) -> None:
    """1,200 folders in each other: more than Python's limit of recursion."""
    here = Path.cwd()
    try:
        os.chdir(tmp_path)
        for _ in range(1200):
            Path("d").mkdir()
            os.chdir("d")
        Path("1.jpg").touch()
        os.chdir(here)
        (found,) = find([tmp_path])
    finally:
        _remove_deep_tree(tmp_path)
        os.chdir(here)
    assert isinstance(found, Medium)
    assert found.name == "d/" * 1200 + "1.jpg"


def _remove_deep_tree(top: Path) -> None:
    """Leave nothing to pytest, whose own cleaning recurses."""
    os.chdir(top)
    n = 0
    while Path("d").is_dir():
        os.chdir("d")
        n += 1
    Path("1.jpg").unlink(missing_ok=True)
    for _ in range(n):
        os.chdir("..")
        Path("d").rmdir()


def test_an_empty_folder_is_an_error(make: Make, tell: Tell) -> None:
    folder = make("full/1.jpg")
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: there is no file in this folder\. Name a folder"):
        list(find([folder / "empty"]))
    assert tell(find([folder / "empty", folder / "full"])) == [
        ("1.jpg", "image"),
        (str(folder / "empty"), "skipped: there is no file in this folder"),
    ]


@pytest.mark.shared
def test_the_shared_media_are_found_whole(shared_media: Path) -> None:
    for folder, n_media, n_skipped in (("good", 94, 0), ("odd", 61, 0), ("bad", 57, 5)):
        found = list(find([shared_media / folder]))
        media = [f for f in found if isinstance(f, Medium)]
        assert len(media) == n_media
        assert [f.status for f in found if isinstance(f, Outcome)] == ["skipped"] * n_skipped
