"""Patterns, and names that only look like patterns."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from vifex.media.sources import find
from vifex.values import InputError

Make = Callable[..., Path]
Tell = Callable[..., list[tuple[str, str]]]

FILES = ("1.jpg", "2.png", "a/1.jpg", "a/b/1.jpg", "a/b/2.mp4", "c/b/3.jpg", ".h/4.jpg", ".5.jpg")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jpg", ["1.jpg"]),
        ("?.*", ["1.jpg", "2.png"]),
        ("[13].jpg", ["1.jpg"]),
        ("[!1].*", ["2.png"]),
        ("**/*.jpg", ["1.jpg", "a/1.jpg", "a/b/1.jpg", "c/b/3.jpg"]),
        ("**", ["1.jpg", "2.png", "a/1.jpg", "a/b/1.jpg", "a/b/2.mp4", "c/b/3.jpg"]),
        ("**/b", ["a/b/1.jpg", "a/b/2.mp4", "c/b/3.jpg"]),
        ("**/b/**/*.mp4", ["a/b/2.mp4"]),
        ("*/b/", ["a/b/1.jpg", "a/b/2.mp4", "c/b/3.jpg"]),
        ("a/*", ["1.jpg", "b/1.jpg", "b/2.mp4"]),
        ("./a//*.jpg", ["1.jpg"]),
        ("a/**/1.jpg", ["1.jpg", "b/1.jpg"]),
        (".?/*.jpg", [".h/4.jpg"]),
        (".*.jpg", [".5.jpg"]),
    ],
)
def test_what_a_pattern_matches(
    pattern: str, expected: list[str], make: Make, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names are paths from the folder in front of the pattern; it hides what a shell hides."""
    monkeypatch.chdir(make(*FILES))
    told = [name for name, kind in tell(find([pattern])) if not kind.startswith("skipped: hidden")]
    assert told == expected
    absolute = [
        n for n, kind in tell(find([str(Path.cwd() / pattern)])) if not kind.startswith("skipped: hidden")
    ]
    assert absolute == expected


def test_a_pattern_skips_unknown_kinds_as_a_folder_does(make: Make, tell: Tell) -> None:
    folder = make("a.txt", content=b"text")
    make("a.jpg")
    told = tell(find([str(folder / "a.*")]))
    assert told[0] == ("a.jpg", "image")
    assert told[1] == ("a.txt", "skipped: not an image or a video by its name and first bytes")


@pytest.mark.parametrize("name", ["it's [a] #1 & {b}.jpg", "what?.jpg", "a*.jpg", "[1].jpg", "**"])
def test_an_existing_name_is_no_pattern(name: str, make: Make, tell: Tell) -> None:
    folder = make(name, "a.jpg", "1.jpg", "ab.jpg")
    assert [told for told, _ in tell(find([str(folder / name)]))] == [name]


def test_an_existing_folder_in_front_is_no_pattern(make: Make, tell: Tell) -> None:
    folder = make("shot [1]/x.jpg", "shot 1/y.jpg")
    assert tell(find([str(folder / "shot [1]" / "*.jpg")])) == [("x.jpg", "image")]


def test_folders_that_cannot_match_are_not_listed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make("a/1.jpg", "b/deep/1.jpg")
    listed: list[str] = []
    real = os.listdir

    def listdir(path: str) -> list[str]:
        listed.append(path)
        return real(path)

    monkeypatch.setattr(os, "listdir", listdir)
    assert len(list(find([str(folder / "[ab]" / "*.jpg")]))) == 1
    listed = [path for path in listed if path.startswith(str(folder))]
    assert listed == [str(folder), str(folder / "a"), str(folder / "b")]


@pytest.mark.parametrize("pattern", ["*.gif", "none/*.jpg", "1.jpg/*"])
def test_a_pattern_without_match_is_an_error(pattern: str, make: Make, tell: Tell) -> None:
    folder = make("1.jpg")
    given = str(folder / pattern)
    with pytest.raises(InputError, match="no file matches this pattern, and no file has this name"):
        list(find([given]))
    assert tell(find([given, folder]))[1][1].startswith("failed: no file matches")
