"""What a question is asked of: a store, a view that is open, or media that are extracted first.

A folder, a file or a manifest in place of a store is extracted into a store in the cache folder. The next
question of the same media with the same choices takes up that store and extracts only what changed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from vifex.api.extracting import extract
from vifex.api.notices import tell
from vifex.api.stores.store import Store, open_store
from vifex.api.stores.view import View
from vifex.engines.cache import cache_folder
from vifex.media.sources.folders import is_store
from vifex.values import InputError, Outcome

if TYPE_CHECKING:
    from vifex.api.models.loaded import LoadedModel

__all__ = ["Given", "is_media", "opened"]

Given: TypeAlias = str | os.PathLike[str] | Store | View
"""A store by its path, an open store or view, or media: a folder, a file or a manifest."""


def is_media(given: str | os.PathLike[str]) -> bool:
    """Return whether a path names media and not a store; a path that does not exist names a store."""
    path = os.path.abspath(os.fspath(given))  # noqa: PTH100 - links stay
    return os.path.exists(path) and not is_store(path)  # noqa: PTH110


@contextmanager
def opened(
    given: Given,
    *,
    view: str | None = None,
    model: str | os.PathLike[str] | LoadedModel | None = None,
    choices: Mapping[str, Any] | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> Iterator[View]:
    """Open what a question is asked of, and close it afterwards if it was opened here.

    Args:
        given: See `Given`.
        view: A view of a store; by default its only one, or `main`.
        model: The model for queries of a store, or the one that media are extracted with.
        choices: For the extraction of media, as for `vifex.extract`: `fps`, `layers` and others.
        on_outcome: Called for each medium that was skipped, failed or is partial.
        on_notice: Called with what a user must know; by default it is a `UserWarning`.

    Raises:
        VifexError: If it cannot be opened or extracted.
    """
    if isinstance(given, View):
        yield given
    elif isinstance(given, Store):
        yield given._meant() if view is None else given[view]
    elif not is_media(given):
        with open_store(given, view=view, model=model) as store:
            yield store._meant()
    else:
        if view is not None:
            raise InputError("media have no views.", of=os.fspath(given), todo="Leave the view out.")
        kept = _extracted(given, model, dict(choices or {}), on_outcome, on_notice)
        with open_store(kept, model=model) as store:
            found = store._meant()
            gone = found.missing()
            if gone:
                found.delete(gone)
            yield found


def _extracted(
    given: str | os.PathLike[str],
    model: str | os.PathLike[str] | LoadedModel | None,
    choices: dict[str, Any],
    on_outcome: Callable[[Outcome], None] | None,
    on_notice: Callable[[str], None] | None,
) -> Path:
    """Extract media into their store in the cache."""
    of = {
        "media": os.path.abspath(os.fspath(given)),  # noqa: PTH100 - links stay
        "model": None if model is None else str(getattr(model, "name", model)),
        "choices": choices,
    }
    text = json.dumps(of, sort_keys=True, default=str)
    name = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    folder = cache_folder() / "stores"
    folder.mkdir(parents=True, exist_ok=True)
    report = extract(
        given,
        folder / f"{name}.vifex",
        model=model,
        on_outcome=on_outcome,
        on_notice=lambda notice: tell(notice, on_notice),
        **choices,
    )
    return Path(report.store)
