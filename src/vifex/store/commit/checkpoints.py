"""The named steps of the commit protocol, at which a test may stop the process.

A checkpoint comes right after its step. Outside of tests nothing listens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

__all__ = ["STEPS", "checkpoint", "listen"]

STEPS: Final[tuple[str, ...]] = (
    "rows.written",
    "rows.column_committed",
    "rows.column_synced",
    "rows.deletions_written",
    "rows.data_synced",
    "rows.manifest_committed",
    "rows.manifest_synced",
    "ledger.written",
    "ledger.data_synced",
    "ledger.manifest_committed",
    "ledger.manifest_synced",
    "index.written",
    "index.data_synced",
    "index.manifest_committed",
    "index.manifest_synced",
    "index.measured",
    "maintenance.rows_rewritten",
    "maintenance.rows_data_synced",
    "maintenance.rows_committed",
    "maintenance.rows_synced",
    "maintenance.ledger_rewritten",
    "maintenance.ledger_data_synced",
    "maintenance.ledger_committed",
    "maintenance.ledger_synced",
    "maintenance.entered",
    "maintenance.repeat_committed",
    "maintenance.repeat_synced",
    "maintenance.confirmed",
    "maintenance.rows_cleaned",
    "maintenance.ledger_cleaned",
    "recovery.ledger_pruned",
    "recovery.rows_pruned",
    "recovery.rows_restored",
    "recovery.rows_synced",
    "recovery.swept",
    "upgrade.recipe_written",
    "upgrade.ledger_written",
    "upgrade.ledger_data_synced",
    "upgrade.ledger_committed",
    "upgrade.ledger_synced",
    "upgrade.store_written",
    "repair.rows_deletions_written",
    "repair.rows_data_synced",
    "repair.rows_committed",
    "repair.rows_synced",
    "repair.ledger_written",
    "repair.ledger_data_synced",
    "repair.ledger_committed",
    "repair.ledger_synced",
    "view.built",
    "view.synced",
    "view.named",
    "views.put_aside",
    "views.removal_synced",
    "views.removed",
    "views.renamed",
    "views.rename_synced",
    "tags.written",
)
"""Every place where a crash is tested, in the order of the protocol."""

_listener: Callable[[str], None] | None = None


def listen(listener: Callable[[str], None] | None) -> None:
    """Call `listener` with the name of every step from now on; `None` stops it."""
    global _listener
    _listener = listener


def checkpoint(name: str) -> None:
    """Report that a step is done."""
    if _listener is not None:
        _listener(name)
