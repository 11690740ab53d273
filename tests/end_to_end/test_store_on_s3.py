"""A store on S3 end to end: equal to a local one, resumed, read by commands, and copied to a disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import obstore
import pytest
from faulty_s3 import FaultyS3, s3_for_this_process
from obstore.store import S3Store

import vifex
from vifex import StoreError
from vifex.cli.app import main

STORE = "s3://bucket/a b/lib.vifex"
SIZES = {"fps": 2, "workers": 1, "precision": "fp32"}


@pytest.fixture(scope="module")
def s3() -> Iterator[FaultyS3]:
    with s3_for_this_process() as proxy:
        yield proxy


@pytest.fixture(scope="module")
def media(shared_media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    for name in ("clip-h264-bframes.mp4", "photo-cmyk.jpg", "photo-adobergb.jpg"):
        shutil.copyfile(shared_media / "good" / name, folder / name)
    (folder / "broken.jpg").write_bytes((folder / "photo-cmyk.jpg").read_bytes()[:200])
    return folder


@pytest.fixture(scope="module")
def stores(s3: FaultyS3, media: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    local = tmp_path_factory.mktemp("local") / "lib.vifex"
    return {
        where: (store, vifex.extract(media, store, **SIZES))
        for where, store in (("disk", local), ("s3", STORE))
    }


def status(words: Sequence[str]) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    return int(caught.value.code or 0)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert status(words) == 0
    return json.loads(capsys.readouterr().out)


def test_rows_and_entries_equal_those_of_a_local_store(stores: dict[str, Any]) -> None:
    assert stores["s3"][1].store == STORE
    with vifex.open(stores["disk"][0]) as disk, vifex.open(STORE) as remote:
        ours, theirs = remote.to_arrow().sort_by("key"), disk.to_arrow().sort_by("key")
        assert ours.equals(theirs, check_metadata=True)
        assert len(ours) > 5
        columns = ["name", "status", "reason", "rows", "content_hash", "spec_hash", "recipe_hash"]
        entries = [one.ledger().select(columns).sort_by("name") for one in (remote, disk)]
        assert entries[0].equals(entries[1])
        assert str(remote.path) == STORE
        query = remote.search(f"row:{ours['key'][0]}", k=3)
        assert [(h.key, h.score) for h in query] == [
            (h.key, h.score) for h in disk.search(f"row:{ours['key'][0]}", k=3)
        ]


def test_the_same_command_resumes(stores: dict[str, Any], media: Path, s3: FaultyS3) -> None:
    s3.requests.clear()
    again = vifex.extract(media, STORE, **SIZES)
    assert (again.already_done, again.rows) == (4, 0)


def test_commands_read_it(stores: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    shown = said(capsys, "show", STORE, "--json")
    assert shown["store"] == STORE
    assert sum(shown["views"][0]["media"].values()) == 4
    assert said(capsys, "check", STORE, "--json")["ok"]
    with vifex.open(STORE) as remote:
        key = remote.to_arrow(["key"])["key"][0].as_py()
    found = said(capsys, "search", STORE, f"row:{key}", "-k", "2", "--json")
    assert found["store"] == STORE


@pytest.mark.parametrize(
    "words",
    [
        ("index", STORE),
        ("compact", STORE),
        ("upgrade", STORE),
        ("tag", STORE, "v1"),
        ("rm", STORE, "broken.jpg"),
        ("index", STORE, "--drop"),
        ("views", STORE, "--rename", "main", "other"),
        ("check", STORE, "--repair"),
        ("merge", "{disk}", STORE),
        ("merge", STORE, "{disk}"),
    ],
)
def test_what_is_not_possible_there_is_refused_and_nothing_changes(
    stores: dict[str, Any], s3: FaultyS3, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    s3.requests.clear()
    assert status([w.format(disk=stores["disk"][0]) for w in words]) > 0
    error = capsys.readouterr().err
    assert "not possible yet with a store at an object store's address" in error
    assert f"aws s3 sync {STORE}" in error
    assert all(method in ("GET", "HEAD") for method, _, _ in s3.requests)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("gs://bucket/lib.vifex", "cannot lie at an address of gs://"),
        ("s3://bucket", "a store needs a name in the bucket"),
        ("s3://key:secret@bucket/lib.vifex", "may hold no credentials"),
        ("s3://no-such-bucket/lib.vifex", "there is no bucket 'no-such-bucket'"),
        ("s3://bucket/none.vifex", "there is no store here"),
        ("file:///lib.vifex", "named by its path"),
    ],
)
def test_wrong_addresses_get_one_sentence(s3: FaultyS3, address: str, says: str) -> None:
    with pytest.raises(StoreError, match=says) as caught:
        vifex.open(address)
    assert "secret" not in str(caught.value)


def test_a_copy_on_a_disk_is_a_local_store(stores: dict[str, Any], s3: FaultyS3, tmp_path: Path) -> None:
    bucket = S3Store("bucket", endpoint=s3.url, client_options={"allow_http": True})
    for page in obstore.list(bucket, "a b/lib.vifex"):
        for meta in page:
            file = tmp_path / Path(meta["path"]).relative_to("a b")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(bytes(obstore.get(bucket, meta["path"]).bytes()))
    copy = tmp_path / "lib.vifex"
    vifex.compact(copy)
    vifex.tag(copy, "copied")
    with vifex.open(copy) as local, vifex.open(STORE) as remote:
        assert local.to_arrow().equals(remote.to_arrow())
        assert local.verify().ok
