"""Certificates and proxies named in the environment, for every HTTP client.

Python's `ssl` and httpx read `SSL_CERT_FILE` and `SSL_CERT_DIR`; requests reads `REQUESTS_CA_BUNDLE` and
`CURL_CA_BUNDLE`. The libraries of the hubs use one client or another, so each of
them is given the same certificates.
"""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["named_certificates", "needs_other_client"]

_OF_SSL: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_OF_REQUESTS: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@contextmanager
def named_certificates() -> Iterator[None]:
    """Let every client in this process trust the certificates that any of the four variables names.

    `SSL_CERT_FILE` and `SSL_CERT_DIR` stay as they are where the user set one of them. The environment is
    as before when the block ends.
    """
    added = {}
    if not any(os.environ.get(name) for name in _OF_SSL):
        place = next((value for name in _OF_REQUESTS if (value := os.environ.get(name))), None)
        if place is not None:
            added["SSL_CERT_DIR" if os.path.isdir(place) else "SSL_CERT_FILE"] = place  # noqa: PTH112
    elif (place := os.environ.get("SSL_CERT_FILE")) and not any(map(os.environ.get, _OF_REQUESTS)):
        added["REQUESTS_CA_BUNDLE"] = place
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def needs_other_client(scheme: str) -> bool:
    """Whether the environment names a proxy for a scheme that urllib cannot use: `ALL_PROXY`, or SOCKS.

    Args:
        scheme: `http` or `https`.
    """
    proxies = urllib.request.getproxies()
    proxy = proxies.get(scheme)
    if proxy is None:
        return bool(proxies.get("all"))
    return proxy.lower().startswith("socks")
