"""Remote files in blocks: they read as local ones do, within limits of bytes, from a real web server."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from servers import S3_ENVIRONMENT, WebServer, silent_port, web_server

from vifex.media.remote import blocks, objects, pool, transfer
from vifex.media.remote.blocks import Blocks
from vifex.media.remote.errors import TransferError
from vifex.media.remote.file import RemoteFile
from vifex.media.remote.objects import examine
from vifex.media.remote.pool import FetchPool, mapped
from vifex.media.remote.settings import read_s
from vifex.values.aws_files import s3_settings
from vifex.values.errors import InputError

SIZE = 100_000
BLOCK = 1 << 14


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    """Serve twelve files of bytes; blocks are small, so that they are many."""
    monkeypatch.setenv("VIFEX_RETRIES", "1")
    for module in (objects, blocks):
        monkeypatch.setattr(module, "BLOCK_BYTES", BLOCK)
    monkeypatch.setattr("vifex.media.remote.file.BLOCK_BYTES", BLOCK)
    for number in range(12):
        (tmp_path / f"{number}.bin").write_bytes(random.Random(number).randbytes(SIZE))
    with web_server(tmp_path) as server:
        yield server


@pytest.mark.parametrize("ranges", [True, False])
def test_it_reads_as_a_local_file_does(web: WebServer, tmp_path: Path, ranges: bool) -> None:
    """Reads and seeks at random, forwards and back, and beyond the end."""
    web.ranges = ranges
    draw = random.Random(0)
    with (
        RemoteFile(examine(f"{web.url}/0.bin")) as ours,
        (tmp_path / "0.bin").open("rb", buffering=0) as theirs,
    ):
        for _ in range(200):
            if draw.random() < 0.5:
                place = draw.randrange(SIZE + 20_000), 0
                if draw.random() < 0.3:
                    place = -draw.randrange(SIZE), 2
                assert ours.seek(*place) == theirs.seek(*place)
            count = draw.choice((0, 1, 100, BLOCK, 3 * BLOCK + 7))
            assert ours.read(count) == theirs.read(count)
            assert ours.tell() == theirs.tell()
        ours.seek(0)
        theirs.seek(0)
        assert ours.readall() == theirs.readall()


def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    end_s = time.monotonic() + seconds
    while not holds() and time.monotonic() < end_s:
        time.sleep(0.01)
    return holds()


def test_what_is_fetched_ahead_is_bounded(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many bytes are fetched and no more, until somebody reads, or says that they are not wanted."""
    monkeypatch.setattr(blocks, "AHEAD_BYTES", 10 * BLOCK)
    monkeypatch.setattr(blocks, "KEPT_BYTES", 4 * BLOCK)
    found = [examine(f"{web.url}/{number}.bin") for number in range(12)]
    web.seen.clear()
    ours = Blocks(FetchPool(4))
    per_file = -(-SIZE // BLOCK)
    for number, of in enumerate(found):
        ours.expect(number, [(of, index) for index in range(per_file)], per_file)
    assert _within(5, lambda: len(web.seen) >= 10)
    time.sleep(0.1)
    fetched = len(web.seen)
    assert fetched <= 11
    data = b"".join(ours.wanted(found[0], index).result(5) for index in range(per_file))
    assert data == (web.folder / "0.bin").read_bytes()
    assert _within(5, lambda: len(web.seen) >= fetched + per_file - 1)
    for number in reversed(range(12)):
        ours.over(number)
    time.sleep(0.1)
    stopped = len(web.seen)
    ours.wanted(found[11], 0).result(5)
    assert len(web.seen) <= stopped + 1
    assert sum(map(len, (b.future.result() for b in ours._blocks.values()))) <= 5 * BLOCK


def test_what_is_fetched_for_a_file_is_let_go_with_it(
    web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where its reader jumped away from it; and a reader with nothing else to do is served at once."""
    monkeypatch.setattr(blocks, "AHEAD_BYTES", 4 * BLOCK)
    ours = Blocks(FetchPool(4))
    monkeypatch.setattr("vifex.media.remote.file.the_blocks", lambda: ours)
    with RemoteFile(examine(f"{web.url}/0.bin")) as file:
        file.read(3 * BLOCK)
        file.seek(0)
        assert ours._ahead_bytes > 0
    assert ours._ahead_bytes == 0
    came = threading.Event()
    ours.on_arrival = came.set
    first, second = examine(f"{web.url}/1.bin"), examine(f"{web.url}/2.bin")
    ours.expect("first", [(first, index) for index in range(5)], 5)
    ours.expect("second", [(second, 0)], 1)
    assert ours.is_awaited("second"), "the limit is reached"
    ours.press("second")
    assert _within(5, lambda: not ours.is_awaited("second"))
    assert came.wait(5)


def test_a_file_that_changes_is_noticed(web: WebServer, tmp_path: Path) -> None:
    of = examine(f"{web.url}/1.bin")
    time.sleep(0.01)
    (tmp_path / "1.bin").write_bytes(bytes(SIZE))
    with RemoteFile(of) as file, pytest.raises(TransferError, match="changed since it was found"):
        file.read(10)


def test_faults_of_a_bucket_are_retried_and_told(
    web: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The web server answers as S3 does where single objects are asked for."""
    monkeypatch.setattr(transfer, "_FIRST_S", 0.05)
    for name, value in {**S3_ENVIRONMENT, "AWS_ENDPOINT_URL": web.url}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "b").mkdir()
    data = random.Random(1).randbytes(SIZE)
    (tmp_path / "b" / "k.bin").write_bytes(data)
    web.cuts["/b/k.bin"], web.failures["/b/k.bin"] = 1, 1
    with RemoteFile(examine("s3://b/k.bin")) as file:
        assert file.readall() == data
    web.failures["/b/k.bin"] = 1000
    with pytest.raises(TransferError, match=r"^the server answers 503 Service Unavailable, tried 2 times$"):
        transfer.fetch("s3://b/k.bin", 0, 10)
    web.failures.clear()
    web.cuts["/b/k.bin"] = 1000
    with pytest.raises(TransferError, match=r"connection.*tried 2 times"):
        transfer.fetch("s3://b/k.bin", 0, 10_000)
    with pytest.raises(TransferError, match="there is no such object") as told:
        transfer.stat("s3://b/none.bin")
    assert told.value.is_missing


def test_profiles_of_the_aws_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says takes precedence over the files."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    (tmp_path / "config").write_text("[profile lab]\nregion = eu-north-1\nendpoint_url = https://s3.lab\n")
    (tmp_path / "credentials").write_text("[lab]\naws_access_key_id = A\naws_secret_access_key = B\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    assert s3_settings() == {}
    monkeypatch.setenv("AWS_PROFILE", "lab")
    keys = {"access_key_id": "A", "secret_access_key": "B"}
    assert s3_settings() == {**keys, "region": "eu-north-1", "endpoint": "https://s3.lab"}
    monkeypatch.setenv("AWS_REGION", "us-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "C")
    assert s3_settings() == {"endpoint": "https://s3.lab"}


def test_a_host_that_is_gone_is_not_waited_for_again_and_again(
    web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "_FIRST_S", 0.05)
    with pytest.raises(TransferError, match="cannot be reached, tried 2 times"):
        transfer.stat("http://127.0.0.1:9/a.jpg")
    with pytest.raises(TransferError, match=r"cannot be reached$"):
        transfer.stat("http://127.0.0.1:9/b.jpg")


@pytest.mark.parametrize("scheme", ["http", "s3", "ftp"])
@pytest.mark.parametrize("fault", ["stall", "trickle", "connect"])
def test_what_does_not_come_is_cut_and_tried_again_a_bounded_number_of_times(
    web: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, fault: str
) -> None:
    """The answer begins and stops; comes by the byte; or the connection does not come about."""
    monkeypatch.setattr(transfer, "_FIRST_S", 0.02)
    monkeypatch.setattr(transfer, "_down_until", defaultdict(float))
    monkeypatch.setenv("VIFEX_TIMEOUT", "0.1")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "k.bin").write_bytes(bytes(1000))
    (web.stalls if fault == "stall" else web.trickles).add("/b/k.bin")
    with silent_port() as port:
        endpoint = f"http://127.0.0.1:{port}" if fault == "connect" else web.url
        for name, value in {**S3_ENVIRONMENT, "AWS_ENDPOINT_URL": endpoint}.items():
            monkeypatch.setenv(name, value)
        url = "s3://b/k.bin" if scheme == "s3" else f"{endpoint.replace('http', scheme)}/b/k.bin"
        began_s = time.monotonic()
        with pytest.raises(TransferError) as told:
            transfer.fetch(url, 0, 1000)
    assert time.monotonic() - began_s < 3
    words = {
        ("http", "stall"): "the server sent nothing for 0.1 s",
        ("http", "trickle"): "the server sends too slowly",
        ("http", "connect"): "the server does not answer",
        ("s3", "connect"): "the server does not answer in time",
        **{("ftp", fault): "the server does not answer in time"},
    }
    expected = words.get((scheme, fault), "the server sent nothing for 0.1 s, or too slowly")
    assert told.value.reason == f"{expected}, tried 2 times"
    assert told.value.is_passing
    if fault != "connect" and scheme != "ftp":
        assert len(web.seen) == 2


def test_headers_that_trickle_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIFEX_TIMEOUT", "0.1")
    monkeypatch.setenv("VIFEX_RETRIES", "0")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection = listener.accept()[0]
            with connection, contextlib.suppress(OSError):
                connection.recv(4096)
                for byte in b"HTTP/1.1 200 OK\r\n" * 10:
                    connection.send(bytes((byte,)))
                    time.sleep(0.02)

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(TransferError, match=r"the server sends too slowly$"):
            transfer.fetch(f"http://127.0.0.1:{listener.getsockname()[1]}/a", 0, 10)


def test_a_call_that_takes_long_is_overtaken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_PATIENCE_S", 0.05)
    go_on = threading.Event()

    def call(number: int) -> int:
        if number in (3, 5):
            go_on.wait(20)
        return number

    found = mapped(call, range(10), lambda number: True)
    assert [next(found) for _ in range(8)] == [0, 1, 2, 4, 6, 7, 8, 9]
    go_on.set()
    assert list(found) == [3, 5]


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "soon"])
def test_a_time_out_is_a_number_of_seconds(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("VIFEX_TIMEOUT", text)
    with pytest.raises(InputError, match=f"VIFEX_TIMEOUT is '{text}'"):
        read_s()


def test_calls_ahead_keep_their_order() -> None:
    """Slow ones run at once. Results come in the order of the items, the first before all are asked for."""
    asked: list[int] = []

    def items() -> Iterator[int]:
        for number in range(400):
            asked.append(number)
            yield number

    def call(number: int) -> int:
        time.sleep(0.002 if number % 3 else 0)
        return number

    found = mapped(call, items(), lambda number: bool(number % 3))
    assert next(found) == 0
    assert len(asked) == 1
    assert list(found) == list(range(1, 400))
