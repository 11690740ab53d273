"""Requests to S3 by obstore, each with an answer that a store can rely on.

Credentials and endpoint are looked for where obstore looks, and in the files of the AWS command line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from importlib import import_module
from typing import Any, Final

from vifex.values import StoreError
from vifex.values.aws_files import s3_settings
from vifex.values.registry import require

__all__ = ["Changed", "Client", "Kept", "client_of", "lance_options", "network_cause"]

_TIMES: Final = {"connect_timeout": "10s", "timeout": "60s"}
_RETRIES: Final = 5
_RETRYING_S: Final = 60
_TRANSPORT: Final = re.compile(
    r"Generic \w+ error|Error performing|error sending request|error decoding response|body error"
    r"|timed? ?out|dispatch failure|connection (closed|reset|refused)|status code: [45]\d\d|SlowDown"
    r"|PermissionDenied|Unauthenticated|credentials",
    re.IGNORECASE,
)
"""What Lance and obstore say when a request failed, and not the object."""
_STATUS: Final = re.compile(r"status code: (\d+)|response error \"?(\d{3})|status (\d{3})")
_PAGE: Final = 1000


class Changed(Exception):
    """An object is not what a conditional write took it for."""


class Kept:
    """An object as it was read.

    Args:
        data: Its bytes.
        tag: Names this version of it, for a conditional write.
    """

    def __init__(self, data: bytes, tag: str) -> None:
        self.data = data
        self.tag = tag


def client_of(bucket: str) -> Client:
    """Return the client of a bucket, as the environment says now."""
    chosen = tuple((name, value) for name, value in os.environ.items() if name.startswith("AWS_"))
    return _client_of(bucket, chosen)


def lance_options() -> dict[str, str]:
    """Return what Lance must be told about S3 to reach what `client_of` reaches."""
    options = {**_TIMES, "client_max_retries": str(_RETRIES), "client_retry_timeout": str(_RETRYING_S)}
    # Plain HTTP is used only where an endpoint is given as `http://`.
    return {**options, "allow_http": "true", **s3_settings()}


def network_cause(exc: BaseException) -> str | None:
    """Return in a few words why a request failed; `None` where the object itself is at fault."""
    text = str(exc)
    if "not found" in text.lower() and "status code: 5" not in text:
        return None
    if not _TRANSPORT.search(text):
        return None
    status = _STATUS.search(text)
    if status:
        number = next(group for group in status.groups() if group)
        refused = "; check the credentials" if number in ("401", "403") else ""
        return f"the object store answers {number}{refused}"
    if "credentials" in text or "169.254.169.254" in text:
        return "no credentials were found"
    if "timed out" in text or "timeout" in text.lower():
        return "the object store does not answer in time"
    return "the object store cannot be reached"


@lru_cache(maxsize=16)
def _client_of(bucket: str, chosen: tuple[tuple[str, str], ...]) -> Client:
    return Client(bucket)


class Client:
    """One bucket. A missing object raises FileNotFoundError, a failed request StoreError."""

    def __init__(self, bucket: str) -> None:
        self._obstore: Any = require("obstore", extra="remote", needed_for="a store on s3://")
        self._bucket = bucket
        self._store = import_module("obstore.store").S3Store(
            bucket,
            config=s3_settings(),
            client_options={"allow_http": True, **_TIMES},
            retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_RETRYING_S)},
        )

    def get(self, key: str) -> Kept:
        """Read an object."""
        try:
            answer = self._obstore.get(self._store, key)
            return Kept(bytes(answer.bytes()), answer.meta["e_tag"])
        except Exception as exc:
            raise self._meaning(exc, key) from None

    def chunks(self, key: str, size: int) -> Iterator[bytes]:
        """Read an object in pieces of about a size."""
        try:
            for chunk in self._obstore.get(self._store, key).stream(min_chunk_size=size):
                yield bytes(chunk)
        except Exception as exc:
            raise self._meaning(exc, key) from None

    def size(self, key: str) -> int:
        """Return the size of an object in bytes."""
        try:
            return int(self._obstore.head(self._store, key)["size"])
        except Exception as exc:
            raise self._meaning(exc, key) from None

    def put(self, key: str, data: bytes) -> None:
        """Write an object, whatever was there."""
        try:
            self._obstore.put(self._store, key, data)
        except Exception as exc:
            raise self._meaning(exc, key) from None

    def put_if(self, key: str, data: bytes, tag: str | None) -> str:
        """Write an object only if it is absent, or as it was read.

        A failed request may have been carried out and its answer lost. So the object is read then: these very
        bytes were written by this call, as nobody else writes the same.

        Args:
            key: Of the object.
            data: Must hold something that no other writer writes.
            tag: Of the version that is replaced; `None` where there must be none.

        Returns:
            The tag of the new version.

        Raises:
            Changed: If another one is there, or the version is gone.
        """
        mode: Any = "create" if tag is None else {"e_tag": tag}
        try:
            return str(self._obstore.put(self._store, key, data, mode=mode, use_multipart=False)["e_tag"])
        except Exception as exc:
            failure = exc
        try:
            kept = self.get(key)
        except FileNotFoundError:
            kept = None
        if kept is not None and kept.data == data:
            return kept.tag
        if type(failure).__name__ in ("AlreadyExistsError", "PreconditionError", "NotFoundError"):
            raise Changed(key)
        raise self._meaning(failure, key) from None

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        try:
            self._obstore.delete(self._store, key)
        except Exception as exc:
            meaning = self._meaning(exc, key)
            if not isinstance(meaning, FileNotFoundError):
                raise meaning from None

    def children(self, prefix: str) -> tuple[list[str], list[str]]:
        """Return the keys and the folders directly below a folder."""
        try:
            found = self._obstore.list_with_delimiter(self._store, prefix)
            return [meta["path"] for meta in found["objects"]], list(found["common_prefixes"])
        except Exception as exc:
            raise self._meaning(exc, prefix) from None

    def below(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Yield key and size of every object below a folder."""
        try:
            for page in self._obstore.list(self._store, prefix, chunk_size=_PAGE):
                for meta in page:
                    yield meta["path"], int(meta["size"])
        except Exception as exc:
            raise self._meaning(exc, prefix) from None

    def _meaning(self, exc: Exception, key: str) -> Exception:
        where, text = f"s3://{self._bucket}/{key}", str(exc)
        if "NoSuchBucket" in text:
            return StoreError(
                f"there is no bucket {self._bucket!r}.", of=where, todo="Make the bucket, or check its name."
            )
        if isinstance(exc, FileNotFoundError) or type(exc).__name__ == "NotFoundError":
            return FileNotFoundError(2, "there is no such object", where)
        if not type(exc).__module__.startswith("obstore"):
            return exc
        cause = network_cause(exc) or "the object store refuses the request"
        return StoreError(
            f"{cause}.",
            of=where,
            todo="Check the network, the credentials and the endpoint (AWS_ENDPOINT_URL), then run the same "
            "command again: all that was committed is kept.",
        )
