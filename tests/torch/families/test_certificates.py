"""Fetching weights through an own certificate authority and through a proxy, as in many companies.

`tls/server.pem` is the key and certificate of 127.0.0.1, signed by `tls/ca.pem`. Both were made for these
tests with openssl and are valid until 2126; the authority's key was thrown away.
"""

from __future__ import annotations

import hashlib
import os
import ssl
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

from vifex.models.families.shared.certificates import named_certificates, needs_other_client
from vifex.models.families.shared.hub import hub_file, url_file
from vifex.values import ModelError

TLS = Path(__file__).with_name("tls")
WEIGHTS = b"weights of a network"
NAME = f"net-{hashlib.sha256(WEIGHTS).hexdigest()[:8]}.pth"
VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class Host(BaseHTTPRequestHandler):
    """Gives the same file at every address, also to a client that takes it for a proxy."""

    asked: list[str] = []  # noqa: RUF012

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()
        self.wfile.write(WEIGHTS)

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(WEIGHTS)))
        self.send_header("ETag", '"1"')
        self.send_header("X-Repo-Commit", "0123456789abcdef0123456789abcdef01234567")
        self.end_headers()


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in (*VARIABLES, "SSL_CERT_DIR"):
            monkeypatch.delenv(name)
    Host.asked.clear()


def _serve(server: ThreadingHTTPServer) -> Iterator[ThreadingHTTPServer]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def https() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    for running in _serve(server):
        yield f"https://127.0.0.1:{running.server_port}"


@pytest.fixture
def proxy() -> Iterator[str]:
    for running in _serve(ThreadingHTTPServer(("127.0.0.1", 0), Host)):
        yield f"http://127.0.0.1:{running.server_port}"


def test_an_unknown_authority_is_refused_with_the_way_to_name_it(https: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="certificate authority of its own, set SSL_CERT_FILE"):
        url_file(f"{https}/{NAME}", tmp_path, of="net")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_file_is_fetched_with_the_authority_of_any_variable(
    https: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(TLS / "ca.pem"))
    before = dict(os.environ)
    assert url_file(f"{https}/{NAME}", tmp_path, of="net").read_bytes() == WEIGHTS
    assert dict(os.environ) == before


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_hubs_file_is_fetched_with_the_authority_of_any_variable(
    https: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(TLS / "ca.pem"))
    monkeypatch.setattr(constants, "ENDPOINT", https)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    template = https + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    huggingface_hub.close_session()  # as in a new process
    path = hub_file(f"vifex/{variable.lower()}", ["model.bin"], of="net")
    assert path.is_relative_to(tmp_path)
    assert path.read_bytes() == WEIGHTS


def test_a_proxy_is_used(proxy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setattr(urllib.request, "_opener", None)  # as in a new process
    assert url_file(f"http://weights.invalid/{NAME}", tmp_path, of="net").read_bytes() == WEIGHTS
    assert f"http://weights.invalid/{NAME}" in Host.asked


@pytest.mark.parametrize(
    ("variables", "other"),
    [
        ({}, False),
        ({"HTTPS_PROXY": "http://proxy:3128"}, False),
        ({"HTTPS_PROXY": "socks5://proxy:1080"}, True),
        ({"ALL_PROXY": "http://proxy:3128"}, True),
        ({"ALL_PROXY": "socks5h://proxy:1080", "https_proxy": "http://proxy:3128"}, False),
    ],
)
def test_proxies_that_urllib_cannot_use(
    variables: dict[str, str], other: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request of urllib would go past these proxies and find the host out of reach."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert needs_other_client("https") is other


def test_what_the_user_set_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/mine.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/other.pem")
    with named_certificates():
        assert (os.environ["SSL_CERT_FILE"], os.environ["REQUESTS_CA_BUNDLE"]) == ("/mine.pem", "/other.pem")
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    with named_certificates():
        assert os.environ["SSL_CERT_DIR"] == str(tmp_path)
    assert "SSL_CERT_DIR" not in os.environ
