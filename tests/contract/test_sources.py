"""What every kind of source promises: registering one is joining these tests."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from vifex.media.sources import find
from vifex.media.sources.registry import GROUP, SOURCES
from vifex.media.sources.source import NothingHere, Source
from vifex.values import Medium, Outcome, registry

JPEG = b"\xff\xd8\xff\xe0"

pytestmark = pytest.mark.parametrize("name", registry.names(SOURCES, group=GROUP))


def _load(name: str) -> Source:
    source = registry.load(SOURCES, name, group=GROUP, what="source")
    assert isinstance(source, Source)
    return source


def _given(name: str, folder: Path) -> tuple[str, io.BytesIO]:
    """Give words and standard input with which a source of this kind gives `a.jpg` and `b.jpg`."""
    media = folder / "media"
    media.mkdir()
    for file in ("a.jpg", "b.jpg"):
        (media / file).write_bytes(JPEG)
    (folder / "list.csv").write_text("uri\nmedia/a.jpg\nmedia/b.jpg\n")
    (folder / "list.jsonl").write_text('{"uri": "media/a.jpg"}\n{"uri": "media/b.jpg"}\n')
    words = {
        "path": str(media),
        "glob": str(media / "*.jpg"),
        "list": "-",
        "csv": str(folder / "list.csv"),
        "jsonl": str(folder / "list.jsonl"),
    }
    if name not in words:
        pytest.fail(f"say in this test what a source of the kind {name} is given")
    return words[name], io.BytesIO(f"{media / 'a.jpg'}\n{media / 'b.jpg'}".encode())


def test_it_gives_media_as_a_stream_in_a_fixed_order(name: str, tmp_path: Path) -> None:
    given, stdin = _given(name, tmp_path)
    source = _load(name)
    assert source.takes(given)
    found = source.read(given, stdin)
    assert isinstance(found, Iterator)
    media = list(found)
    assert all(isinstance(m, Medium) and m.kind == "image" and m.size_bytes == len(JPEG) for m in media)
    assert [m.uri for m in media if isinstance(m, Medium)] == [
        (tmp_path / "media" / file).as_uri() for file in ("a.jpg", "b.jpg")
    ]
    stdin.seek(0)
    assert list(source.read(given, stdin)) == media


def test_find_chooses_it(name: str, tmp_path: Path) -> None:
    given, stdin = _given(name, tmp_path)
    by_kind = list(_load(name).read(given, stdin))
    stdin.seek(0)
    assert list(find([given], stdin=stdin)) == by_kind


def test_a_file_that_is_gone_is_told_of(name: str, tmp_path: Path) -> None:
    """Whether it is an outcome among others or the source's own end, it has a reason and no traceback."""
    given, stdin = _given(name, tmp_path)
    for file in ("a.jpg", "b.jpg"):
        (tmp_path / "media" / file).unlink()
    try:
        found = list(_load(name).read(given, stdin))
    except NothingHere as nothing:
        found = [nothing.outcome]
    assert found
    assert all(isinstance(f, Outcome) and f.status in ("failed", "skipped") and f.reason for f in found)
    assert all(isinstance(f, Outcome) and not f.reason.endswith(".") for f in found)
