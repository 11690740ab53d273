"""Files of web servers, by urllib3."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

from vifex.media.remote.backends.pace import TooSlowError, paced
from vifex.media.remote.errors import NoRangesError, TransferError, without_secrets
from vifex.media.remote.settings import connect_s, connections, read_s
from vifex.media.remote.stat import RemoteStat, time_with_tag
from vifex.values.registry import require

if TYPE_CHECKING:
    import urllib3

__all__ = ["Web"]

_CHUNK: Final = 1 << 18
_PROXIES: Final = (
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
)
_REDIRECTS: Final = 5
_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_PASSING: Final = (408, 425, 429, 500, 502, 503, 504, 509, 520, 521, 522, 523, 524)
_NO_HEAD: Final = (400, 401, 403, 405, 406, 501)
"""Answers to HEAD of servers that allow only GET; presigned addresses are signed for one of them."""


class Web:
    """Reads files by `http://` and `https://` addresses."""

    def stat(self, url: str) -> RemoteStat:
        """Return size and time of a file.

        Raises:
            TransferError: If the server does not give it.
        """
        with _answer("HEAD", url) as answer:
            if answer.status == 200 and answer.headers.get("Content-Length"):
                return _stat(answer, _length(answer))
            if answer.status not in (200, *_NO_HEAD):
                _check(answer)
        with _answer("GET", url, (0, 1)) as answer:
            if answer.status == 416:
                return _stat(answer, 0)
            _check(answer)
            ranged = _ranged(answer)
            return _stat(answer, ranged[2] if ranged else _length(answer))

    def get(self, url: str, start: int, stop: int) -> tuple[bytes, RemoteStat]:
        """Return bytes `[start, stop)` of a file, fewer where it ends before.

        Raises:
            NoRangesError: If the server gives the file only as a whole.
            TransferError: If it cannot be read.
        """
        with _answer("GET", url, (start, stop)) as answer:
            if answer.status == 416:
                return b"", _stat(answer, None)
            _check(answer)
            if answer.status != 206:
                return self._whole_instead(answer, start, stop)
            ranged = _ranged(answer)
            if ranged is None or ranged[0] != start:
                raise NoRangesError
            data = b"".join(_body(answer))
            if len(data) != ranged[1] - start:
                raise _cut(len(data), ranged[1] - start)
            return data, _stat(answer, ranged[2])

    def _whole_instead(self, answer: Any, start: int, stop: int) -> tuple[bytes, RemoteStat]:
        """Take a whole file that came in place of a part, if it is no longer than the part."""
        length = _length(answer)
        if start or (length is not None and length > stop):
            raise NoRangesError
        data = b""
        for chunk in _body(answer):
            data += chunk
            if len(data) > stop:
                raise NoRangesError
        return data, _stat(answer, len(data))

    def whole(self, url: str) -> Iterator[tuple[bytes, RemoteStat]]:
        """Yield a file in pieces from its start.

        Raises:
            TransferError: If it cannot be read, or ends before its length.
        """
        with _answer("GET", url) as answer:
            _check(answer)
            stat = _stat(answer, _length(answer))
            for chunk in _body(answer):
                yield chunk, stat


@contextlib.contextmanager
def _answer(method: str, url: str, part: tuple[int, int] | None = None) -> Iterator[Any]:
    """Ask for a file; the connection goes back to its pool in the end, or is closed if bytes are left."""
    urllib3: Any = require("urllib3", extra="remote", needed_for="reading from web servers")
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    headers = {"Accept-Encoding": "identity", "User-Agent": "vifex"}
    if user:
        headers |= urllib3.make_headers(basic_auth=unquote(user))
    if part:
        headers["Range"] = f"bytes={part[0]}-{part[1] - 1}"
    bare = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
    retry = urllib3.Retry(
        total=None, connect=0, read=0, redirect=_REDIRECTS, status=0, other=0, raise_on_status=False
    )
    answer = None
    try:
        pool = _pool(parts.scheme, parts.hostname or "", connections())
        answer = pool.request(
            method,
            bare,
            headers=headers,
            retries=retry,
            timeout=urllib3.Timeout(connect=connect_s(), read=read_s()),
            preload_content=False,
            decode_content=False,
        )
        yield answer
    except urllib3.exceptions.HTTPError as exc:
        raise _of(exc) from None
    finally:
        if answer is not None:
            # What was read to its end, maybe nothing, leaves a connection that can be used again.
            answer.drain_conn() if answer.length_remaining == 0 else answer.close()
            answer.release_conn()


def _pool(scheme: str, host: str, size: int) -> urllib3.PoolManager:
    said = tuple(os.environ.get(name) for name in _PROXIES)
    return _pool_by(_proxy(scheme, host, said), size)


@lru_cache(maxsize=64)
def _proxy(scheme: str, host: str, said: tuple[str | None, ...]) -> str | None:
    """Return the address of the proxy for a host; what the environment says is part of the key."""
    proxy = getproxies().get(scheme)
    return proxy if proxy and not proxy_bypass(host) else None


@lru_cache(maxsize=8)
def _pool_by(proxy: str | None, size: int) -> urllib3.PoolManager:
    import urllib3

    options: dict[str, Any] = {"num_pools": 64, "maxsize": size, "block": True}
    return paced(urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options))


def _body(answer: Any) -> Iterator[bytes]:
    yield from answer.stream(_CHUNK, decode_content=False)


def _check(answer: Any) -> None:
    """Refuse an answer that is not the file.

    Raises:
        TransferError: With the reason.
    """
    status = answer.status
    if status in (200, 206):
        return
    if status in (404, 410):
        raise TransferError(
            f"there is no such file on the server ({status})", is_passing=False, is_missing=True
        )
    if status in (401, 403):
        raise TransferError(f"the server refuses access ({status})", is_passing=False, is_refused=True)
    wait = answer.headers.get("Retry-After", "")
    words = f"the server answers {status} {answer.reason or ''}".rstrip()
    raise TransferError(words, is_passing=status in _PASSING, wait_s=float(wait) if wait.isdecimal() else 0.0)


def _ranged(answer: Any) -> tuple[int, int, int] | None:
    """Return start, stop and size of the whole by an answer's `Content-Range`."""
    match = _RANGE.match(answer.headers.get("Content-Range", ""))
    return (int(match[1]), int(match[2]) + 1, int(match[3])) if match else None


def _length(answer: Any) -> int | None:
    text = answer.headers.get("Content-Length", "").strip()
    return int(text) if text.isdecimal() else None


def _stat(answer: Any, size: int | None) -> RemoteStat:
    modified_s = None
    with contextlib.suppress(ValueError, TypeError):
        modified_s = parsedate_to_datetime(answer.headers.get("Last-Modified", "")).timestamp()
    return RemoteStat(size, time_with_tag(modified_s, answer.headers.get("ETag")))


def _cut(came: int, wanted: int) -> TransferError:
    return TransferError(f"the connection was cut after {came:,} of {wanted:,} bytes", is_passing=True)


_WORDS: Final = {
    "ConnectTimeoutError": "the server does not answer",
    **dict.fromkeys(("LocationParseError", "LocationValueError"), "the address has no valid host or port"),
    "NewConnectionError": "the server cannot be reached",
    "NameResolutionError": "the host's name is not known",
    "ProtocolError": "the connection was cut",
    "ResponseError": "the server redirects too often",
}
_OF_HOST: Final = ("ConnectTimeoutError", "NewConnectionError", "NameResolutionError")
_FINAL: Final = ("LocationParseError", "LocationValueError", "URLSchemeUnknown", "ResponseError", "SSLError")


def _of(exc: Exception) -> TransferError:
    """Return what an exception of urllib3 means."""
    cause = getattr(exc, "reason", None) or exc
    kind = type(cause).__name__
    inner: Any = cause.args[-1] if kind == "ProtocolError" and cause.args else cause
    if type(inner).__name__ == "IncompleteRead":
        return _cut(int(inner.partial), int(inner.partial) + int(inner.expected))
    words = _WORDS.get(kind)
    if kind == "ReadTimeoutError":
        is_slow = isinstance(cause.__cause__, TooSlowError)
        words = "the server sends too slowly" if is_slow else f"the server sent nothing for {read_s():g} s"
    if kind == "SSLError":
        words = f"the server's certificate is not accepted: {without_secrets(str(cause))}"
    return TransferError(
        words or without_secrets(str(cause)), is_passing=kind not in _FINAL, is_of_host=kind in _OF_HOST
    )
