"""How an answer names what it was asked of, what it refuses, and the images on its page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vifex.api.answers.given import Given, is_media
from vifex.api.stores.sheets import thumbnail_of
from vifex.values import InputError

if TYPE_CHECKING:
    from vifex.api.stores.view import View
    from vifex.search.contact_sheet import Thumbnail

__all__ = ["name_of", "refuse_choices", "thumbnails"]


def name_of(given: Given, view: View) -> str:
    """Return the name of a store, or of the media that were given in its place."""
    if isinstance(given, str | os.PathLike):
        return Path(os.path.abspath(os.fspath(given))).name  # noqa: PTH100 - links stay
    return view.path.name


def refuse_choices(given: Given, choices: Mapping[str, Any]) -> None:
    """Refuse choices for an extraction where a store is given: its rows are what they are.

    Raises:
        InputError: If there are choices and a store.
    """
    path = os.fspath(given) if isinstance(given, str | os.PathLike) else None
    if not choices or (path is not None and (is_media(path) or not os.path.exists(path))):  # noqa: PTH110
        return
    raise InputError(
        "is for the extraction of media, and this is a store, whose rows are made already.",
        of=path,
        option=next(iter(choices)),
        todo="Leave it out, or give the media.",
    )


def thumbnails(view: View) -> Thumbnail:
    """Return the function that reads the image of a row from its source."""
    rate = view.recipe.sampling.assume_fps
    return lambda hit: thumbnail_of(hit.uri, hit.t_s, hit.box, rate, hit.page or 0)
