"""Servers on the loopback: S3 by moto, and a web server with and without ranges and with faults."""

from __future__ import annotations

import argparse
import contextlib
import email.utils
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["S3_ENVIRONMENT", "WebServer", "environment", "fill", "s3_server", "web_server"]

S3_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing-secret",
    "AWS_REGION": "us-east-1",
}


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
    from obstore.store import S3Store

    request = urllib.request.Request(f"{endpoint}/{bucket}", method="PUT")
    urllib.request.urlopen(request, timeout=20).close()
    store = S3Store(
        bucket,
        endpoint=endpoint,
        access_key_id="testing",
        secret_access_key="testing-secret",
        region="us-east-1",
        client_options={"allow_http": True},
    )
    for key, data in objects.items():
        obstore.put(store, key, data)


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
        http.shutdown()
        http.server_close()


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
