"""Published weights: found in the hubs' own caches, else fetched by the hubs' own libraries.

What lies in a cache is used without asking the hub: the network that made a store's first rows makes
its last ones. Where nothing can be fetched, one sentence says what, from where, and what else works.
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

from vifex.values import ModelError
from vifex.values.registry import require
from vifex.values.steps import step

__all__ = ["fetching", "hub_address", "hub_file", "locally_first", "reading", "url_file"]

T = TypeVar("T")

_PATIENCE_S: Final = 10.0
"""How long a host may take for its first answer before it counts as out of reach."""
_HASH: Final = re.compile(r"-([0-9a-f]{8,64})\.")
"""Beginning of the sha256 in the names of the files that torch's and timm's own hosts serve."""


def hub_address(repository: str = "") -> str:
    """Return where a repository of the Hugging Face hub lies (`HF_ENDPOINT` honoured)."""
    hub: Any = require("huggingface_hub", extra="torch", needed_for="fetching weights")
    return f"{hub.constants.ENDPOINT}/{repository}".rstrip("/")


def hub_file(repository: str, names: Sequence[str], *, of: str) -> Path:
    """Return one file of a repository of the Hugging Face hub, from the cache or fetched into it.

    Args:
        repository: `organisation/name`.
        names: The file's possible names, the wanted one first.
        of: The model, for messages.

    Raises:
        ModelError: If it is neither here nor to be had.
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
    """Return the file behind an address, from torch's cache or fetched into it, its hash checked.

    Args:
        url: Its last part is the file's name; a `-HASH` before the suffix is the start of its sha256.
        folder: The cache.
        of: The model, for messages.

    Raises:
        ModelError: If it is neither here nor to be had, or is not the file of that hash.
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
    """Let a library load from its cache alone, and only then from its hub.

    Args:
        load: Loads; it is told whether it must stay with local files, and raises `OSError` where they
            do not do.
        source: The hub's address.
        of: The model, for messages.
        what: What is loaded, in the plural.

    Raises:
        ModelError: If it is neither here nor to be had.
    """
    try:
        return load(True)
    except OSError:
        _check_reachable(source, of=of, what=what)
    with fetching(source, of=of, what=what):
        return load(False)


@contextmanager
def fetching(source: str, *, of: str, what: str = "its weights") -> Iterator[None]:
    """Say of a failed download what could not be fetched, from where, and what else works."""
    step(f"fetching {what.replace('its', 'the', 1)} of {of} from {source}")
    try:
        yield
    except ModelError:
        raise
    except Exception as exc:
        # The hubs' libraries raise by kinds of their own (of requests, httpx, urllib) and bare RuntimeErrors.
        raise _out_of_reach(source, exc, of, what) from exc


@contextmanager
def reading(place: str | Path, *, of: str) -> Iterator[None]:
    """Say of a library's failure to read its own weights where they lie and what mends it."""
    try:
        yield
    except ModelError:
        raise
    except Exception as exc:
        # Each library raises what its reader raises: of pickle, zip, safetensors, or a bare RuntimeError.
        raise ModelError(
            f"its weights in {place} cannot be read ({_first_sentence(exc)}).",
            of=of,
            todo="If they lie in a cache, remove them there: they are then fetched again.",
        ) from exc


def _check_reachable(source: str, *, of: str, what: str = "its weights") -> None:
    """Ask the host once: the hub's own client tries for half a minute and more before it gives up."""
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise _out_of_reach(source, "HF_HUB_OFFLINE forbids it", of, what)
    parts = urlsplit(source)
    if parts.scheme == "file":
        return
    request = urllib.request.Request(f"{parts.scheme}://{parts.netloc}/", method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=_PATIENCE_S).close()
    except urllib.error.HTTPError:
        return  # it answers, whatever it says of its front page
    except (OSError, ValueError) as exc:
        raise _out_of_reach(source, exc, of, what) from exc


def _out_of_reach(source: str, why: object, of: str, what: str) -> ModelError:
    told = _first_sentence(getattr(why, "reason", why))
    return ModelError(
        f"{what} are not on this machine and could not be fetched from {source} ({told}).",
        of=of,
        todo=(
            'Connect to the network, or give `weights=FILE`, or `weights="random:SEED"` for untrained ones.'
            if what == "its weights"
            else "Connect to the network, or put them into the hub's cache."
        ),
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_sentence(reason: object) -> str:
    return re.split(r"(?<=[.!?])\s|\n", str(reason).strip())[0].rstrip(".") or type(reason).__name__
