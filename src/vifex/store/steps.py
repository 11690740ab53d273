"""The named steps of the commit protocol, where a test may stop the world.

Each name is said right after the step is done. In use nothing listens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

__all__ = ["STEPS", "listen", "reached"]

STEPS: Final[tuple[str, ...]] = (
    "rows.written",
    "rows.deletions_written",
    "rows.data_synced",
    "rows.manifest_committed",
    "rows.manifest_synced",
    "ledger.written",
    "ledger.data_synced",
    "ledger.manifest_committed",
    "ledger.manifest_synced",
    "care.rows_rewritten",
    "care.rows_data_synced",
    "care.rows_committed",
    "care.rows_synced",
    "care.ledger_rewritten",
    "care.ledger_data_synced",
    "care.ledger_committed",
    "care.ledger_synced",
    "care.entered",
    "care.repeat_committed",
    "care.repeat_synced",
    "care.confirmed",
    "care.rows_cleaned",
    "care.ledger_cleaned",
    "recovery.ledger_pruned",
    "recovery.rows_pruned",
    "recovery.rows_restored",
    "recovery.rows_synced",
    "recovery.swept",
    "view.built",
    "view.synced",
    "view.named",
)
"""Every place where a crash is tested, in the order of the protocol."""

_listener: Callable[[str], None] | None = None


def listen(listener: Callable[[str], None] | None) -> None:
    """Call `listener` with the name of every step from now on; `None` ends that."""
    global _listener
    _listener = listener


def reached(name: str) -> None:
    """Say that a step is done."""
    if _listener is not None:
        _listener(name)
