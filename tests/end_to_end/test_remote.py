"""Media on real servers of this machine give the rows of a local folder, but for their addresses."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from servers import WebServer, web_server

import vifex

Fill = Callable[[str, dict[str, bytes]], None]
Rows = dict[str, list[Any]]

NAMES = ("anim-iss634.gif", "clip-h264-bframes.mp4", "photo-adobergb.jpg", "photo-cmyk.jpg")


@pytest.fixture(scope="module")
def files(shared_media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("remote") / "files"
    (folder / "more").mkdir(parents=True)
    for name in NAMES:
        shutil.copyfile(shared_media / "good" / name, folder / name)
    shutil.copyfile(shared_media / "good" / NAMES[-1], folder / "more" / "a #1%41.jpg")
    return folder


@pytest.fixture(scope="module")
def local(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    store = tmp_path_factory.mktemp("local") / "l.vifex"
    assert vifex.extract(files, store, fps=2).ok == len(NAMES) + 1
    return rows(store)


@pytest.fixture
def web(files: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setenv("VIFEX_RETRIES", "2")
    with web_server(files) as server:
        yield server


def rows(store: Path) -> Rows:
    """Of each medium, by its file's name: what its rows say and their vectors, and its content hash."""
    with vifex.open(store) as opened:
        hashes = {e["uri"]: e["content_hash"] for e in opened.ledger().to_pylist()}
        table = opened.to_arrow()
        vectors = opened.to_numpy()
    found: Rows = {}
    plain = table.select(["uri", "ordinal", "frame_index", "pts", "t_s"]).to_pylist()
    for row, vector in zip(plain, vectors, strict=True):
        uri = row.pop("uri")
        name = unquote(uri.rpartition("/")[2])
        found.setdefault(name, []).append((row["ordinal"], hashes[uri], row, vector.tobytes()))
    return {name: sorted(some, key=lambda row: row[0]) for name, some in found.items()}


def addresses(server: WebServer, files: Path) -> list[str]:
    found = sorted(path.relative_to(files) for path in files.rglob("*") if path.is_file())
    return [f"{server.url}/{quote(str(path))}" for path in found]


def objects(files: Path, below: str) -> dict[str, bytes]:
    return {
        f"{below}{path.relative_to(files)}": path.read_bytes() for path in files.rglob("*") if path.is_file()
    }


def test_addresses_of_a_web_server(web: WebServer, files: Path, local: Rows, tmp_path: Path) -> None:
    """One by one, and again: nothing is decoded, and one request asks whether a file has changed."""
    given = addresses(web, files)
    assert vifex.extract(given, tmp_path / "s.vifex", fps=2).ok == len(given)
    assert rows(tmp_path / "s.vifex") == local
    web.seen.clear()
    again = vifex.extract(given, tmp_path / "s.vifex", fps=2)
    assert (again.already_done, again.ok) == (len(given), 0)
    assert [method for method, _, _ in web.seen] == ["HEAD"] * len(given)


def test_a_prefix_of_a_bucket(s3: Fill, files: Path, local: Rows, tmp_path: Path) -> None:
    """It is read as a folder is: hidden objects and other files are told of; a mark of a folder is none."""
    extra = {
        "f/.cache/x.jpg": b"1",
        "f/.cache/y.jpg": b"1",
        "f/notes.txt": b"text",
        "f/more/": b"",
        "f2/x.jpg": b"",
    }
    s3("photos", objects(files, "f/") | extra)
    report = vifex.extract("s3://photos/f", tmp_path / "s.vifex", fps=2)
    assert (report.ok, report.skipped, report.failed) == (len(local), 2, 0)
    assert {p.name for p in report.problems if p.status == "skipped"} == {".cache", "notes.txt"}
    assert rows(tmp_path / "s.vifex") == local
    again = vifex.extract("s3://photos/f/", tmp_path / "s.vifex", fps=2)
    assert again.already_done == report.media
    s3("photos", {"f/photo-cmyk.jpg": (files / "photo-adobergb.jpg").read_bytes()})
    assert vifex.extract("s3://photos/f/", tmp_path / "s.vifex", fps=2).ok == 1


def test_manifests_and_lists(web: WebServer, s3: Fill, files: Path, local: Rows, tmp_path: Path) -> None:
    """A manifest of this machine, one of a server and one of a bucket name the same media, with labels."""
    given = addresses(web, files)
    names = [address.removeprefix(f"{web.url}/") for address in given]
    keys = [unquote(name) for name in names]
    (tmp_path / "here.csv").write_text(_manifest(given))
    (files / "there.csv").write_text(_manifest(names))
    s3("lists", objects(files, "") | {"m.csv": _manifest(keys).encode()})
    try:
        for number, source in enumerate((tmp_path / "here.csv", f"{web.url}/there.csv", "s3://lists/m.csv")):
            store = tmp_path / f"{number}.vifex"
            assert vifex.extract(source, store, fps=2).ok == len(given)
            assert rows(store) == local
            with vifex.open(store) as opened:
                assert {e["label"] for e in opened.ledger().to_pylist()} == set("01234")
    finally:
        (files / "there.csv").unlink()


def _manifest(names: list[str]) -> str:
    return "uri,label\n" + "".join(f"{name},{number}\n" for number, name in enumerate(names))


def test_a_remote_manifest_opens_no_file_of_this_machine(web: WebServer, files: Path, tmp_path: Path) -> None:
    inside = files / "photo-cmyk.jpg"
    (files / "m.csv").write_text(f"uri\n{inside}\n{inside.as_uri()}\nphoto-cmyk.jpg\n../../x.jpg\n")
    try:
        report = vifex.extract(f"{web.url}/m.csv", tmp_path / "s.vifex")
    finally:
        (files / "m.csv").unlink()
    assert (report.ok, report.failed) == (1, 1)
    assert "cannot name a file of this machine" in report.problems[0].reason
    assert "2 more lines" in report.problems[0].reason


@pytest.mark.parametrize("way", ["signature", "password"])
def test_no_secret_is_stored_or_printed(
    way: str, web: WebServer, files: Path, tmp_path: Path, vifex_command: Callable[..., Any]
) -> None:
    secret = "s3cr3t"
    if way == "signature":
        web.signature = f"X-Amz-Signature={secret}"
        given = [f"{address}?v=1&X-Amz-Signature={secret}" for address in addresses(web, files)]
    else:
        web.password = "Basic " + base64.b64encode(f"me:{secret}".encode()).decode()
        given = [address.replace("//", f"//me:{secret}@", 1) for address in addresses(web, files)]
    bad = [given[0].replace(".gif", ".none"), given[0].replace(secret, secret + "x")]
    (tmp_path / "list.csv").write_text("url\n" + "".join(f"{one}\n" for one in given[:-1] + bad))
    done = vifex_command(
        "extract", tmp_path / "list.csv", given[-1], "-o", tmp_path / "s.vifex", "--fps", "2"
    )
    assert done.returncode == 3, done.stderr
    with vifex.open(tmp_path / "s.vifex") as opened:
        entries = opened.ledger().to_pylist()
    assert sorted(e["status"] for e in entries) == ["failed"] + ["ok"] * len(given)
    assert secret not in done.stdout + done.stderr + str(entries)
    for path in (tmp_path / "s.vifex").rglob("*"):
        assert path.is_dir() or secret.encode() not in path.read_bytes(), path
