"""An address from the user: one file on another machine, all objects below a prefix, or those of a pattern.

Patterns are those of local files. Of `s3://bucket/clips/*/x.mp4` the objects below `clips/` are listed. An
object, and a prefix below which there are any, is what it is called, whatever characters its name contains.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import BinaryIO, Final
from urllib.parse import unquote, urlsplit

from vifex.media.counted import only_counted
from vifex.media.places import PlaceStat, is_remote, stat_named
from vifex.media.remote import transfer
from vifex.media.remote.addresses import (
    BUCKETS,
    WEB,
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
from vifex.media.sources.folders import HIDDEN, Verdict
from vifex.media.sources.globs import Pattern
from vifex.media.sources.source import Found, NothingHere, Source, failed, failed_by, medium_of, skipped, why

__all__ = ["REMOTE", "named_address", "read_address"]

_NO_LISTING: Final = "Only buckets can be listed; name the files, or a list or a manifest of them."


def read_address(given: str, *, with_patterns: bool = False) -> Iterator[Found]:
    """Yield the file at an address, or every object below a prefix that is no object.

    Args:
        given: The address.
        with_patterns: Whether `*`, `?` and `[...]` of an address that names nothing stand for others.

    Raises:
        NothingHere: If there is nothing, or it is no address.
    """
    found = named_address(given)
    if found is None:
        yield from _below(address_of(given).access, public(given), with_patterns=with_patterns)
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
        raise NothingHere(
            outcome, todo="Write it as https://host/path, s3://bucket/key or ftp://host/path."
        ) from exc
    is_listed = urlsplit(access).scheme not in WEB
    if is_listed and (access.endswith("/") or not key_of(access)):
        return None
    try:
        return _named(access)
    except TransferError as exc:
        if not is_listed:
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


def _below(access: str, given: str, *, with_patterns: bool) -> Iterator[Found]:
    """Yield the objects below a prefix as a folder is read; names start there.

    Args:
        access: Address of the prefix.
        given: The same as the user wrote it.
        with_patterns: See `read_address`.

    Raises:
        NothingHere: If there is none.
    """
    key = key_of(access)
    parts = urlsplit(access)
    fixed, pattern = _split(key) if with_patterns else (key, [])
    listings = [_Listing(parts.scheme, parts.netloc, key)]
    if pattern:
        listings.append(_Listing(parts.scheme, parts.netloc, fixed, Pattern(pattern).verdict))
    for listing in listings:
        empty = True
        try:
            for found in mapped(listing.found, listing.objects(), listing.needs_head):
                empty = False
                yield found
        except TransferError as exc:
            if exc.is_missing and parts.scheme not in BUCKETS:
                continue  # a folder that is not there; of a bucket it would be the bucket
            outcome = failed(access, given, f"it cannot be listed: {why(exc)}")
            if empty:
                raise NothingHere(outcome, todo="Check the address and the credentials.") from exc
            yield outcome
            return
        if not empty:
            return
    if pattern:
        outcome = failed(access, given, "no object matches this pattern, and none has this name")
        todo = "Check it; ** stands for any number of folders, * stays within one."
        raise NothingHere(outcome, todo=todo)
    outcome = failed(access, given, "there is no such object, and none below it")
    raise NothingHere(outcome, todo="Check the address.")


def _split(key: str) -> tuple[str, list[str]]:
    """Split a key into the folders before its first pattern and the parts from there on, if there is one."""
    parts = key.split("/")
    first = next((at for at, part in enumerate(parts) if re.search(r"[*?\[]", part)), len(parts))
    return "/".join(parts[:first]), [part for part in parts[first:] if part]


class _Listing:
    """The objects below a prefix.

    Args:
        scheme: Of the address.
        bucket: Or the host, as it is accessed.
        folder: The prefix; a `/` follows it.
        wants: Matches a path from there and whether it is a folder; `None` matches everything.
    """

    def __init__(
        self, scheme: str, bucket: str, folder: str, wants: Callable[[str, bool], Verdict] | None = None
    ) -> None:
        self._scheme, self._bucket, self._wants = scheme, bucket, wants
        self._prefix = f"{folder.rstrip('/')}/" if folder else ""
        self.name = bucket_address(scheme, bucket, self._prefix)
        self._device = device_of(self.name)
        self._hidden = ""
        """The hidden folder that was told of last."""

    def objects(self) -> Iterator[Listed]:
        """Yield the objects that count: neither marks of folders nor parts of stores of features."""
        for one in transfer.listing(self.name):
            below = one.key.removeprefix(self._prefix)
            if one.key.rstrip("/") == self._prefix.rstrip("/") or below.endswith("/"):
                continue
            if not one.stat.size_bytes and not kinds.suffix_of(below):
                continue  # a mark of a folder
            if any(part.lower().endswith(".vifex") for part in below.split("/")[:-1]):
                continue
            if self._wants and self._wants(below, False) not in ("match", "inside"):
                continue
            hidden = self._hidden_part(below)
            if hidden is not None:
                if hidden == self._hidden:
                    continue
                self._hidden = hidden
            yield one

    def needs_head(self, one: Listed) -> bool:
        """Whether the kind of an object is only known by its first bytes."""
        below = one.key.removeprefix(self._prefix)
        return self._hidden_part(below) is None and (kinds.by_name(below) is None or kinds.may_be_text(below))

    def found(self, one: Listed) -> Found:
        """Make a medium of an object, or the outcome that says why it is none."""
        uri = bucket_address(self._scheme, self._bucket, one.key)
        below = one.key.removeprefix(self._prefix)
        stat = PlaceStat(one.stat.size_bytes or 0, one.stat.mtime_ns, self._device, 0)
        hidden = self._hidden_part(below)
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
        return medium_of(public(uri), below, kind, stat, place=uri)

    def _hidden_part(self, below: str) -> str | None:
        """Return a path up to its first part that starts with a dot and that no pattern names."""
        at = 0
        for part in below.split("/"):
            path = below[: at + len(part)]
            if part.startswith(".") and (not self._wants or self._wants(path, path != below) == "inside"):
                return path
            at += len(part) + 1
        return None


def _takes(given: str) -> bool:
    return is_remote(given) and not os.path.lexists(given)


def _read(given: str, stdin: BinaryIO | None) -> Iterator[Found]:
    return read_address(given, with_patterns=True)


REMOTE = Source(takes=_takes, read=_read, rank=lambda given: 2 if given.endswith("/") else 1)
