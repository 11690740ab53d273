"""Media on real servers of this machine give the rows of a local folder, but for their addresses."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from servers import WebServer, azure_server, fill_azure, ftp_server, web_server

import vifex
from vifex import InputError, Medium, Outcome, Progress, VifexError
from vifex.media.sources import find

Fill = Callable[[str, dict[str, bytes]], None]
Rows = dict[str, list[Any]]

COLUMNS = ("ordinal", "frame_index", "pts", "t_s")
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
    assert extract(files, store).ok == len(NAMES) + 1
    return rows(store)


@pytest.fixture
def web(files: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setenv("VIFEX_RETRIES", "2")
    with web_server(files) as server:
        yield server


def extract(sources: Any, store: Path) -> Any:
    return vifex.extract(sources, store, fps=2, workers=1)


def rows(store: Path) -> Rows:
    """Of each medium, by its file's name: what its rows say and their vectors, and its content hash."""
    with vifex.open(store) as opened:
        hashes = {e["uri"]: e["content_hash"] for e in opened.ledger().to_pylist()}
        table = opened.to_arrow()
        vectors = opened.to_numpy()
    found: Rows = {}
    plain = table.select(["uri", *COLUMNS]).to_pylist()
    for row, vector in zip(plain, vectors, strict=True):
        uri = row.pop("uri")
        name = unquote(uri.rpartition("/")[2])
        found.setdefault(name, []).append((row["ordinal"], hashes[uri], row, vector.tobytes()))
    return {name: sorted(some, key=lambda row: row[0]) for name, some in found.items()}


def rows_of_members(store: Path) -> dict[tuple[str, str], list[Any]]:
    """The same by the archive's name and the member's."""
    with vifex.open(store) as opened:
        entries = {e["uri"]: e for e in opened.ledger().to_pylist()}
        table, vectors = opened.to_arrow(), opened.to_numpy()
    found: dict[tuple[str, str], list[Any]] = {}
    for row, vector in zip(table.select(["uri", *COLUMNS]).to_pylist(), vectors, strict=True):
        entry = entries[row.pop("uri")]
        key = entry["uri"].partition("#")[0].rpartition("/")[2], entry["name"].rpartition("/")[2]
        found.setdefault(key, []).append((row["ordinal"], entry["content_hash"], row, vector.tobytes()))
    return {key: sorted(some, key=lambda row: row[0]) for key, some in found.items()}


def packed(files: Path, folder: Path) -> None:
    """Put the files into archives and tables of each kind."""
    found = {str(p.relative_to(files)): p for p in sorted(files.rglob("*")) if p.is_file()}
    with tarfile.open(folder / "a.tar", "w") as tar, zipfile.ZipFile(folder / "a.zip", "w") as stored:
        for name, path in found.items():
            tar.add(path, name)
            stored.write(path, name)
    with zipfile.ZipFile(folder / "b.zip", "w", zipfile.ZIP_DEFLATED) as deflated:
        for name, path in found.items():
            deflated.write(path, name)
    table = pa.table({"name": list(found), "image": [path.read_bytes() for path in found.values()]})
    pq.write_table(table, folder / "a.parquet", row_group_size=2)
    feather.write_feather(table, folder / "a.arrow", compression="uncompressed")


def addresses(server: WebServer, files: Path) -> list[str]:
    found = sorted(path.relative_to(files) for path in files.rglob("*") if path.is_file())
    return [f"{server.url}/{quote(str(path))}" for path in found]


def objects(files: Path, below: str) -> dict[str, bytes]:
    return {
        f"{below}{path.relative_to(files)}": path.read_bytes() for path in files.rglob("*") if path.is_file()
    }


def test_addresses_of_a_web_server(
    web: WebServer, files: Path, local: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by one, and again: nothing is decoded, and one request asks whether a file has changed."""
    given = addresses(web, files)
    web.delay_s = 0.02
    monkeypatch.setenv("VIFEX_CONNECTIONS", "4")
    assert extract(given, tmp_path / "s.vifex").ok == len(given)
    assert rows(tmp_path / "s.vifex") == local
    assert web.most_at_once <= 4
    web.seen.clear()
    again = extract(given, tmp_path / "s.vifex")
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
    report = extract("s3://photos/f", tmp_path / "s.vifex")
    assert (report.ok, report.skipped, report.failed) == (len(local), 2, 0)
    assert {p.name for p in report.problems if p.status == "skipped"} == {".cache", "notes.txt"}
    assert rows(tmp_path / "s.vifex") == local
    again = extract("s3://photos/f/", tmp_path / "s.vifex")
    assert again.already_done == report.media
    s3("photos", {"f/photo-cmyk.jpg": (files / "photo-adobergb.jpg").read_bytes()})
    assert extract("s3://photos/f/", tmp_path / "s.vifex").ok == 1


def test_manifests_and_lists(web: WebServer, s3: Fill, files: Path, local: Rows, tmp_path: Path) -> None:
    """A manifest of this machine, one of a server and one of a bucket name the same media, with labels."""
    given = addresses(web, files)
    names = [address.removeprefix(f"{web.url}/") for address in given]
    keys = [unquote(name) for name in names]
    (tmp_path / "here.csv").write_text(_manifest(given))
    (files / "there.csv").write_text(_manifest(names))
    s3("lists", objects(files, "") | {"m.csv": _manifest(keys).encode()})
    try:
        for source in (tmp_path / "here.csv", "s3://lists/m.csv"):
            store = tmp_path / f"{source[:2] if isinstance(source, str) else 'web'}.vifex"
            assert extract(source, store).ok == len(given)
            assert rows(store) == local
            with vifex.open(store) as opened:
                assert {e["label"] for e in opened.ledger().to_pylist()} == set("01234")
        assert extract(f"{web.url}/there.csv", tmp_path / "web.vifex").already_done == len(given)
    finally:
        (files / "there.csv").unlink()


def _manifest(names: list[str]) -> str:
    return "uri,label\n" + "".join(f"{name},{number}\n" for number, name in enumerate(names))


def test_a_remote_manifest_opens_no_file_of_this_machine(web: WebServer, files: Path, tmp_path: Path) -> None:
    inside = files / "photo-cmyk.jpg"
    (files / "m.csv").write_text(f"uri\n{inside}\n{inside.as_uri()}\nphoto-cmyk.jpg\n../../x.jpg\n")
    try:
        report = extract(f"{web.url}/m.csv", tmp_path / "s.vifex")
    finally:
        (files / "m.csv").unlink()
    assert (report.ok, report.failed) == (1, 1)
    assert "cannot name a file of this machine" in report.problems[0].reason
    assert "2 more lines" in report.problems[0].reason


def test_no_secret_is_stored_or_printed(
    web: WebServer, files: Path, tmp_path: Path, vifex_command: Callable[..., Any]
) -> None:
    secret = "s3cr3t"
    web.signature = f"X-Amz-Signature={secret}"
    web.password = "Basic " + base64.b64encode(f"me:{secret}".encode()).decode()
    given = [
        f"{address.replace('//', f'//me:{secret}@', 1)}?v=1&X-Amz-Signature={secret}"
        for address in addresses(web, files)
    ]
    bad = [given[0].replace(".gif", ".none"), given[1].replace(f"Signature={secret}", f"Signature=x{secret}")]
    (tmp_path / "list.csv").write_text("url\n" + "".join(f"{one}\n" for one in [*given[2:-1], *bad]))
    words = ("-o", tmp_path / "s.vifex", "--workers", "1")
    done = vifex_command("extract", tmp_path / "list.csv", given[-1], given[0] + "x", *words)
    assert done.returncode == 3, done.stderr
    with vifex.open(tmp_path / "s.vifex") as opened:
        entries = opened.ledger().to_pylist()
    assert sorted(e["status"] for e in entries) == ["failed"] * 3 + ["ok"] * (len(given) - 2)
    assert secret not in done.stdout + done.stderr + str(entries)
    for path in (tmp_path / "s.vifex").rglob("*"):
        assert path.is_dir() or secret.encode() not in path.read_bytes(), path


def test_faults_are_retried_and_told(web: WebServer, files: Path, local: Rows, tmp_path: Path) -> None:
    """What is mended in time costs nothing; what is not is failed, and the next run tries it again."""
    given, store = addresses(web, files), tmp_path / "s.vifex"
    web.cuts.update({"/photo-adobergb.jpg": 2, "/photo-cmyk.jpg": 1000})
    web.failures.update({"/clip-h264-bframes.mp4": 2, "/more/a #1%41.jpg": 1000})
    web.too_long.add("/anim-iss634.gif")
    report = extract(given, store)
    assert (report.ok, report.failed) == (2, 3)
    told = {p.name: p.reason for p in report.problems if p.status == "failed"}
    assert told["a #1%41.jpg"] == "the server answers 503 Service Unavailable, tried 3 times"
    cut = (
        r"the connection was cut after [\d,]+ of [\d,]+ bytes, tried 3 times\. The next run tries it again\."
    )
    assert re.fullmatch(cut, told["photo-cmyk.jpg"])
    assert re.fullmatch(cut, told["anim-iss634.gif"])
    web.cuts.clear(), web.failures.clear(), web.too_long.clear()
    again = extract(given, store)
    assert (again.ok, again.already_done) == (3, 2), again.problems
    assert rows(store) == local
    web.failures.update(dict.fromkeys(("/photo-cmyk.jpg", "/photo-adobergb.jpg"), 1000))
    web.password = "Basic none"
    down = extract(given, store)
    assert (down.failed, down.already_done) == (len(given), 0)
    assert rows(store) == local, "rows of media whose server cannot be asked stay"


def test_nothing_waits_for_a_server_that_stalls(
    web: WebServer, files: Path, local: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One decoder: the others are computed while a file is held up, which is read when the server goes on."""
    monkeypatch.setenv("VIFEX_TIMEOUT", "20")
    given = sorted(addresses(web, files), key=lambda address: "adobergb" not in address)
    web.stalls.add("/photo-adobergb.jpg")
    n_others = sum(map(len, local.values())) - len(local["photo-adobergb.jpg"])

    def look(now: Progress) -> None:
        if now.rows == n_others:
            web.stalls.clear()
            web.go_on.set()

    report = vifex.extract(given, tmp_path / "s.vifex", fps=2, workers=1, on_progress=look)
    assert web.go_on.is_set()
    assert report.ok == len(given), report.problems
    assert rows(tmp_path / "s.vifex") == local


def test_what_stalls_to_the_end_is_failed(
    web: WebServer, files: Path, local: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIFEX_TIMEOUT", "0.1")
    monkeypatch.setenv("VIFEX_RETRIES", "1")
    web.stalls.add("/photo-adobergb.jpg")
    web.trickles.add("/photo-cmyk.jpg")
    report = extract(addresses(web, files), tmp_path / "s.vifex")
    assert (report.ok, report.failed) == (len(local) - 2, 2)
    with vifex.open(tmp_path / "s.vifex") as opened:
        told = {e["name"]: e["reason"] for e in opened.ledger().to_pylist() if e["status"] == "failed"}
    again = "tried 2 times. The next run tries it again."
    assert told == {
        "photo-adobergb.jpg": f"the server sent nothing for 0.1 s, {again}",
        "photo-cmyk.jpg": f"the server sends too slowly, {again}",
    }
    web.go_on.set(), web.stalls.clear(), web.trickles.clear()
    assert extract(addresses(web, files), tmp_path / "s.vifex").ok == 2
    assert rows(tmp_path / "s.vifex") == local


@pytest.mark.parametrize("way", ["bucket", "chunks"])
def test_archives_and_tables(
    way: str,
    web: WebServer,
    s3: Fill,
    files: Path,
    local: Rows,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Members are read in place; of a server without ranges, lengths and HEAD through a temporary file."""
    packs = files.parent / "packs"
    if not packs.exists():
        packs.mkdir()
        packed(files, packs)
    made = sorted(packs.iterdir())
    monkeypatch.setattr(web, "folder", packs)
    web.ranges = web.lengths = web.head = False
    if way == "bucket":
        s3("packs", {path.name: path.read_bytes() for path in made})
        given = [f"s3://packs/{path.name}" for path in made]
    else:
        given = [f"{web.url}/{path.name}?X-Amz-Signature=s" for path in made]
    report = extract(given, tmp_path / "s.vifex")
    assert report.ok == len(given) * len(local), report.problems
    found = rows_of_members(tmp_path / "s.vifex")
    for path in made:
        for name, expected in local.items():
            assert found[path.name, name] == expected, (path, name)
    with vifex.open(tmp_path / "s.vifex") as opened:
        assert not any("Signature" in e["uri"] for e in opened.ledger().to_pylist())


def test_google_by_the_interface_that_it_shares_with_s3(
    s3: Fill, s3_endpoint: str, files: Path, local: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of Google, obstore uses the XML interface, which lists and reads as S3's does; moto takes any token."""
    s3("google", objects(files, "f/"))
    monkeypatch.setenv("GOOGLE_BASE_URL", s3_endpoint)
    monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "any")
    assert extract("gs://google/f/", tmp_path / "s.vifex").ok == len(local)
    assert rows(tmp_path / "s.vifex") == local
    assert extract("gs://google/f/", tmp_path / "s.vifex").already_done == len(local)


def test_patterns_on_a_bucket(s3: Fill, files: Path, local: Rows, tmp_path: Path) -> None:
    """They match what they match on this machine; a prefix that has the name of a pattern is that prefix."""
    s3("globs", objects(files, "f/x/") | {"f/.h/a.jpg": b"1", "f/x/more/n.txt": b"text", "g/b.jpg": b"1"})
    shutil.copytree(files, tmp_path / "f" / "x")
    (tmp_path / "f" / ".h").mkdir()
    (tmp_path / "f" / ".h" / "a.jpg").write_bytes(b"1")
    (tmp_path / "f" / "x" / "more" / "n.txt").write_text("text")
    for pattern in ("**/*.jpg", "x/*", "*/more", "?/photo-[a-b]*", "**/more/**", ".?/*.jpg", "**/n.*"):
        theirs = [(f.medium.name, f.status) if isinstance(f, Outcome) else (f.name, f.kind)
                  for f in find([str(tmp_path / "f" / pattern)])]  # fmt: skip
        ours = [(f.medium.name, f.status) if isinstance(f, Outcome) else (f.name, f.kind)
                for f in find([f"s3://globs/f/{pattern}"])]  # fmt: skip
        below = [(f"x/{name}" if pattern == "x/*" else name, kind) for name, kind in theirs]
        assert sorted(name.removeprefix("x/") for name, _ in ours) == sorted(
            name.removeprefix("x/") for name, _ in below
        ), pattern
        assert sorted(kind for _, kind in ours) == sorted(kind for _, kind in below), pattern
    assert extract("s3://globs/f/**/*.[gm][ip][f4]", tmp_path / "s.vifex").ok == 2
    assert rows(tmp_path / "s.vifex") == {name: local[name] for name in NAMES[:2]}
    s3("globs", {"f/[x]/c.jpg": (files / NAMES[-1]).read_bytes()})
    assert extract("s3://globs/f/[x]", tmp_path / "t.vifex").ok == 1
    with pytest.raises(InputError, match="no object matches this pattern"):
        extract("s3://globs/f/*.none", tmp_path / "u.vifex")


@pytest.mark.parametrize("where", ["bucket", "web"])
def test_annotations_of_other_tools(
    where: str, web: WebServer, s3: Fill, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is read beside its images on the server, and says what it says of local files."""
    monkeypatch.setattr(web, "folder", tmp_path)
    photo = (files / "photo-cmyk.jpg").read_bytes()
    boxes = [{"id": 1, "image_id": 1, "category_id": 2, "bbox": [1, 2, 10, 20]}]
    images = [{"id": 1, "file_name": "a b.jpg"}, {"id": 2, "file_name": "c.jpg"}]
    names = [{"id": 2, "name": "cat"}]
    made = {
        "coco/annotations/instances_val2017.json": json.dumps(
            {"images": images, "annotations": boxes, "categories": names}
        ).encode(),
        "coco/val2017/a b.jpg": photo,
        "coco/val2017/c.jpg": photo,
        "yolo/data.yaml": b"path: .\ntrain: train.txt\nval: images/val\nnames: [cat, dog]\n",
        "yolo/train.txt": b"images/train/1.jpg\n",
        "yolo/images/train/1.jpg": photo,
        "yolo/images/val/2.jpg": photo,
        "yolo/labels/train/1.txt": b"1 0.5 0.5 0.2 0.2\n",
        "mot/seq/seqinfo.ini": b"[Sequence]\nimDir=img1\nimExt=.jpg\n",
        "mot/seq/gt/gt.txt": b"1,7,10,10,20,20,1,1,1\n1,8,30,30,5,5,0,1,1\n",
        "mot/seq/img1/000001.jpg": photo,
        "lists/plain.txt": b"../coco/val2017/c.jpg dog\n",
    }
    for name, data in made.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    top = web.url
    if where == "bucket":
        s3("tools", made)
        top = "s3://tools"
    else:
        (tmp_path / "yolo/data.yaml").write_bytes(b"train: train.txt\nnames: [cat, dog]\n")
    lists = (
        "coco/annotations/instances_val2017.json",
        "yolo/data.yaml",
        "mot/seq/gt/gt.txt",
        "lists/plain.txt",
    )
    for one in (*lists, "mot/seq/seqinfo.ini"):
        ours, theirs = (list(find([f"{root}/{one}"])) for root in (top, tmp_path))
        said = [
            [(f.label, f.split, f.boxes, f.name, unquote(f.uri.partition("://")[2]))
             for f in found if isinstance(f, Medium)]
            for found in (ours, theirs)
        ]  # fmt: skip
        assert said[0], one
        assert len(said[0]) == len(ours) == len(theirs)
        for mine, other in zip(*said, strict=True):
            assert mine[:3] == other[:3], one
            assert mine[4].removeprefix(f"{top.partition('://')[2]}/") == other[4].removeprefix(
                f"{tmp_path}/"
            )


def test_an_image_on_a_server_as_a_query(
    web: WebServer, files: Path, tmp_path: Path, vifex_command: Callable[..., Any]
) -> None:
    """It finds what the same file finds here, and its password is not shown."""
    store = tmp_path / "s.vifex"
    extract(files, store)
    web.password = "Basic " + base64.b64encode(b"me:s3cr3t").decode()
    for name, time in (("photo-cmyk.jpg", ""), ("clip-h264-bframes.mp4", "@1")):
        given = f"{web.url.replace('//', '//me:s3cr3t@')}/{name}{time}"
        with vifex.open(store) as opened:
            here = [(h.key, h.score) for h in opened.search(f"{files / name}{time}", k=3)]
            assert [(h.key, h.score) for h in opened.search(given, k=3)] == here
    with vifex.open(store) as opened:
        for wrong, words in (
            (given.removesuffix("@1"), "a video as a query needs a time"),
            (given.replace("clip", "none"), "there is no such file on the server"),
            (given.replace("@127", "127"), "the address has no valid host or port"),
        ):
            with pytest.raises(VifexError, match=words) as told:
                opened.search(wrong)
            assert "s3cr3t@" not in str(told.value)
    page = tmp_path / "p.html"
    done = vifex_command("search", store, given, "-k", "3", "--json", "--html", page)
    assert [h["key"] for h in json.loads(done.stdout)["hits"]] == [key for key, _ in here]
    assert "s3cr3t" not in done.stdout + done.stderr + page.read_text()


def test_ftp(files: Path, local: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By fsspec, with a password in the address or in `.netrc`, which no store and no message has."""
    secret = "s3cr3t@"
    with ftp_server(files, secret) as host:
        given = f"ftp://me:{quote(secret, safe='')}@{host}/"
        assert extract(given, tmp_path / "s.vifex").ok == len(local)
        assert rows(tmp_path / "s.vifex") == local
        assert extract(given, tmp_path / "s.vifex").already_done == len(local)
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login me password {secret}\n")
        assert extract(f"ftp://{host}/**/*.jpg", tmp_path / "s.vifex").already_done == 3
        with pytest.raises(InputError, match="there is no such object") as told:
            extract(f"{given}none.jpg", tmp_path / "t.vifex")
        bad = extract(f"ftp://me:x{secret[:-1]}@{host}/{NAMES[-1]}", tmp_path / "t.vifex")
        assert "the server refuses access" in bad.problems[0].reason
    assert secret[:-1] not in str(told.value) + str(bad)
    for path in [p for name in ("s", "t") for p in (tmp_path / f"{name}.vifex").rglob("*") if p.is_file()]:
        assert secret[:-1].encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("scheme", "module", "package"), [("ftp", "fsspec", "fsspec"), ("sftp", "paramiko", "paramiko")]
)
def test_of_a_scheme_whose_package_is_missing_one_sentence_says_which(
    tmp_path: Path, scheme: str, module: str, package: str
) -> None:
    code = f"import sys; sys.modules['{module}'] = None; from vifex.cli import main; main()"
    words = ["extract", f"{scheme}://127.0.0.1:9/f/", "-o", str(tmp_path / "s.vifex")]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1
    assert f"reading from {scheme}:// needs {package}" in done.stderr
    assert "pip install" in done.stderr


@pytest.mark.skipif(shutil.which("azurite-blob") is None, reason="Azurite is not installed")
def test_azure(files: Path, local: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with azure_server(tmp_path) as environment:
        fill_azure(environment, "media", objects(files, "f/"))
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert extract("az://media/f/", tmp_path / "s.vifex").ok == len(local)
        assert rows(tmp_path / "s.vifex") == local
        assert extract("az://media/f/", tmp_path / "s.vifex").already_done == len(local)
        with pytest.raises(InputError, match="there is no such"):
            extract("az://none/f/", tmp_path / "t.vifex")


def test_without_the_extra_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['obstore'] = None; from vifex.cli import main; main()"
    words = ["extract", "s3://b/f/", "-o", str(tmp_path / "s.vifex")]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1
    assert "reading from s3:// needs obstore" in done.stderr
    assert "pip install '.[remote]'" in done.stderr
