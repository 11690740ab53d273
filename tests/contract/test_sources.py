"""What every kind of source promises: registering one is joining these tests."""

from __future__ import annotations

import io
import json
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vifex.media.sources import find
from vifex.media.sources.registry import GROUP, SOURCES
from vifex.media.sources.source import NothingHere, Notice, Source
from vifex.values import Medium, Outcome, registry

JPEG = b"\xff\xd8\xff\xe0"

pytestmark = pytest.mark.parametrize("name", registry.names(SOURCES, group=GROUP))

Fill = Callable[[str, dict[str, bytes]], None]


@pytest.fixture(autouse=True)
def bucket(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name a bucket that holds what a remote source finds."""
    found = f"b{zlib.crc32(str(tmp_path).encode())}"
    if name == "remote":
        s3: Fill = request.getfixturevalue("s3")
        s3(found, {} if "gone" in request.node.name else dict.fromkeys(("m/a.jpg", "m/b.jpg"), JPEG))
    return found


def _load(name: str) -> Source:
    source = registry.load(SOURCES, name, group=GROUP, what="source")
    assert isinstance(source, Source)
    return source


def _files(name: str) -> tuple[str, str]:
    """Sequences of MOT number their images."""
    return ("000001.jpg", "000002.jpg") if name == "mot" else ("a.jpg", "b.jpg")


def _archive(media: Path) -> Path:
    path = media.parent / "media.tar"
    with tarfile.open(path, "w") as archive:
        for file in sorted(media.iterdir()):
            archive.add(file, file.name)
    return path


def _table(media: Path) -> Path:
    path = media.parent / "media.parquet"
    files = sorted(media.iterdir())
    columns = {"name": [file.name for file in files], "image": [file.read_bytes() for file in files]}
    pq.write_table(pa.table(columns), path)
    return path


def _addresses(name: str, folder: Path, bucket: str) -> list[str]:
    if name == "remote":
        return [f"s3://{bucket}/m/{file}" for file in _files(name)]
    if name == "archive":
        return [f"{(folder / 'media.tar').as_uri()}#{file}" for file in ("a.jpg", "b.jpg")]
    if name == "table":
        return [f"{(folder / 'media.parquet').as_uri()}#image%3A{row}" for row in (0, 1)]
    return [(folder / "media" / file).as_uri() for file in _files(name)]


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def _given(name: str, folder: Path, bucket: str) -> tuple[str, io.BytesIO]:
    """Give words and standard input with which a source of this kind gives `a.jpg` and `b.jpg`."""
    media = folder / "media"
    media.mkdir()
    for file in _files(name):
        (media / file).write_bytes(JPEG)
    (folder / "list.csv").write_text("uri\nmedia/a.jpg\nmedia/b.jpg\n")
    (folder / "list.jsonl").write_text('{"uri": "media/a.jpg"}\n{"uri": "media/b.jpg"}\n')
    (folder / "list.txt").write_text("media/a.jpg\nmedia/b.jpg\n")
    named = [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}]
    (folder / "x_media.json").write_text(json.dumps({"images": named, "annotations": []}))
    (folder / "data.yaml").write_text("train: media\nnames: [one]\n")
    (folder / "seqinfo.ini").write_text("[Sequence]\nimDir=media\nimExt=.jpg\n")
    (folder / "det").mkdir()
    (folder / "det" / "det.txt").write_text("1,-1,1,1,5,5,1\n2,-1,1,1,5,5,1\n")
    words = {
        "archive": str(_archive(media)),
        "table": str(_table(media)),
        "coco": str(folder / "x_media.json"),
        "yolo": str(folder / "data.yaml"),
        "mot": str(folder / "seqinfo.ini"),
        "text": str(folder / "list.txt"),
        "path": str(media),
        "glob": str(media / "*.jpg"),
        "remote": f"s3://{bucket}/m/",
        "list": "-",
        "csv": str(folder / "list.csv"),
        "jsonl": str(folder / "list.jsonl"),
    }
    if name not in words:
        pytest.fail(f"say in this test what a source of the kind {name} is given")
    return words[name], io.BytesIO(f"{media / 'a.jpg'}\n{media / 'b.jpg'}".encode())


def test_it_gives_media_as_a_stream_in_a_fixed_order(name: str, tmp_path: Path, bucket: str) -> None:
    given, stdin = _given(name, tmp_path, bucket)
    source = _load(name)
    assert source.takes(given)
    found = source.read(given, stdin)
    assert isinstance(found, Iterator)
    media = [one for one in found if not isinstance(one, Notice)]
    assert all(isinstance(m, Medium) and m.kind == "image" and m.size_bytes == len(JPEG) for m in media)
    assert [m.uri for m in media if isinstance(m, Medium)] == _addresses(name, tmp_path, bucket)
    stdin.seek(0)
    assert [one for one in source.read(given, stdin) if not isinstance(one, Notice)] == media


def test_find_chooses_it(name: str, tmp_path: Path, bucket: str) -> None:
    given, stdin = _given(name, tmp_path, bucket)
    by_kind = [one for one in _load(name).read(given, stdin) if not isinstance(one, Notice)]
    stdin.seek(0)
    assert list(find([given], stdin=stdin)) == by_kind


def test_a_file_that_is_gone_is_told_of(name: str, tmp_path: Path, bucket: str) -> None:
    """Whether it is an outcome among others or the source's own end, it has a reason and no traceback."""
    given, stdin = _given(name, tmp_path, bucket)
    for file in _files(name):
        (tmp_path / "media" / file).unlink()
    if name in ("archive", "table"):
        _cut(Path(given))
    try:
        found = [one for one in _load(name).read(given, stdin) if not isinstance(one, Notice)]
    except NothingHere as nothing:
        found = [nothing.outcome]
    assert found
    assert all(isinstance(f, Outcome) and f.status in ("failed", "skipped") and f.reason for f in found)
    assert all(isinstance(f, Outcome) and not f.reason.endswith(".") for f in found)
