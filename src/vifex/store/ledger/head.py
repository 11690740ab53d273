"""The head of a view: the newest version of its ledger that is proved whole, and the rows that it names."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from vifex.store.files.faults import BrokenTableError, DamagedError, lance_calls
from vifex.store.files.lance_adapter import Table, manifest_path, manifests
from vifex.store.files.layout import ViewPaths
from vifex.store.files.sums import damaged_files, file_sum
from vifex.store.ledger.entries import file_sums
from vifex.store.ledger.proving import prove
from vifex.store.ledger.sealing import Seal

__all__ = ["Head", "find_head", "open_rows"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Head:
    """The tables of a view as of one commit."""

    ledger: Table
    rows: Table
    seal: Seal
    broken: tuple[int, ...] = ()
    """Newer versions of the ledger that are damaged."""
    broken_rows: tuple[int, ...] = ()
    """Versions of the rows that these name and that do not open."""


def find_head(view: ViewPaths) -> Head:
    """Find the newest version of the ledger that is whole and names rows that open.

    Raises:
        StoreError: If no version does.
    """
    broken: list[int] = []
    broken_rows: list[int] = []
    reason = "its ledger has no version"
    for version in sorted(manifests(view.ledger), reverse=True):
        try:
            ledger = Table.open(view.ledger, version)
            seal = prove(ledger)
            broken_rows.append(seal.rows_version)
            rows = open_rows(view, seal, ledger)
            broken_rows.pop()
        except BrokenTableError as exc:
            reason = str(exc)
            broken.append(version)
            continue
        if broken:
            _log.warning(
                "%s: %s of the view %s damaged; the one before counts (%s)",
                view.folder,
                "the newest commit" if len(broken) == 1 else f"the newest {len(broken)} commits",
                f"{view.name!r} is" if len(broken) == 1 else f"{view.name!r} are",
                reason,
            )
        return Head(ledger, rows, seal, tuple(broken), tuple(dict.fromkeys(broken_rows)))
    raise DamagedError(
        f"no version of the view {view.name!r} reads whole: {reason}.",
        of=str(view.folder),
        todo="Restore the view's folder from a copy, or remove it and extract again.",
    )


def open_rows(view: ViewPaths, seal: Seal, ledger: Table) -> Table:
    """Open the rows that a commit names; their manifest and deletion files must give their checksums.

    Raises:
        BrokenTableError: If they do not open, or one of those files is not what it was.
    """
    manifest = manifest_path(view.rows, seal.rows_version)
    said = seal.files.get(manifest.relative_to(view.rows).as_posix())
    with lance_calls(view.rows, f"version {seal.rows_version} of {view.rows} does not open"):
        if said is not None and file_sum(manifest) != said:
            raise BrokenTableError(f"the manifest {manifest.name} of {view.rows} is not what was written")
    rows = Table.open(view.rows, seal.rows_version)
    deletions = [f.deletions for f in rows.fragments() if f.deletions]
    if deletions:
        # A damaged length in one of these small files would end the process inside of Lance.
        with lance_calls(view.rows, f"version {seal.rows_version} of {view.rows} does not read"):
            bad = damaged_files(view.rows, deletions, file_sums(ledger))
        if bad:
            raise BrokenTableError(
                f"the list of deleted rows {bad[0]} of {view.rows} is not what was written"
            )
    return rows
