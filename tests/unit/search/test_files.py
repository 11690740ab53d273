"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys

import pytest

from vifex.search.files import check_names_file, written_whole
from vifex.values import InputError


def write_half(path, error):
    """Fail in the middle of replacing a file."""
    with written_whole(path, overwrite=True) as aside:
        aside.write_text("half")
        raise error


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_file_appears_at_the_end(tmp_path):
    with written_whole(tmp_path / "a.txt", overwrite=False) as aside:
        aside.write_text("whole")
        assert not (tmp_path / "a.txt").exists()
    assert (tmp_path / "a.txt").read_text() == "whole"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_after_an_error(tmp_path, error):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(error):
        write_half(tmp_path / "a.txt", error)
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_taken_name_is_refused_unless_asked(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with (
        pytest.raises(InputError, match="exists already"),
        written_whole(tmp_path / "a.txt", overwrite=False),
    ):
        raise AssertionError("not reached")
    with written_whole(tmp_path / "a.txt", overwrite=True) as aside:
        aside.write_text("new")
    assert (tmp_path / "a.txt").read_text() == "new"


def test_a_file_made_meanwhile_is_not_overwritten(tmp_path):
    writing = written_whole(tmp_path / "a.txt", overwrite=False)
    writing.__enter__().write_text("mine")
    (tmp_path / "a.txt").write_text("theirs")
    with pytest.raises(InputError, match="exists already"):
        writing.__exit__(None, None, None)
    assert (tmp_path / "a.txt").read_text() == "theirs"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.ENOSPC, "the disk is full; nothing was written"),
        (errno.EFBIG, "larger than its disk allows"),
        (errno.EROFS, "no permission"),
    ],
)
def test_what_the_disk_refuses_is_one_sentence(tmp_path, code, message):
    with pytest.raises(InputError, match=message):
        write_half(tmp_path / "a.txt", OSError(code, "as the system says"))
    assert names(tmp_path) == []


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with (
        pytest.raises(InputError, match="folder to write to does not exist"),
        written_whole(tmp_path / "no" / "a.txt", overwrite=False),
    ):
        raise AssertionError("not reached")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match="this is a folder"), written_whole(tmp_path, overwrite=True):
        raise AssertionError("not reached")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_device_a_pipe_and_a_socket_are_left_as_they_are(tmp_path, overwrite):
    # A pipe and a socket of the test's own, and a link to each kind: a wrong answer here would replace it.
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening, contextlib.chdir(tmp_path):
        listening.bind("socket")
    (tmp_path / "link").symlink_to("pipe")
    (tmp_path / "null").symlink_to(os.devnull)
    for name in ("pipe", "socket", "link", "null"):
        with (
            pytest.raises(InputError, match="this is a device, a pipe or a socket"),
            written_whole(tmp_path / name, overwrite=overwrite),
        ):
            raise AssertionError("not reached")
    assert names(tmp_path) == ["link", "null", "pipe", "socket"]
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "null").is_symlink()


@pytest.mark.skipif(sys.platform != "linux", reason="a folder in which nobody makes files")
def test_a_folder_that_takes_no_file_is_one_sentence():
    with (
        pytest.raises(InputError, match=r"/proc/a\.txt: (no file can be made here|there is no permission)"),
        written_whole("/proc/a.txt", overwrite=False),
    ):
        raise AssertionError("not reached")


@pytest.mark.parametrize("text", ["", ".", "new/", "deep/new/"])
def test_what_ends_like_a_folder_is_no_file(text):
    with pytest.raises(InputError, match="this is a folder"):
        check_names_file(text)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has shorter names")
def test_the_longest_name_a_disk_takes_is_written(tmp_path):
    with written_whole(tmp_path / ("n" * 255), overwrite=False) as aside:
        aside.write_text("whole")
    assert names(tmp_path) == ["n" * 255]


@pytest.fixture
def store(tmp_path):
    """A folder that says that it is a store, with a view's folder in it."""
    folder = tmp_path / "s.vifex"
    (folder / "views" / "main").mkdir(parents=True)
    (folder / "STORE.json").write_text("{}")
    return folder


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    "name", ["STORE.json", "new.html", "views/main/new.html", "views/../STORE.json", "."]
)
def test_nothing_is_written_into_a_store(store, name, overwrite):
    with (
        pytest.raises(InputError, match=r"this lies inside a store.*Name a file outside of .*s\.vifex"),
        written_whole(store / name, overwrite=overwrite),
    ):
        raise AssertionError("not reached")
    assert names(store) == ["STORE.json", "views"]
    assert names(store / "views" / "main") == []


def test_links_into_a_store_are_followed(store, tmp_path):
    (tmp_path / "folder").symlink_to(store / "views")
    (tmp_path / "page.html").symlink_to(store / "STORE.json")
    (tmp_path / "dangling.html").symlink_to(store / "new.html")
    (store / "out.html").symlink_to(tmp_path / "elsewhere.html")
    for path in ("folder/new.html", "page.html", "dangling.html", "s.vifex/out.html"):
        with (
            pytest.raises(InputError, match="this lies inside a store"),
            written_whole(tmp_path / path, overwrite=True),
        ):
            raise AssertionError("not reached")
    assert (store / "STORE.json").read_text() == "{}"


def test_beside_a_store_and_through_other_links_all_is_as_ever(store, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "out")
    for path in ("s.vifex.html", "link/page.html", "STORE.json.html"):
        with written_whole(tmp_path / path, overwrite=False) as aside:
            aside.write_text("whole")
    assert (tmp_path / "out" / "page.html").read_text() == "whole"
