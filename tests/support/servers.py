"""Servers on the loopback: S3 by moto, and a web server with and without ranges and with faults."""

from __future__ import annotations

import argparse
import base64
import contextlib
import email.utils
import hmac
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

__all__ = [
    "S3_ENVIRONMENT",
    "WebServer",
    "azure_server",
    "environment",
    "fill",
    "fill_azure",
    "ftp_server",
    "s3_server",
    "silent_port",
    "web_server",
]

S3_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing-secret",
    "AWS_REGION": "us-east-1",
}


AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key that Azurite's documentation gives to everybody."""


@contextlib.contextmanager
def s3_server() -> Iterator[str]:
    """Run moto's S3 server in a process of its own; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def fill(endpoint: str, bucket: str, objects: dict[str, bytes]) -> None:
    """Make a bucket with objects, by their keys."""
    import obstore

    request = urllib.request.Request(f"{endpoint}/{bucket}", method="PUT")
    urllib.request.urlopen(request, timeout=20).close()
    for key, data in objects.items():
        obstore.put(_bucket(endpoint, bucket), key, data)


def remove(endpoint: str, bucket: str, key: str) -> None:
    """Delete an object."""
    import obstore

    obstore.delete(_bucket(endpoint, bucket), key)


def _bucket(endpoint: str, bucket: str) -> Any:
    from obstore.store import S3Store

    return S3Store(
        bucket,
        endpoint=endpoint,
        access_key_id="testing",
        secret_access_key="testing-secret",
        region="us-east-1",
        client_options={"allow_http": True},
    )


@contextlib.contextmanager
def azure_server(folder: Path) -> Iterator[dict[str, str]]:
    """Run Azurite's blob server, which npm installs; gives the environment in which it is found.

    Args:
        folder: Where it writes.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", folder, "--silent"]
    server = subprocess.Popen(
        [str(shutil.which("azurite-blob")), *words, "--skipApiVersionCheck"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield {
            "AZURE_STORAGE_ACCOUNT_NAME": "devstoreaccount1",
            "AZURE_STORAGE_ACCOUNT_KEY": AZURITE_KEY,
            "AZURE_STORAGE_ENDPOINT": f"http://127.0.0.1:{port}/devstoreaccount1",
        }
    finally:
        server.kill()
        server.wait()


def fill_azure(environment: dict[str, str], container: str, objects: dict[str, bytes]) -> None:
    """Make a container with objects, by their keys."""
    import obstore
    from obstore.store import AzureStore

    date, account = email.utils.formatdate(usegmt=True), environment["AZURE_STORAGE_ACCOUNT_NAME"]
    signed = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:2021-08-06\n"
    signed += f"/{account}/{account}/{container}\nrestype:container"
    key = base64.b64decode(environment["AZURE_STORAGE_ACCOUNT_KEY"])
    signature = base64.b64encode(hmac.new(key, signed.encode(), "sha256").digest()).decode()
    headers = {
        "x-ms-date": date,
        "x-ms-version": "2021-08-06",
        "Authorization": f"SharedKey {account}:{signature}",
        "Content-Length": "0",
    }
    url = f"{environment['AZURE_STORAGE_ENDPOINT']}/{container}?restype=container"
    urllib.request.urlopen(urllib.request.Request(url, method="PUT", headers=headers), timeout=20).close()
    store = AzureStore(
        container,
        account_name=account,
        account_key=environment["AZURE_STORAGE_ACCOUNT_KEY"],
        endpoint=environment["AZURE_STORAGE_ENDPOINT"],
        client_options={"allow_http": True},
    )
    for key_of, data in objects.items():
        obstore.put(store, key_of, data)


@dataclass
class WebServer:
    """What a test says to its web server, and what the server saw."""

    url: str
    folder: Path
    ranges: bool = True
    head: bool = True
    lengths: bool = True
    """Whether answers say how long they are; else they come in chunks."""
    delay_s: float = 0.0
    rate: float | None = None
    """Bytes a second of each connection."""
    cuts: Counter[str] = field(default_factory=Counter)
    """How often answers of a path end in their middle."""
    failures: Counter[str] = field(default_factory=Counter)
    """How often a path is answered with 503."""
    stalls: set[str] = field(default_factory=set)
    """Paths whose answers stop after half of their bytes, until `go_on` is set; then they are cut."""
    go_on: threading.Event = field(default_factory=threading.Event)
    trickles: set[str] = field(default_factory=set)
    """Paths whose answers come byte by byte, 20 a second."""
    too_long: set[str] = field(default_factory=set)
    """Paths of which answers claim more bytes than come."""
    password: str | None = None
    """What `Authorization` must be."""
    signature: str | None = None
    """What the query must hold."""
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and range of each request."""
    most_at_once: int = 0
    now: int = 0


@contextlib.contextmanager
def web_server(folder: Path) -> Iterator[WebServer]:
    """Serve a folder; the object that it gives says how."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    http.daemon_threads = True
    server = WebServer(f"http://127.0.0.1:{http.server_port}", folder)
    http.of = server  # type: ignore[attr-defined]
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.go_on.set()
        http.shutdown()
        http.server_close()


@contextlib.contextmanager
def ftp_server(folder: Path, password: str) -> Iterator[str]:
    """Serve a folder by FTP to the user `me`; gives host and port."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of asyncore, in Python 3.11
        from pyftpdlib.authorizers import DummyAuthorizer
        from pyftpdlib.handlers import FTPHandler
        from pyftpdlib.ioloop import IOLoop
        from pyftpdlib.servers import FTPServer

    class Handler(FTPHandler):  # type: ignore[misc]
        authorizer = DummyAuthorizer()
        use_sendfile = False

        def log(self, *args: object, **kwargs: object) -> None:
            pass

        logline = logerror = log

    Handler.authorizer.add_user("me", password, str(folder))
    server = FTPServer(("127.0.0.1", 0), Handler, ioloop=IOLoop())
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            server.ioloop.loop(timeout=0.02, blocking=False)
        server.close_all()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield "{}:{}".format(*server.address)
    finally:
        stop.set()
        thread.join()


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """Give a port on which connections do not come about: nobody takes those that wait, and no more may."""
    with socket.socket() as listener, contextlib.ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(listener.getsockname())
        yield listener.getsockname()[1]


_lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        of: WebServer = self.server.of  # type: ignore[attr-defined]
        with _lock:
            of.now += 1
            of.most_at_once = max(of.most_at_once, of.now)
        try:
            self._answer(of)
        finally:
            with _lock:
                of.now -= 1

    def _answer(self, of: WebServer) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        asked = self.headers.get("Range", "")
        of.seen.append((self.command, path, asked))
        time.sleep(of.delay_s)
        if of.password is not None and self.headers.get("Authorization") != of.password:
            return self._plain(401)
        if of.signature is not None and of.signature not in parts.query.split("&"):
            return self._plain(403)
        if self.command == "HEAD" and not of.head:
            return self._plain(405)
        if _took(of.failures, path):
            return self._plain(503)
        if "list-type=2" in parts.query.split("&"):
            return self._listing(of.folder / path.strip("/"), parse_qs(parts.query))
        file = of.folder / path.lstrip("/")
        if not file.is_file():
            return self._plain(404)
        start, stop = 0, file.stat().st_size
        size = stop
        if asked and of.ranges:
            first, last = asked.removeprefix("bytes=").split("-")
            start, stop = int(first), min(int(last) + 1, size)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        else:
            self.send_response(200)
        with file.open("rb") as opened:
            opened.seek(start)
            body = opened.read(stop - start)
        self.send_header("Last-Modified", email.utils.formatdate(file.stat().st_mtime, usegmt=True))
        self.send_header("ETag", f'"{file.stat().st_mtime_ns:x}-{size:x}"')
        if of.lengths:
            self.send_header("Content-Length", str(len(body) + (100 if path in of.too_long else 0)))
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.command == "HEAD":
            return None
        if path in of.trickles:
            return self._trickle(body)
        if path in of.stalls:
            self.close_connection = True
            self.wfile.write(body[: len(body) // 2])
            of.go_on.wait(20)
            return None
        if path in of.too_long or _took(of.cuts, path):
            body = body if path in of.too_long else body[: len(body) // 2]
            self.close_connection = True
        return self._send(of, body)

    def _send(self, of: WebServer, body: bytes) -> None:
        step = len(body) if of.rate is None else 1 << 14
        for at in range(0, len(body), max(step, 1)):
            piece = body[at : at + step]
            self.wfile.write(piece if of.lengths else b"%x\r\n%b\r\n" % (len(piece), piece))
            if of.rate is not None:
                time.sleep(len(piece) / of.rate)
        if not of.lengths:
            self.wfile.write(b"0\r\n\r\n")

    def _listing(self, bucket: Path, query: dict[str, list[str]]) -> None:
        """Answer as S3 does to ListObjectsV2: a page of at most 1000 keys."""
        prefix, after = (query.get(name, [""])[0] for name in ("prefix", "continuation-token"))
        found = ((str(p.relative_to(bucket)), p) for p in bucket.rglob("*") if p.is_file())
        keys = sorted((key, p.stat()) for key, p in found if key.startswith(prefix) and key > after)
        page = keys[:1000]
        entries = [
            f"<Contents><Key>{escape(key)}</Key><Size>{stat.st_size}</Size>"
            f'<ETag>"{stat.st_mtime_ns:x}-{stat.st_size:x}"</ETag><LastModified>'
            f"{time.strftime('%Y-%m-%dT%H:%M:%S.000Z', time.gmtime(stat.st_mtime))}</LastModified></Contents>"
            for key, stat in page
        ]
        more = f"<NextContinuationToken>{escape(page[-1][0])}</NextContinuationToken>" if keys[1000:] else ""
        body = (
            f"<ListBucketResult><Name>{bucket.name}</Name><IsTruncated>{str(bool(more)).lower()}</IsTruncated>"
            f"{''.join(entries)}{more}</ListBucketResult>"
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _trickle(self, body: bytes) -> None:
        for at in range(len(body)):
            self.wfile.write(body[at : at + 1])
            time.sleep(0.05)

    def _plain(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _took(counts: Counter[str], path: str) -> bool:
    with _lock:
        if counts[path] <= 0:
            return False
        counts[path] -= 1
    return True


def environment(endpoint: str) -> dict[str, str]:
    """Return the environment in which commands find an S3 server."""
    return {**os.environ, **S3_ENVIRONMENT, "AWS_ENDPOINT_URL": endpoint}


def main() -> None:
    """Serve a folder until standard input closes; for benchmarks, in a process of its own."""
    given = argparse.ArgumentParser()
    given.add_argument("folder", type=Path)
    given.add_argument("--delay-s", type=float, default=0.0)
    words = given.parse_args()
    with web_server(words.folder) as server:
        server.delay_s = words.delay_s
        print(server.url, flush=True)
        sys.stdin.read()
        print(json.dumps({"requests": len(server.seen), "most_at_once": server.most_at_once}), flush=True)


if __name__ == "__main__":
    main()
