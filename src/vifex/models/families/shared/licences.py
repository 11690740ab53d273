"""Licences of weights: which of them forbid commercial use."""

from __future__ import annotations

from typing import Final

__all__ = ["forbids_commerce"]

_NON_COMMERCIAL: Final = (
    "-nc",  # Creative Commons: cc-by-nc-4.0, cc-by-nc-sa-4.0, cc-by-nc-nd-4.0
    "noncommercial",
    "non-commercial",
    "seer-license",  # facebookresearch/vissl, projects/SEER: CC-BY-NC
    "apple-amlr",  # Apple's machine learning research licence: research purposes alone
)


def forbids_commerce(licence: str) -> bool:
    """Return whether a licence, as its publisher names it, is known to forbid commercial use.

    An unknown licence counts as permitting it, and its name is shown.
    """
    return any(part in licence.lower() for part in _NON_COMMERCIAL)
