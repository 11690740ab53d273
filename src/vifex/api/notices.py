"""What a user must know of a model or of an answer: to whoever listens, else as a warning of Python."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from vifex.models.families.shared.licences import forbids_commerce
from vifex.values import ModelCard

__all__ = ["tell", "tell_licence"]

_told: set[str] = set()


def tell_licence(card: ModelCard, on_notice: Callable[[str], None] | None) -> None:
    """Say of a licence that forbids commercial use that it does; once per model and process.

    Args:
        card: Of the model.
        on_notice: Takes the sentence; by default it is a `UserWarning`.
    """
    if card.name in _told or not forbids_commerce(card.licence):
        return
    _told.add(card.name)
    tell(f"{card.name}: its licence ({card.licence}) forbids commercial use.", on_notice, stacklevel=4)


def tell(notice: str, on_notice: Callable[[str], None] | None, *, stacklevel: int = 3) -> None:
    """Hand a sentence to `on_notice`; without one it is a `UserWarning`."""
    if on_notice is not None:
        on_notice(notice)
    else:
        warnings.warn(notice, UserWarning, stacklevel=stacklevel)
