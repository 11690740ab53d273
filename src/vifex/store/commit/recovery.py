"""Recovery: before it writes, a writer makes the head the newest version of both tables.

A reader does not need it: it reads the versions of the head and ignores the others.

At an object store no manifest is ever removed. A fence makes sure that a writer which lost its lease without
knowing cannot commit any more.
"""

from __future__ import annotations

import shutil
from typing import Final

from vifex.store.commit.checkpoints import checkpoint
from vifex.store.commit.synced_table import SyncedTable
from vifex.store.files.faults import BrokenTableError, DamagedError
from vifex.store.files.lance_adapter import OvertakenError, Table, manifest_path, manifests
from vifex.store.files.layout import ViewPaths
from vifex.store.files.places.object_path import ObjectPath
from vifex.store.files.places.place import Place, children
from vifex.store.files.sync import sync_all, sync_folder
from vifex.store.ledger.head import Head, find_head
from vifex.store.ledger.sealing import Seal

__all__ = ["recover", "settle", "sweep", "unused"]

# A crash can damage the last commit, and the one before it if both name the same rows; never more.
_DROPPED: Final = 2
_FENCE_TRIES: Final = 5
"""How often the head is looked for again, where a writer that was taken over commits at the same moment."""


def recover(view: ViewPaths) -> tuple[SyncedTable, SyncedTable, Seal]:
    """Bring a view back to its head; return its rows, its ledger and its last commit, ready to go on.

    Broken manifests are removed. Versions of the rows that are whole and that no entry names stay until
    maintenance removes them. The version of the head is restored on top of them, as a commit on top of them
    would make their rows visible.

    Raises:
        DamagedError: If no commit reads whole, or more of the newest are damaged than a crash leaves.
    """
    if isinstance(view.folder, ObjectPath):
        return _recover_behind_fence(view)
    head = find_head(view)
    if len(head.broken) > _DROPPED:
        raise DamagedError(
            f"the newest {len(head.broken)} commits of the view {view.name!r} are damaged, and writing would "
            "drop them.",
            of=str(view.folder),
            todo="Restore this folder from a copy, or write to another view (`view=NAME`); reading gives the "
            "commit before them.",
        )
    return settle(view, head)


def _recover_behind_fence(view: ViewPaths) -> tuple[SyncedTable, SyncedTable, Seal]:
    """Bring a view at an object store back to its head.

    A commit of a writer that was taken over comes before the fence and counts, or it is refused.

    Raises:
        DamagedError: If the newest commit does not read whole: a crash never leaves that there.
        StoreError: If another writer goes on to commit.
    """
    for _ in range(_FENCE_TRIES):
        head = find_head(view)
        if head.broken:
            raise DamagedError(
                f"the newest commit of the view {view.name!r} is damaged, and writing would drop it.",
                of=str(view.folder),
                todo="Restore its objects from earlier versions or a copy; reading gives the commit before.",
            )
        try:
            ledger = head.ledger.fence()
            checkpoint("recovery.ledger_pruned")
            rows = SyncedTable(head.rows)
            rows.restore(max(manifests(view.rows)))
        except OvertakenError as exc:
            overtaken = exc
            continue
        sweep(rows.table)
        sweep(ledger)
        checkpoint("recovery.swept")
        return rows, SyncedTable(ledger), head.seal
    raise overtaken


def settle(view: ViewPaths, head: Head) -> tuple[SyncedTable, SyncedTable, Seal]:
    """Make a head the newest version of both tables; return them and its last commit, ready to go on."""
    for table in (head.rows, head.ledger):
        table.remove_own_tags()
    for version in head.broken:
        manifests(view.ledger)[version].unlink()
    for version in head.broken_rows:
        # It may open in spite of its damage, and no commit may be based on it.
        manifest_path(view.rows, version).unlink(missing_ok=True)
    _prune(head.ledger)
    checkpoint("recovery.ledger_pruned")
    newest = _prune(head.rows)
    checkpoint("recovery.rows_pruned")
    # A run may have been killed after its last commit and before the sync.
    sync_all([head.rows.manifest, head.ledger.manifest], [view.folder])
    rows = SyncedTable(head.rows)
    if newest != head.rows.version:
        rows.restore(newest)
    sweep(rows.table)
    sweep(head.ledger)
    checkpoint("recovery.swept")
    return rows, SyncedTable(head.ledger), head.seal


def sweep(table: Table) -> None:
    """Remove files that no version of a table uses: what a dead writer had not committed.

    The caller has nothing uncommitted that it wants to keep.
    """
    for path in unused(table):
        if isinstance(path, ObjectPath):
            path.remove_tree() if path.parent.name == "_indices" else path.unlink()
        elif path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def unused(table: Table) -> list[Place]:
    """Return the files, and the folders of indexes, that no version of a table uses."""
    used = table.tracked()
    found = [
        file
        for folder in ("data", "_deletions", "_transactions")
        for file in children(table.path / folder)
        if f"{folder}/{file.name}" not in used
    ]
    kept = {path.split("/")[1] for path in used if path.startswith("_indices/")}
    found += [index for index in children(table.path / "_indices") if index.name not in kept]
    # Lance writes aside under such names and renames or links them into place.
    asides = children(table.path / "_versions")
    return found + [f for f in asides if f.name.startswith(".tmp") or ".manifest#" in f.name]


def _prune(table: Table) -> int:
    """Remove every broken manifest; return the newest whole version.

    Manifests below the head count too. Merging makes two versions at once, so the older one may be broken,
    and Lance fails over it when it looks for files that are still used.
    """
    newest = table.version
    for version, file in manifests(table.path).items():
        try:
            Table.open(table.path, version)
        except BrokenTableError:
            file.unlink()
        else:
            newest = max(newest, version)
    sync_folder(table.path / "_versions")
    return newest
