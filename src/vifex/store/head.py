"""The head of a view: the newest version of its ledger that proves itself, and the rows that it names."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from vifex.store.lance_adapter import BrokenTableError, Table, manifests
from vifex.store.layout import ViewPaths
from vifex.store.ledger import Seal, prove
from vifex.values import StoreError

__all__ = ["Head", "find_head"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Head:
    """What a view holds, as of one commit."""

    ledger: Table
    rows: Table
    seal: Seal
    broken: tuple[int, ...] = ()
    """Newer versions of the ledger that lie there and prove nothing."""


def find_head(view: ViewPaths) -> Head:
    """Find the newest version of the ledger that reads whole, proves itself and names rows that open.

    Raises:
        StoreError: If no version does.
    """
    broken: list[int] = []
    reason = "its ledger has no version"
    for version in sorted(manifests(view.ledger), reverse=True):
        try:
            ledger = Table.open(view.ledger, version)
            seal = prove(ledger)
            rows = Table.open(view.rows, seal.rows_version)
        except BrokenTableError as exc:
            reason = str(exc)
            broken.append(version)
            continue
        if broken:
            _log.warning(
                "%s: the newest commit of the view %r is damaged; the one before counts (%s)",
                view.folder,
                view.name,
                reason,
            )
        return Head(ledger, rows, seal, tuple(broken))
    raise StoreError(
        f"no version of the view {view.name!r} reads whole: {reason}.",
        of=str(view.folder),
        todo="Restore the view's folder from a copy, or remove it and extract again.",
    )
