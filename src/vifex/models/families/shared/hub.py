"""Published weights: read from the hubs' own caches, else fetched by the hubs' own libraries.

A file in a cache is used without asking the hub, so that one network makes all rows of a store. If nothing
can be fetched, the error says what, from where, and what to do instead.
"""

from __future__ import annotations

import hashlib
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from vifex.models.families.shared.certificates import named_certificates, needs_other_client
from vifex.values import ModelError
from vifex.values.registry import require
from vifex.values.steps import step

__all__ = ["fetching", "hub_address", "hub_file", "locally_first", "reading", "url_file"]

T = TypeVar("T")

_PATIENCE_S: Final = 10.0
"""How long a host may take to answer before it counts as unreachable."""
_HASH: Final = re.compile(r"-([0-9a-f]{8,64})\.")
"""First digits of the sha256 in the names of files on torch's and timm's own hosts."""


def hub_address(repository: str = "") -> str:
    """Return the address of a repository on the Hugging Face hub, or on the host in `HF_ENDPOINT`."""
    hub: Any = require("huggingface_hub", extra="torch", needed_for="fetching weights")
    return f"{hub.constants.ENDPOINT}/{repository}".rstrip("/")


def hub_file(repository: str, names: Sequence[str], *, of: str) -> Path:
    """Return the path of one file of a repository on the Hugging Face hub, fetched if it is not cached.

    Args:
        repository: `organisation/name`.
        names: The file's possible names, the preferred one first.
        of: The model, for messages.

    Raises:
        ModelError: If the file is not cached and cannot be fetched.
        MissingExtraError: If the hub's library is not installed.
    """
    hub: Any = require("huggingface_hub", extra="torch", needed_for="fetching weights")
    for name in names:
        here = hub.try_to_load_from_cache(repository, name)
        if isinstance(here, str):
            return Path(here)
    source = hub_address(repository)
    _check_reachable(source, of=of)
    with fetching(source, of=of):
        for name in names:
            try:
                return Path(hub.hf_hub_download(repository, name))
            except hub.errors.EntryNotFoundError:
                if name == names[-1]:
                    raise
    raise ValueError("a file needs a name")


def url_file(url: str, folder: Path, *, of: str) -> Path:
    """Return the path of the file at an address, fetched if it is not in torch's cache, its hash checked.

    Args:
        url: Its last part is the file's name; a `-HASH` before the suffix is the start of its sha256.
        folder: The cache.
        of: The model, for messages.

    Raises:
        ModelError: If the file is not cached and cannot be fetched, or has another hash.
    """
    hub: Any = require("torch.hub", extra="torch", needed_for="fetching weights")
    path = folder / Path(urlsplit(url).path).name
    named = _HASH.search(path.name)
    if not path.is_file():
        _check_reachable(url, of=of)
        folder.mkdir(parents=True, exist_ok=True)
        with fetching(url, of=of):
            hub.download_url_to_file(url, str(path), named and named[1], progress=False)
    elif named and not _sha256(path).startswith(named[1]):
        raise ModelError(
            "the file of its weights in the cache is damaged: it has another hash than its name says.",
            of=str(path),
            todo="Remove that file; it is then fetched again.",
        )
    return path


def locally_first(load: Callable[[bool], T], source: str, *, of: str, what: str = "its weights") -> T:
    """Let a library load from its cache only, and from its hub if that fails.

    Args:
        load: Loads; its argument says whether only local files may be used, and it raises `OSError` if those
            are not enough.
        source: The hub's address.
        of: The model, for messages.
        what: What is loaded, in the plural.

    Raises:
        ModelError: If it is not cached and cannot be fetched.
    """
    try:
        return load(True)
    except OSError:
        _check_reachable(source, of=of, what=what)
    with fetching(source, of=of, what=what):
        return load(False)


@contextmanager
def fetching(source: str, *, of: str, what: str = "its weights") -> Iterator[None]:
    """Fetch in this block: an error says what could not be fetched, from where, and what to do instead."""
    step(f"fetching {what.replace('its', 'the', 1)} of {of} from {source}")
    try:
        with named_certificates():
            yield
    except ModelError:
        raise
    except Exception as exc:
        # The hubs' libraries raise errors of requests, httpx and urllib, and plain RuntimeErrors.
        raise _out_of_reach(source, exc, of, what) from exc


@contextmanager
def reading(place: str | Path, *, of: str) -> Iterator[None]:
    """Read weights in this block: an error says where they are and how to repair them."""
    try:
        yield
    except ModelError:
        raise
    except Exception as exc:
        # Each library raises the errors of its reader: pickle, zip, safetensors, or a plain RuntimeError.
        raise ModelError(
            f"its weights in {place} cannot be read ({_first_sentence(exc)}).",
            of=of,
            todo="If they are in a cache, remove them there: they are then fetched again.",
        ) from exc


def _check_reachable(source: str, *, of: str, what: str = "its weights") -> None:
    """Send the host one request: the hub's own client retries for half a minute or more."""
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise _out_of_reach(source, "HF_HUB_OFFLINE forbids it", of, what)
    parts = urlsplit(source)
    if parts.scheme == "file" or needs_other_client(parts.scheme):
        return
    request = urllib.request.Request(f"{parts.scheme}://{parts.netloc}/", method="HEAD")
    try:
        with named_certificates():
            # An opener of its own: Python keeps the first one, with the certificates of that time.
            urllib.request.build_opener().open(request, timeout=_PATIENCE_S).close()
    except urllib.error.HTTPError:
        return  # any answer shows that the host can be reached
    except (OSError, ValueError) as exc:
        raise _out_of_reach(source, exc, of, what) from exc


def _out_of_reach(source: str, why: object, of: str, what: str) -> ModelError:
    reason = getattr(why, "reason", why)
    todo = "Connect to the network, or put them into the hub's cache."
    if "CERTIFICATE_VERIFY_FAILED" in str(reason):
        todo = "If your network has a certificate authority of its own, set SSL_CERT_FILE to its file."
    elif what == "its weights":
        todo = (
            'Connect to the network, or give `weights=FILE`, or `weights="random:SEED"` for untrained ones.'
        )
    return ModelError(
        f"{what} are not on this machine and could not be fetched from {source} ({_first_sentence(reason)}).",
        of=of,
        todo=todo,
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_sentence(reason: object) -> str:
    return re.split(r"(?<=[.!?])\s|\n", str(reason).strip())[0].rstrip(".") or type(reason).__name__
