"""An address from the user: one file on another machine, or all objects below a prefix of a bucket."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO, Final
from urllib.parse import unquote, urlsplit

from vifex.media.counted import only_counted
from vifex.media.places import PlaceStat, is_remote, stat_named
from vifex.media.remote import transfer
from vifex.media.remote.addresses import (
    BUCKETS,
    address_of,
    bucket_address,
    device_of,
    key_of,
    name_of,
    public,
)
from vifex.media.remote.backends.buckets import Listed
from vifex.media.remote.errors import TransferError
from vifex.media.remote.pool import mapped
from vifex.media.sources import kinds
from vifex.media.sources.files import NOT_MEDIA, named_remote
from vifex.media.sources.folders import HIDDEN
from vifex.media.sources.source import Found, NothingHere, Source, failed, failed_by, medium_of, skipped, why

__all__ = ["REMOTE", "named_address", "read_address"]

_NO_LISTING: Final = "Only buckets can be listed; name the files, or a list or a manifest of them."


def read_address(given: str) -> Iterator[Found]:
    """Yield the file at an address, or every object below a prefix that is no object.

    Raises:
        NothingHere: If there is nothing, or it is no address.
    """
    found = named_address(given)
    if found is None:
        yield from _below(address_of(given).access, public(given))
    else:
        yield found


def named_address(given: str) -> Found | None:
    """Return the file at an address; `None` if it is a prefix of a bucket.

    Raises:
        NothingHere: If it is no address, or there is no such file.
    """
    try:
        access = address_of(given).access
    except ValueError as exc:
        outcome = failed("", public(given), f"this is not an address: {exc}", uri=public(given))
        raise NothingHere(outcome, todo="Write it as https://host/path or s3://bucket/key.") from exc
    in_bucket = urlsplit(access).scheme in BUCKETS
    if in_bucket and (access.endswith("/") or not key_of(access)):
        return None
    try:
        return _named(access)
    except TransferError as exc:
        if not in_bucket:
            todo = _NO_LISTING if access.endswith("/") else "Check the address."
            raise NothingHere(failed(access, public(given), why(exc)), todo=todo) from exc
    decoded = unquote(key_of(access))
    if decoded == key_of(access):
        return None
    with suppress(TransferError):  # the key as the store of features and other tools write it
        parts = urlsplit(access)
        return _named(bucket_address(parts.scheme, parts.netloc, decoded))
    return None


def _named(access: str) -> Found:
    """Return the file at an address, or the outcome that says why its server does not give it.

    Raises:
        TransferError: If there is no such file.
    """
    try:
        stat = stat_named(access)
    except TransferError as exc:
        if exc.is_missing:
            raise
        return failed_by(access, name_of(access), exc)
    return named_remote(access, name_of(access), stat)


def _below(access: str, given: str) -> Iterator[Found]:
    """Yield the objects below a prefix as a folder is read; names start there.

    Args:
        access: Address of the prefix.
        given: The same as the user wrote it.

    Raises:
        NothingHere: If there is none.
    """
    prefix = key_of(access)
    prefix += "/" if prefix and not prefix.endswith("/") else ""
    parts = urlsplit(access)
    listing = _Listing(parts.scheme, parts.netloc, prefix)
    empty = True
    try:
        for found in mapped(listing.found, listing.objects(), listing.needs_head):
            empty = False
            yield found
    except TransferError as exc:
        outcome = failed(access, given, f"it cannot be listed: {why(exc)}")
        if empty:
            raise NothingHere(outcome, todo="Check the address and the credentials.") from exc
        yield outcome
        return
    if empty:
        todo = "Check the address."
        if "*" in prefix:
            todo = "Patterns are for local files; name the prefix before the *, which is read as a folder is."
        outcome = failed(access, given, "there is no such object, and none below it")
        raise NothingHere(outcome, todo=todo)


class _Listing:
    """The objects below a prefix."""

    def __init__(self, scheme: str, bucket: str, prefix: str) -> None:
        self._scheme, self._bucket, self._prefix = scheme, bucket, prefix
        self.name = bucket_address(scheme, bucket, prefix)
        self._device = device_of(self.name)
        self._hidden = ""
        """The hidden folder that was told of last."""

    def objects(self) -> Iterator[Listed]:
        """Yield the objects that count: neither marks of folders nor parts of stores of features."""
        for one in transfer.BUCKETS_BACKEND.listing(self.name):
            below = one.key.removeprefix(self._prefix)
            if one.key.rstrip("/") == self._prefix.rstrip("/") or below.endswith("/"):
                continue
            if not one.stat.size_bytes and not kinds.suffix_of(below):
                continue  # a mark of a folder
            if any(part.lower().endswith(".vifex") for part in below.split("/")[:-1]):
                continue
            hidden = _hidden_part(below)
            if hidden is not None:
                if hidden == self._hidden:
                    continue
                self._hidden = hidden
            yield one

    def needs_head(self, one: Listed) -> bool:
        """Whether the kind of an object is only known by its first bytes."""
        below = one.key.removeprefix(self._prefix)
        return _hidden_part(below) is None and (kinds.by_name(below) is None or kinds.may_be_text(below))

    def found(self, one: Listed) -> Found:
        """Make a medium of an object, or the outcome that says why it is none."""
        uri = bucket_address(self._scheme, self._bucket, one.key)
        below = one.key.removeprefix(self._prefix)
        stat = PlaceStat(one.stat.size_bytes or 0, one.stat.mtime_ns, self._device, 0)
        hidden = _hidden_part(below)
        if hidden is not None:
            top = bucket_address(self._scheme, self._bucket, self._prefix + hidden)
            return skipped(top, hidden, HIDDEN, stat if hidden == below else None)
        kind = kinds.by_name(below)
        if kind is None or kinds.may_be_text(below):
            try:
                is_asked = stat.st_size and not only_counted.get()
                head = transfer.fetch(uri, 0, kinds.HEAD_BYTES)[0] if is_asked else b""
            except TransferError as exc:
                return failed_by(uri, below, exc)
            kind = None if kind and kinds.is_text(head) else kinds.by_head(head) or kind
        if kind is None:
            return skipped(uri, below, kinds.NOT_PIXELS.get(kinds.suffix_of(below), NOT_MEDIA), stat)
        return medium_of(uri, below, kind, stat)


def _hidden_part(below: str) -> str | None:
    """Return a path up to its first part that starts with a dot."""
    at = 0
    for part in below.split("/"):
        if part.startswith("."):
            return below[: at + len(part)]
        at += len(part) + 1
    return None


def _takes(given: str) -> bool:
    return is_remote(given) and not os.path.lexists(given)


def _read(given: str, stdin: BinaryIO | None) -> Iterator[Found]:
    return read_address(given)


REMOTE = Source(takes=_takes, read=_read, rank=lambda given: 2 if given.endswith("/") else 1)
