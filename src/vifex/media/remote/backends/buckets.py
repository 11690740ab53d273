"""Objects of S3, Google Cloud Storage and Azure, by obstore.

Credentials are looked for where obstore looks: in the environment, in the files that it names, and from the
machine itself; for S3 also in the files of the AWS command line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit

from vifex.media.remote.addresses import key_of
from vifex.media.remote.errors import TransferError, without_secrets
from vifex.media.remote.settings import TIMEOUT, connect_s, part_s, read_s, retries
from vifex.media.remote.stat import RemoteStat, time_with_tag
from vifex.values.aws_files import s3_settings
from vifex.values.registry import require

__all__ = ["Buckets", "Listed"]

_VARIABLES: Final = ("AWS_", "GOOGLE_", "AZURE_", TIMEOUT)
_PAGE: Final = 1000
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a listing has it."""

    key: str
    stat: RemoteStat


class Buckets:
    """Reads and lists objects by their addresses."""

    def stat(self, url: str) -> RemoteStat:
        """Return size and time of an object.

        Raises:
            TransferError: If there is none, or it may not be read.
        """
        obstore = _obstore(url)
        try:
            return _stat(obstore.head(_store(url), key_of(url)))
        except Exception as exc:
            raise _of(exc) from None

    def get(self, url: str, start: int, stop: int) -> tuple[bytes, RemoteStat]:
        """Return bytes `[start, stop)` of an object, fewer where it ends before.

        Raises:
            TransferError: If it cannot be read.
        """
        obstore = _obstore(url)
        try:
            answer = obstore.get(_store(url), key_of(url), options={"range": (start, stop)})
            return bytes(answer.bytes()), _stat(answer.meta)
        except Exception as exc:
            raise _of(exc) from None

    def whole(self, url: str) -> Iterator[tuple[bytes, RemoteStat]]:
        """Yield an object in pieces from its start.

        Raises:
            TransferError: If it cannot be read.
        """
        obstore = _obstore(url)
        try:
            answer = obstore.get(_store(url), key_of(url))
            stat = _stat(answer.meta)
            for chunk in answer.stream(min_chunk_size=_CHUNK):
                yield bytes(chunk), stat
        except Exception as exc:
            raise _of(exc) from None

    def listing(self, url: str) -> Iterator[Listed]:
        """Yield the objects below a prefix that ends at a `/`, in the order of their keys.

        Raises:
            TransferError: If it cannot be listed.
        """
        obstore = _obstore(url)
        try:
            store = _store(url, retries())
            for page in obstore.list(store, key_of(url) or None, chunk_size=_PAGE):
                for meta in page:
                    yield Listed(meta["path"], _stat(meta))
        except Exception as exc:
            raise _of(exc) from None


def _obstore(url: str) -> Any:
    return require("obstore", extra="remote", needed_for=f"reading from {urlsplit(url).scheme}://")


def _store(url: str, n_retries: int = 0) -> Any:
    """Return the store of a bucket; single requests are made again by the caller, pages of listings by it."""
    parts = urlsplit(url)
    # Only names are looked through: each value of `os.environ` is decoded when it is asked for.
    chosen = tuple((name, os.environ[name]) for name in os.environ if name.startswith(_VARIABLES))
    return _store_of(parts.scheme, parts.netloc, chosen, n_retries)


@lru_cache(maxsize=64)
def _store_of(scheme: str, host: str, chosen: tuple[tuple[str, str], ...], n_retries: int) -> Any:
    """Make a store. It reads the environment once, so what was chosen there is part of the key."""
    store: Any = import_module("obstore.store")
    options = {
        "client_options": {
            # Plain HTTP is used only where an endpoint is given as `http://`.
            "allow_http": True,
            "connect_timeout": timedelta(seconds=connect_s()),
            "read_timeout": timedelta(seconds=read_s()),
            "timeout": timedelta(seconds=part_s()),
        },
        "retry_config": {"max_retries": n_retries, "retry_timeout": timedelta(seconds=part_s())},
    }
    if scheme in ("s3", "s3a"):
        return store.S3Store(host, config=s3_settings(), **options)
    if scheme == "gs":
        return store.GCSStore(host, **options)
    if scheme == "az":
        return store.AzureStore(host, **options)
    return store.AzureStore.from_url(f"{scheme}://{host}", **options)


def _stat(meta: Any) -> RemoteStat:
    modified = meta["last_modified"]
    return RemoteStat(meta["size"], time_with_tag(modified.timestamp(), meta["e_tag"]))


_FINAL: Final = {
    "PermissionDeniedError": "access is refused; check the credentials",
    "UnauthenticatedError": "the credentials are not accepted",
    "UnknownConfigurationKeyError": "obstore does not know a setting",
    "InvalidPathError": "obstore cannot read this key",
    "NotSupportedError": "the store does not give parts of objects",
}


_IN_TIME: Final = "the server does not answer in time"
_MEANINGS: Final = (
    ("error sending request", "the server cannot be reached"),
    ("body error", "the connection was cut"),
    ("error decoding response body", "the connection was cut"),
    ("timed out", _IN_TIME),
)


def _of(exc: Exception) -> Exception:
    """Return what an exception of obstore means; one of another package passes."""
    kind, text = type(exc).__name__, str(exc)
    if isinstance(exc, TransferError):
        return exc
    if isinstance(exc, FileNotFoundError):
        return TransferError("there is no such object", is_passing=False, is_missing=True)
    if "NoSuchBucket" in text or "status code: 404" in text:
        return TransferError("there is no such bucket", is_passing=False, is_missing=True)
    if "169.254.169.254" in text or "metadata.google.internal" in text:
        words = "no credentials were found; for a public bucket set {}_SKIP_SIGNATURE=true"
        words = words.format("AWS" if "169.254" in text else "GOOGLE")
        return TransferError(words, is_passing=False, is_refused=True)
    if kind in _FINAL:
        return TransferError(_FINAL[kind], is_passing=False, is_refused="credentials" in _FINAL[kind])
    if isinstance(exc, ValueError):
        return TransferError(f"obstore cannot read this key: {without_secrets(text)}", is_passing=False)
    if not type(exc).__module__.startswith("obstore"):
        return exc
    if "kind: Timeout" in text:
        is_cut = "body error" in text
        words = f"the server sent nothing for {read_s():g} s, or too slowly" if is_cut else _IN_TIME
        return TransferError(words, is_passing=True)
    is_passing = " 4" not in text.partition("status code:")[2][:3] or " 429" in text or " 408" in text
    return TransferError(_short(text), is_passing=is_passing, is_of_host="error sending request" in text)


def _short(text: str) -> str:
    """Return what a message says of the last request, without its address."""
    line = without_secrets(text.split("\n<")[0])
    _, between, status = line.partition("status code: ")
    if between:
        return f"the server answers {status.partition(':')[0].strip()}"
    for words, meaning in _MEANINGS:
        if words in line:
            return meaning
    return line.rpartition(" - ")[2].rpartition("error: ")[2] or line
