"""What a query means: the rules of the module, one by one."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from vifex.search.query import (
    FrameQuery,
    ImageQuery,
    Part,
    RowQuery,
    TextQuery,
    VectorQuery,
    no_words,
    parse_query,
    video_needs_time,
)
from vifex.values import InputError
from vifex.values.media import path_to_uri


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    for name in ("a.jpg", "clip.mp4", "odd@12", "clip@2.mp4", "row:x", "v.npy", "V.NPY", "my words.png"):
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("a.jpg", ImageQuery(Path("a.jpg"))),
        ("my words.png", ImageQuery(Path("my words.png"))),
        ("odd@12", ImageQuery(Path("odd@12"))),
        ("row:x", ImageQuery(Path("row:x"))),
        ("v.npy", VectorQuery(Path("v.npy"))),
        ("V.NPY", VectorQuery(Path("V.NPY"))),
        ("clip.mp4@00:12", FrameQuery(Path("clip.mp4"), 12.0)),
        ("clip.mp4@1:02:03.5", FrameQuery(Path("clip.mp4"), 3723.5)),
        ("clip@2.mp4@7.25s", FrameQuery(Path("clip@2.mp4"), 7.25)),
        ("odd@12@3", FrameQuery(Path("odd@12"), 3.0)),
        ("row:abc:07", RowQuery("abc:7")),
    ],
)
def test_a_query_is_understood(text, query):
    assert parse_query(text) == query


@pytest.mark.parametrize("key", ["", "y", ":1", "abc:", "abc:x", "abc:-1", "\udcff:1", "é:1"])
def test_what_is_no_key_is_an_error(key):
    with pytest.raises(InputError, match="this is no key of a row"):
        parse_query(f"row:{key}")


def test_addresses_as_search_prints_them_are_paths(folder):
    uri = path_to_uri(folder / "clip@2.mp4")
    assert parse_query(uri) == ImageQuery(folder / "clip@2.mp4")
    assert parse_query(uri + "@1") == FrameQuery(folder / "clip@2.mp4", 1.0)


def test_a_leading_tilde_is_the_home_folder(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    assert parse_query("~/a.jpg") == ImageQuery(folder / "a.jpg")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("b.jpg", "b.jpg: there is no such file"),
        ("sub/b", "sub/b: there is no such file"),
        ("~nobody-of-that-name", "there is no such file"),
        ("gone.mp4@12", "gone.mp4: there is no such file"),
        ("gone.mp4@noon", "there is no such file"),
        ("clip.mp4@noon", r"clip.mp4: 'noon' is no time. Write seconds"),
        ("clip.mp4@", r"'' is no time"),
        ("clip.mp4@-1", r"'-1' is no time"),
        ("sub/", "a folder cannot be a query"),
        ("./sub", "a folder cannot be a query"),
        ("row:", "no key of a row"),
        ("row:abc", "no key of a row"),
        ("row:abc:x", "no key of a row"),
        ("", "the query is empty"),
        ("rtsp://example.org/a.jpg", "an address of this kind"),
        ("https://", "this is not an address: it names no host"),
        ("https://example.org/a.npy", "a vector is read from a local file only"),
        ("file://elsewhere/a.jpg", "another host"),
        ("file:///a/b.tar#1.jpg", "a member of an archive"),
    ],
)
def test_what_cannot_be_a_query_is_said(text, message):
    with pytest.raises(InputError, match=message):
        parse_query(text)


def test_addresses_of_other_machines() -> None:
    """The last `@` sets off a time behind a path, and a password before a host."""
    given = "https://me:12@example.org/a b@2.mp4?sig=1"
    assert parse_query(given) == ImageQuery("https://me:12@example.org/a%20b@2.mp4?sig=1")
    assert parse_query(given + "@00:12.5") == FrameQuery("https://me:12@example.org/a%20b@2.mp4?sig=1", 12.5)
    assert parse_query("https://me@12") == ImageQuery("https://me@12/")
    assert parse_query("s3://b/a b.jpg#xywh=1,2,3,4") == ImageQuery("s3://b/a%20b.jpg", Part(1, 2, 3, 4))
    assert parse_query(given).name == "https://example.org/a%20b@2.mp4"


@pytest.mark.parametrize("text", ["a red car", "a red car.", "x" * 5000, "a\0b"])
def test_anything_else_is_text(text):
    assert parse_query(text) == TextQuery(text)


LIKE_WORDS = ["a black/white dog", "and/or a cat", "one / two", "a man w/ a hat", "24/7 shop at night"]


@pytest.mark.parametrize("text", LIKE_WORDS)
def test_several_words_with_a_slash_are_text(text):
    assert parse_query(text) == TextQuery(text)


LIKE_PATHS = [
    "my folder/cat.jpg",
    "./a dog",
    "../a dog",
    "/a b",
    "~/a dog",
    "a b/",
    "sub/a dog",
    "black/white",
    "a.b c.jpg",
]


@pytest.mark.parametrize("text", LIKE_PATHS)
def test_what_looks_like_a_path_can_be_words(text):
    with pytest.raises(InputError) as told:
        parse_query(text)
    assert "there is no such file" in str(told.value)
    assert f"for words write {shlex.quote('text:' + text)}." in str(told.value)
    assert parse_query(f"text:{text}") == TextQuery(text)


@pytest.mark.parametrize(
    "words",
    [
        "a.jpg",
        "sub",
        "row:x",
        "clip.mp4@12",
        "v.npy",
        "odd@12",
        "https://example.org",
        "text:x",
        "~",
        "@1",
        "row:",
    ],
)
def test_text_forces_words(words, folder):
    assert parse_query(f"text:{words}") == parse_query(f"text: {words} ") == TextQuery(words)
    (folder / "text:a.jpg").touch()
    assert parse_query("./text:a.jpg") == ImageQuery(Path("text:a.jpg"))
    assert parse_query("text:a.jpg") == TextQuery("a.jpg")


def test_the_name_of_a_folder_may_be_a_word(folder):
    assert parse_query("sub") == TextQuery("sub", folder=Path("sub"))
    assert "a folder cannot be a query" in str(no_words(TextQuery("sub", folder=Path("sub"))))
    with pytest.raises(InputError, match="a folder cannot be a query"):
        parse_query(Path("sub"))


def test_a_folder_and_a_time_offer_words():
    for query, words in (("sub/", "text:sub"), ("meet me.now@12:30", "'text:meet me.now@12:30'")):
        with pytest.raises(InputError, match=f"for words write {words}"):
            parse_query(query)
    for empty in ("text:", "text:  "):
        with pytest.raises(InputError, match="there are no words behind text:"):
            parse_query(empty)


def test_words_are_refused_where_the_model_reads_none():
    assert "no text tower to search by words. Give an image" in str(no_words(TextQuery("a red car")))


def test_a_path_object_is_never_text_or_a_row(folder):
    assert parse_query(folder / "a.jpg") == ImageQuery(folder / "a.jpg")
    for path in (Path("a red car"), Path("row:abc:1"), Path("clip.mp4@12")):
        with pytest.raises(InputError, match="no such file"):
            parse_query(path)


def test_a_video_without_a_time_is_offered_one():
    assert "clip.mp4@0 for the first" in str(video_needs_time("sub/clip.mp4"))
