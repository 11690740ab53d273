"""`vifex.diff`: what differs between two stores."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

from vifex.analysis.differing.views import StoreDifference, compare_views
from vifex.api.answers.given import Given, is_media, opened
from vifex.api.arguments import checked
from vifex.api.stores.store import Store, open_store
from vifex.api.stores.view import View
from vifex.values import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["diff"]


@checked("a", "b")
def diff(
    a: Given, b: Given, *, view: str | None = None, anyway: bool = False, tolerance: float = 0.0
) -> StoreDifference:
    """Compare two stores: recipes first, then media, then the numbers of rows that both have.

    Media are the same if their address and span are, else by name and content. Rows are the same if their
    medium and their time (to the microsecond) are. Views are compared with those of the same name; where
    both sides have one view, it may have another name.

    Args:
        a: A store, an open store or view, or media, which are extracted into the cache first.
        b: The other one.
        view: Only this view of both (default: all).
        anyway: Whether rows are compared although the recipes of the views differ.
        tolerance: Numbers of rows differ if they are further apart than this, at least 0.

    Returns:
        What differs, view by view. Differences and cosines are over all rows that both have.

    Raises:
        InputError: If there is no such view, or `tolerance` is negative or no number.
        VifexError: If a store cannot be read.
    """
    if not tolerance >= 0:
        raise InputError(f"is at least 0, got {tolerance!r}.", option="tolerance")
    with ExitStack() as stack:
        mine, theirs = (_views(stack, given, view) for given in (a, b))
        if len(mine) == len(theirs) == 1:
            pairs = [(next(iter(mine.values())), next(iter(theirs.values())))]
        else:
            pairs = [(one, theirs[name]) for name, one in mine.items() if name in theirs]
        names = {one.name for one, _ in pairs}, {other.name for _, other in pairs}
        return StoreDifference(
            a=_words(a),
            b=_words(b),
            views=tuple(
                compare_views(one._stored, other._stored, anyway=anyway, tolerance=tolerance)
                for one, other in pairs
            ),
            only_a=tuple(name for name in mine if name not in names[0]),
            only_b=tuple(name for name in theirs if name not in names[1]),
        )


def _views(stack: ExitStack, given: Given, view: str | None) -> Mapping[str, View]:
    """Open all views of what is given, or the one that is named."""
    if isinstance(given, View):
        return {given.name: given}
    if not isinstance(given, Store) and is_media(given):
        found = stack.enter_context(opened(given, view=view))
        return {found.name: found}
    store = given if isinstance(given, Store) else stack.enter_context(open_store(given))
    return dict(store) if view is None else {view: store[view]}


def _words(given: Given) -> str:
    return os.fspath(given.path if isinstance(given, Store | View) else given)
