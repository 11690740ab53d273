"""Tables with the bytes of media: Parquet, Arrow, and those of Hugging Face's `datasets`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from vifex.media.decode.files.source import open_medium, open_uri
from vifex.media.members import tables
from vifex.media.sources import find
from vifex.values import InputError, MediaError, Medium, Outcome

JPEG = b"\xff\xd8\xff\xe0"
DATA = [JPEG + bytes([n]) * (10 + n) for n in range(7)]


def parquet(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, row_group_size=3, compression="zstd")


def arrow_file(table: pa.Table, path: Path) -> None:
    feather.write_feather(table, path, compression="uncompressed", chunksize=3)


def arrow_stream(table: pa.Table, path: Path) -> None:
    with pa.OSFile(str(path), "wb") as out, pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)


Write = Callable[[pa.Table, Path], None]
KINDS = [(parquet, "train.parquet"), (arrow_file, "train.arrow"), (arrow_stream, "train.arrow")]


def found_in(path: Path) -> tuple[list[Medium], list[Outcome], list[str]]:
    notices: list[str] = []
    found = list(find([path], on_notice=notices.append))
    media = [f for f in found if isinstance(f, Medium)]
    return media, [f for f in found if isinstance(f, Outcome)], notices


def read(medium: Medium) -> bytes:
    with open_medium(medium) as file:
        return bytes(file.whole()[:])


def lance_table(table: pa.Table, path: Path) -> None:
    lance.write_dataset(table, str(path), max_rows_per_file=3)


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize(("write", "name"), [*KINDS, (lance_table, "train.lance")])
def test_rows_are_media(
    write: Write, name: str, kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In parts that are kept, and in parts that are too large for it."""
    if not kept:
        monkeypatch.setattr(tables, "_KEPT_BYTES", -1)
    table = pa.table(
        {
            "name": [f"{n}.jpg" for n in range(7)],
            "image": DATA,
            "label": [n % 2 for n in range(7)],
            "more": [0.5] * 7,
            "caption": [f"no. {n}" for n in range(7)],
            "taken": [date(2026, 11, n + 1) for n in range(7)],
        }
    )
    write(table.replace_schema_metadata({"classes": '["cat", "dog"]'}), tmp_path / name)
    media, outcomes, notices = found_in(tmp_path / name)
    assert [(m.name, m.kind, m.label, m.split) for m in media] == [
        (f"{n}.jpg", "image", ["cat", "dog"][n % 2], "train") for n in range(7)
    ]
    assert not outcomes
    assert notices == [f"{tmp_path / name}: the fields more, caption, taken are kept as extra columns."]
    extra = '{{"caption":"no. {}","more":0.5,"taken":"2026-11-0{}"}}'
    assert [m.extra for m in media] == [extra.format(n, n + 1) for n in range(7)]
    assert [read(m) for m in media] == DATA
    assert [read(m) for m in reversed(media)] == DATA[::-1]


@pytest.mark.parametrize(("write", "name"), KINDS)
def test_a_data_set_of_hugging_face(write: Write, name: str, tmp_path: Path) -> None:
    images = [{"bytes": data, "path": f"p{n}.png"} for n, data in enumerate(DATA)]
    features = {"image": {"_type": "Image"}, "label": {"names": ["a", "b"], "_type": "ClassLabel"}}
    table = pa.table({"label": [1] * 7, "image": images})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    path = tmp_path / name.replace("train", "test-00000-of-00001")
    write(table.replace_schema_metadata(metadata), path)
    media, _, _ = found_in(path)
    assert [(m.name, m.label, m.split) for m in media] == [(f"p{n}.png", "b", "test") for n in range(7)]
    assert [read(m) for m in media] == DATA
    assert media[2].uri == f"{path.as_uri()}#image.bytes%3A2"


def test_rows_without_names_and_without_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    parquet(
        pa.table({"mask": [b"x"] * 3, "video": [DATA[0], None, DATA[2]], "split": ["a", None, "b"]}), path
    )
    media, (outcome,), notices = found_in(path)
    assert [(m.name, m.kind, m.split) for m in media] == [
        ("x.parquet#0", "video", "a"),
        ("x.parquet#2", "video", "b"),
    ]
    assert (outcome.medium.name, outcome.reason) == ("x.parquet#1", "the table has no bytes in this row")
    assert notices == [f"{path}: the field mask is not read."]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"path": ["a.jpg"], "label": [1]}, "the table has no column with the bytes of media"),
        ({"image": pa.array([], pa.binary())}, "there is no row in this table"),
    ],
)
def test_a_table_without_media(table: dict[str, Any], told: str, tmp_path: Path) -> None:
    parquet(pa.table(table), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=told):
        list(find([tmp_path / "a.parquet"]))


@pytest.mark.parametrize(("write", "name"), KINDS)
def test_a_table_that_is_cut(write: Write, name: str, tmp_path: Path) -> None:
    write(pa.table({"image": [JPEG * 5000] * 9}), tmp_path / name)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="the table cannot be read; it is damaged or ends too early"):
        list(find([tmp_path / name]))


def test_an_address_of_a_value_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet(pa.table({"image": DATA}), path)
    for member in ("image:7", "picture:0", "image", "image:-1"):
        with pytest.raises(MediaError, match="the table has no such"), open_uri(f"{path.as_uri()}#{member}"):
            pass


def test_a_new_version_of_a_lance_table_is_another_file(tmp_path: Path) -> None:
    lance_table(pa.table({"image": DATA[:3]}), tmp_path / "x.lance")
    before, _, _ = found_in(tmp_path / "x.lance")
    lance.write_dataset(pa.table({"image": DATA[3:]}), str(tmp_path / "x.lance"), mode="append")
    after, _, _ = found_in(tmp_path / "x.lance")
    assert [read(medium) for medium in after] == DATA
    assert [medium.medium_id for medium in after[:3]] == [medium.medium_id for medium in before]
    assert {medium.mtime_ns for medium in after}.isdisjoint(medium.mtime_ns for medium in before)
    with pytest.raises(MediaError, match="changed since it was found"):
        read(before[0])


def test_a_lance_table_that_is_damaged(tmp_path: Path) -> None:
    lance_table(pa.table({"image": DATA}), tmp_path / "x.lance")
    (manifest,) = (tmp_path / "x.lance" / "_versions").glob("*.manifest")
    manifest.write_bytes(manifest.read_bytes()[:20])
    with pytest.raises(InputError, match="the table cannot be read; it is damaged"):
        found_in(tmp_path / "x.lance")
