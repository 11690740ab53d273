"""A proxy before moto's S3 server that fails requests as a test says, and makes conditional writes atomic.

moto looks whether an object is there and writes it in two steps, and S3 in one. So writes pass one by one.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

import pytest
from servers import S3_ENVIRONMENT, fill, s3_server

__all__ = ["Fault", "FaultyS3", "faulty_s3", "s3_for_this_process"]

Fault = Literal["busy", "lost", "cut", "slow", None]
"""503 and not done; done and the answer lost; cut and not done; done and answered too late."""

_HOP = {"connection", "transfer-encoding", "content-length", "server", "date"}


@dataclass
class FaultyS3:
    """What a test says to the proxy, and what the proxy saw."""

    url: str
    fault: Callable[[str, str], Fault] = lambda method, path: None
    """Gives what happens to a request of a method to a path."""
    slow_s: float = 3.0
    deaf_to: str = ""
    """A header of conditions that the server does not mind, in lower case."""
    requests: list[tuple[str, str, Fault]] = field(default_factory=list)
    turn: threading.Lock = field(default_factory=threading.Lock)

    def failing(self, what: Fault, method: str, part: str, times: int = 1) -> None:
        """Fail the next requests of a method whose path has a part."""
        left = times

        def fault(asked: str, path: str) -> Fault:
            nonlocal left
            if asked != method or part not in path or not left:
                return None
            left -= 1
            return what

        self.fault = fault

    @property
    def failed(self) -> int:
        """Requests that were failed on purpose."""
        return sum(fault is not None for _, _, fault in self.requests)


@contextlib.contextmanager
def faulty_s3(upstream: str) -> Iterator[FaultyS3]:
    """Run the proxy in this process; gives what to say to it."""
    host = urlsplit(upstream).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 1 << 16  # headers and body in one packet

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = said.fault(self.command, self.path)
            said.requests.append((self.command, self.path, fault))
            if fault == "busy":
                self.close_connection = True
                self.send_response(503, "Slow Down")
                self.send_header("Content-Length", "0")
                self.send_header("Connection", "close")
                self.end_headers()
                return
            if fault != "cut":
                with said.turn if self.command in ("PUT", "POST", "DELETE") else contextlib.nullcontext():
                    status, headers, data = self.ask(body)
            if fault in ("cut", "lost"):
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            if fault == "slow":
                time.sleep(said.slow_s)
            with contextlib.suppress(OSError):
                self.send_response(status)
                for name, value in headers:
                    if name.lower() not in _HOP:
                        self.send_header(name, value)
                length = dict(headers).get("Content-Length", "0") if self.command == "HEAD" else len(data)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(data)

        def ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            connection = http.client.HTTPConnection(host, timeout=60)
            try:
                headers = {n: v for n, v in self.headers.items() if n.lower() != said.deaf_to}
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            finally:
                connection.close()

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that was killed, or requests that outlive the test

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    said = FaultyS3(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield said
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def s3_for_this_process() -> Iterator[FaultyS3]:
    """Run a server with an empty bucket `bucket` behind the proxy; the environment leads to it meanwhile."""
    with pytest.MonkeyPatch.context() as patch, s3_server() as url:
        fill(url, "bucket", {})
        with faulty_s3(url) as proxy:
            for name, value in {**S3_ENVIRONMENT, "AWS_ENDPOINT_URL": proxy.url}.items():
                patch.setenv(name, value)
            yield proxy
