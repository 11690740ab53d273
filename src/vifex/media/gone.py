"""Files that are no longer where they were: by their addresses, without opening them."""

from __future__ import annotations

import os
from collections.abc import Iterable

from vifex.values.media import uri_to_path

__all__ = ["gone_uris", "is_gone"]


def gone_uris(uris: Iterable[str]) -> set[str]:
    """Return the addresses whose file no longer exists.

    A file that may not be examined counts as existing, and so does an address that is not a local file.
    """
    return {uri for uri in set(uris) if is_gone(uri)}


def is_gone(uri: str) -> bool:
    """Return whether the file of one address no longer exists; see `gone_uris`."""
    try:
        path = uri_to_path(uri)
    except ValueError:
        return False
    try:
        os.stat(path)  # noqa: PTH116 - a path of surrogates is dear as a `Path`, and there may be a million
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False
