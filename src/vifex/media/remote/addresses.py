"""Addresses of media on other machines: how they are written, and what of them may be stored.

A remote medium has two addresses. The one by which it is read (`access`) may hold a password or a signature.
The one that is stored and shown is the same without them. Keys of buckets are percent-encoded in both, so `#`
can set off the member of an archive.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Final
from urllib.parse import parse_qsl, quote, quote_from_bytes, unquote_to_bytes, urlencode, urlsplit, urlunsplit

__all__ = [
    "BUCKETS",
    "OTHERS",
    "WEB",
    "RemoteAddress",
    "address_of",
    "bucket_address",
    "device_of",
    "is_remote",
    "join",
    "key_of",
    "name_of",
    "path_of",
    "public",
    "scheme_of",
]

WEB: Final = ("http", "https")
BUCKETS: Final = ("s3", "s3a", "gs", "az", "abfs", "abfss")
OTHERS: Final = ("ftp", "sftp", "ssh", "smb", "hdfs", "webhdfs", "github", "hf")
"""Schemes that are read by fsspec; it may know more."""

_NO_FILES: Final = frozenset({
    "arrow_hdfs", "async_wrapper", "asynclocal", "asyncwrapper", "blockcache", "cached", "dask", "data",
    "dir", "file", "filecache", "generic", "git", "jlab", "jupyter", "libarchive", "local", "memory",
    "pyscript", "reference", "simplecache", "tar", "zip",
})  # fmt: skip
"""What fsspec knows too: files of this machine, and layers above other file systems."""

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+)://")
_USER: Final = re.compile("//[^/]*@")
_SAFE_IN_KEY: Final = "/-._~"
_SAFE_IN_URL: Final = "/%:@!$&'()*+,;=~-._"
_SECRET: Final = re.compile(
    r"^(x-(amz|goog|oss|ms|cos)-.*|sig|signature|expires?|expiry|policy|key-pair-id|key|pwd|.*accesskeyid"
    r"|googleaccessid|hdn(ea|ts|tl)|hash)$"
    r"|token|secret|passw|auth|credential|api[-_]?key|session|jwt|hmac",
    re.IGNORECASE,
)
"""Names of the parts of a query that give access: of presigned addresses, and by their words."""
_OF_SIG: Final = "se sp sv sr st spr sip ses sdd skoid sktid skt ske sks skv ss srt"
_WITH_SIG: Final = frozenset(_OF_SIG.split())
"""Parts that belong to a signature where there is one (Azure's shared access signatures)."""


@dataclass(frozen=True, slots=True)
class RemoteAddress:
    """How a remote file is read, and what is stored of it."""

    access: str
    """Of the file as it is read; a password or a signature may be in it. It is never stored or shown."""
    uri: str
    """The same without them."""


def scheme_of(text: str) -> str | None:
    """Return the scheme of an address with `://`, in lower case; `None` for a path or a `file://` address."""
    match = _SCHEME.match(text)
    scheme = match.group(1).lower() if match else None
    return scheme if scheme != "file" else None


def is_remote(text: str) -> bool:
    """Whether a text is an address that this package reads."""
    if "://" not in text or (scheme := scheme_of(text)) is None:
        return False
    return scheme in (*WEB, *BUCKETS, *OTHERS) or _is_known_to_fsspec(scheme)


@lru_cache(maxsize=64)
def _is_known_to_fsspec(scheme: str) -> bool:
    if scheme in _NO_FILES or find_spec("fsspec") is None:
        return False
    import fsspec

    return scheme in fsspec.available_protocols()


def address_of(given: str) -> RemoteAddress:
    """Read an address as a user writes it.

    Keys of buckets and paths of other file systems are taken as they are written; addresses of the web may be
    percent-encoded.

    Raises:
        ValueError: If it has no host or bucket; the message says so.
    """
    scheme = scheme_of(given) or ""
    if scheme not in WEB:
        host, _, key = given[len(scheme) + 3 :].partition("/")
        if not host:
            raise ValueError("it names no bucket" if scheme in BUCKETS else "it names no host")
        access = bucket_address(scheme, host, key)
        return RemoteAddress(access, public(access))
    parts = urlsplit(given)
    if not parts.hostname:
        raise ValueError("it names no host")
    path = quote_from_bytes(os.fsencode(parts.path or "/"), safe=_SAFE_IN_URL)
    query = quote_from_bytes(os.fsencode(parts.query), safe=_SAFE_IN_URL + "?")
    netloc = parts.netloc.rpartition("@")
    access = urlunsplit((scheme, "".join(netloc[:2]) + netloc[2].lower(), path, query, ""))
    return RemoteAddress(access, public(access))


def bucket_address(scheme: str, host: str, key: str) -> str:
    """Return the address of an object by its key."""
    return f"{scheme}://{host}/{quote_from_bytes(os.fsencode(key), safe=_SAFE_IN_KEY)}"


def public(address: str) -> str:
    """Return an address without user, password, and those parts of its query that give access."""
    if scheme_of(address) in (*BUCKETS, "github"):  # what is before an @ is a container, or a repository
        return address
    try:
        parts = urlsplit(address)
    except ValueError:  # no address, but it may hold a secret all the same
        return _USER.sub("//", address.partition("?")[0])
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    is_signed = any(name.lower() == "sig" for name, _ in pairs)
    kept = [
        (name, value)
        for name, value in pairs
        if not _SECRET.search(name) and not (is_signed and name.lower() in _WITH_SIG)
    ]
    query = parts.query if kept == pairs else urlencode(kept, quote_via=quote)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, parts.fragment))


def key_of(address: str) -> str:
    """Return the key of an object, as its store has it."""
    return os.fsdecode(unquote_to_bytes(urlsplit(address).path)).removeprefix("/")


def path_of(address: str) -> str:
    """Return the path of an address, decoded, without query and member: its end says the kind of file."""
    return os.fsdecode(unquote_to_bytes(urlsplit(address).path))


def name_of(address: str) -> str:
    """Return what to call a file that is named by itself: the last part of its path, else its host."""
    return posixpath.basename(path_of(address).rstrip("/")) or urlsplit(address).netloc.rpartition("@")[2]


def join(base: str, name: str) -> str:
    """Return the address of a file that a list or a manifest names, as a user would write it.

    Args:
        base: Of the list, as it is read.
        name: Relative to the folder of the list.

    Raises:
        ValueError: If the name is an absolute path, or leads out of the host or the bucket.
    """
    if name.startswith("/"):
        raise ValueError(
            "a manifest at a remote address cannot name a file of this machine; write a whole address"
        )
    parts = urlsplit(base)
    folder = posixpath.dirname(parts.path.lstrip("/") if parts.scheme in WEB else key_of(base))
    path = posixpath.normpath(posixpath.join(folder, name))
    if path.split("/")[0] == "..":
        raise ValueError("it leads out of the manifest's host or bucket")
    return f"{parts.scheme}://{parts.netloc}/{path}"


def device_of(address: str) -> int:
    """Return a number for the host or the bucket, by which media are read apart from those of local disks."""
    host = urlsplit(address).netloc.rpartition("@")[2]
    return -1 - int.from_bytes(hashlib.blake2b(host.encode(), digest_size=4).digest(), "big")
