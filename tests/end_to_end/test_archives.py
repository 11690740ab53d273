"""Archives and tables give the rows that their files give, from the command to the contact sheet."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import vifex

Pack = Callable[[Path, Path], None]

NAMES = (
    "clip-h264-bframes.mp4",
    "clip-h264-hls-start-10s.ts",
    "clip-ffv1.mkv",
    "anim-iss634.gif",
    "anim-iss634.webp",
)


@pytest.fixture(scope="module")
def files(shared_media: Path, shared_cases: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real media that are read in different ways: by FFmpeg, Pillow, our own TIFF, raw and HEIF readers."""
    folder = tmp_path_factory.mktemp("loose")
    photos = (
        sorted((shared_media / "good").glob("*.jpg"))[:3] + sorted((shared_media / "good").glob("*.png"))[:2]
    )
    cases = [shared_cases / name for name in ("03-planar16.tif", "04-camera.dng", "15-grid.heic")]
    for source in [*photos, *cases, *(shared_media / "good" / name for name in NAMES)]:
        shutil.copyfile(source, folder / source.name)
    return folder


def tar(files: Path, path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        for file in sorted(files.iterdir()):
            archive.add(file, file.name)


def stored(files: Path, path: Path, packing: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for file in sorted(files.iterdir()):
            archive.write(file, file.name)


def packed(files: Path, path: Path) -> None:
    stored(files, path, zipfile.ZIP_DEFLATED)


def parquet(files: Path, path: Path) -> None:
    found = sorted(files.iterdir())
    columns = {"name": [f.name for f in found], "image": [f.read_bytes() for f in found]}
    pq.write_table(pa.table(columns), path, row_group_size=4)


def rows(store: Path) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Give the rows in the order of names and moments, and their vectors."""
    with vifex.open(store) as opened:
        table = opened.to_arrow()
        vectors = opened.to_numpy()
    found = table.drop_columns([n for n in table.column_names if pa.types.is_fixed_size_list(table[n].type)])
    plain = found.to_pylist()
    order = sorted(range(len(plain)), key=lambda i: (plain[i]["name"], plain[i]["ordinal"]))
    of_address = ("key", "medium_id", "uri")
    return [{k: v for k, v in plain[i].items() if k not in of_address} for i in order], vectors[order]


@pytest.fixture(scope="module")
def loose(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("stores") / "loose.vifex"
    report = vifex.extract(files, store, fps=4)
    assert report.ok == len(list(files.iterdir()))
    return store


@pytest.mark.parametrize(
    ("pack", "name"), [(tar, "a.tar"), (stored, "a.zip"), (packed, "b.zip"), (parquet, "a.parquet")]
)
def test_the_rows_are_those_of_the_files(
    pack: Pack, name: str, files: Path, loose: Path, tmp_path: Path
) -> None:
    pack(files, tmp_path / name)
    store = tmp_path / "s.vifex"
    report = vifex.extract(tmp_path / name, store, fps=4)
    assert not report.problems or {p.status for p in report.problems} == {"ok"}
    (plain, vectors), (wanted, expected) = rows(store), rows(loose)
    assert plain == wanted
    np.testing.assert_array_equal(vectors, expected)
    with vifex.open(store) as mine, vifex.open(loose) as theirs:
        hashes = [{e["name"]: e["content_hash"] for e in s.ledger().to_pylist()} for s in (mine, theirs)]
        assert hashes[0] == hashes[1]
        photo = next(files.glob("*.jpg"))
        assert mine.search(photo, k=1)[0].name == photo.name
    again = vifex.extract(tmp_path / name, store, fps=4)
    assert again.already_done == report.ok


def test_a_contact_sheet_shows_members(
    files: Path, tmp_path: Path, vifex_command: Callable[..., Any]
) -> None:
    tar(files, tmp_path / "a.tar")
    vifex_command("extract", tmp_path / "a.tar", "-o", tmp_path / "s.vifex")
    done = vifex_command(
        "search", tmp_path / "s.vifex", next(files.glob("*.jpg")), "-k", "4", "--html", tmp_path / "hits.html"
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "hits.html").read_text()
    assert page.count("data:image/jpeg") >= 4
    assert 'href="file:' not in page, "a browser would offer the archive"


def test_a_shard_that_is_cut_gives_what_is_whole(files: Path, tmp_path: Path) -> None:
    tar(files, tmp_path / "a.tar")
    data = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(data[: len(data) * 2 // 3])
    report = vifex.extract(tmp_path / "a.tar", tmp_path / "s.vifex")
    assert report.ok >= 3
    assert report.exit_status == 3
    assert any("the archive ends" in p.reason for p in report.problems)
