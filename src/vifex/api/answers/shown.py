"""How an answer names what it was asked of, and the images on its page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from vifex.api.answers.given import Given
from vifex.api.stores.sheets import thumbnail_of

if TYPE_CHECKING:
    from vifex.api.stores.view import View
    from vifex.search.contact_sheet import Thumbnail

__all__ = ["name_of", "thumbnails"]


def name_of(given: Given, view: View) -> str:
    """Return the name of a store, or of the media that were given in its place."""
    if isinstance(given, str | os.PathLike):
        return Path(os.path.abspath(os.fspath(given))).name  # noqa: PTH100 - links stay
    return view.path.name


def thumbnails(view: View) -> Thumbnail:
    """Return the function that reads the image of a row from its source."""
    rate = view.recipe.sampling.assume_fps
    return lambda hit: thumbnail_of(hit.uri, hit.t_s, hit.box, rate, hit.page or 0)
