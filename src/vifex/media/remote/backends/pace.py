"""Connections whose answers must come at a pace.

A time-out of a socket starts anew with each byte, so a server that sends a byte now and then would hold a
reader for ever. Here an answer must begin within a time, and each MiB of it must come within the same time.
"""

from __future__ import annotations

import http.client
import io
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

from vifex.media.remote.settings import part_s

if TYPE_CHECKING:
    import urllib3
    from _typeshed import WriteableBuffer

__all__ = ["TooSlowError", "paced"]

_PIECE_BYTES: Final = 1 << 20


class TooSlowError(TimeoutError):
    """A server sends, but too slowly."""


class _Paced(io.RawIOBase):
    """The bytes of an answer.

    Args:
        raw: The socket's.
    """

    def __init__(self, raw: io.RawIOBase) -> None:
        super().__init__()
        self._raw = raw
        self._allowed_s = part_s()
        self._until_s = time.monotonic() + self._allowed_s
        self._left = _PIECE_BYTES

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        if time.monotonic() > self._until_s:
            raise TooSlowError
        count = self._raw.readinto(buffer)
        self._left -= count or 0
        if self._left <= 0:
            self._left = _PIECE_BYTES
            self._until_s = time.monotonic() + self._allowed_s
        return count

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fp = io.BufferedReader(cast(Any, _Paced(self.fp.detach())))


@lru_cache(maxsize=1)
def _pools() -> dict[str, Any]:
    """Return urllib3's pools with connections that make such answers."""
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    class Plain(HTTPConnection):
        response_class = _Response

    class Secure(HTTPSConnection):
        response_class = _Response

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def paced(manager: urllib3.PoolManager) -> urllib3.PoolManager:
    """Let a manager of connections make such ones."""
    manager.pool_classes_by_scheme = _pools()
    return manager
