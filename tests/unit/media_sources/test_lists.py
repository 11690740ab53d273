"""Lists of paths on standard input."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from vifex.media.sources import find
from vifex.values import InputError, Medium
from vifex.values.media import uri_to_path

Make = Callable[..., Path]
Tell = Callable[..., list[tuple[str, str]]]

posix = pytest.mark.skipif(os.name == "nt", reason="names are text there")


def _list(raw: bytes) -> io.BytesIO:
    return io.BytesIO(raw)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\0"])
def test_one_path_per_line_or_nul(
    end: bytes, make: Make, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make("1.jpg", "a b/2.mp4", "x.txt"))
    raw = end.join([b"1.jpg", b"a b/2.mp4", b"x.txt"])
    expected = [("1.jpg", "image"), ("a b/2.mp4", "video"), ("x.txt", "image")]
    assert tell(find("-", stdin=_list(raw))) == expected
    assert tell(find("-", stdin=_list(raw + end))) == expected


@posix
def test_bytes_that_are_not_utf8_survive(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [b"caf\xe9.jpg", b"\xff\xfe.jpg", b"ends in \r"]
    monkeypatch.chdir(make(*names))
    found = list(find("-", stdin=_list(b"1.jpg\n" + b"\n".join(names))))
    paths = [os.fsencode(uri_to_path(f.uri)) for f in found if isinstance(f, Medium)]
    assert [path.rpartition(b"/")[2] for path in paths] == names


@posix
def test_nul_lets_newlines_be_in_names(make: Make, tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make("a\nb.jpg", "c.jpg"))
    assert tell(find("-", stdin=_list(b"a\nb.jpg\0c.jpg\0"))) == [("a\nb.jpg", "image"), ("c.jpg", "image")]


def test_lines_are_read_as_they_come(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of 100,000 lines gives its first medium before its end is read."""
    monkeypatch.chdir(make("1.jpg"))
    stream = _list(b"1.jpg\n" + b"gone.jpg\n" * 100_000)
    assert isinstance(next(find("-", stdin=stream)), Medium)
    assert stream.tell() < 100_000


def test_lines_fail_alone(make: Make, tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make("1.jpg", "*.jpg", "d/2.jpg"))
    raw = b"gone.jpg\n\n1.jpg\n1.jpg\n*.jpg\nd\nrtmp://b/c.jpg\n"
    assert tell(find("-", stdin=_list(raw))) == [
        ("gone.jpg", "failed: there is no such file or folder"),
        ("1.jpg", "image"),
        ("*.jpg", "image"),
        ("2.jpg", "image"),
        (
            "rtmp://b/c.jpg",
            "failed: rtmp:// addresses cannot be read, only http(s), s3, gs, az and those of fsspec",
        ),
    ]


def test_a_mark_at_the_start_is_no_part_of_the_name(
    make: Make, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make("1.jpg"))
    assert tell(find("-", stdin=_list(b"\xef\xbb\xbf1.jpg\n"))) == [("1.jpg", "image")]


def test_utf16_is_refused() -> None:
    with pytest.raises(InputError, match=r"standard input: the list is UTF-16\. Write it as UTF-8\."):
        list(find("-", stdin=_list("1.jpg\n".encode("utf-16"))))


@pytest.mark.parametrize("raw", [b"", b"\n\n", b"\0"])
def test_an_empty_list_is_an_error(raw: bytes, make: Make, tell: Tell) -> None:
    with pytest.raises(InputError, match="standard input: the list is empty"):
        list(find("-", stdin=_list(raw)))
    told = tell(find(["-", make("1.jpg")], stdin=_list(raw)))
    assert told == [("1.jpg", "image"), ("standard input", "skipped: the list is empty")]
