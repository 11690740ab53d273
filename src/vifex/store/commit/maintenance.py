"""Maintenance of a view: it merges small fragments, removes old versions, and makes entries in the ledger.

When: after 32 commits since the last maintenance; when a tenth of the stored rows is deleted; and at the end
of a run after at least 8 commits.

What: from the end of a table it merges the longest run of neighbours of less than 64 MiB each and 128 MiB
together whose first is no larger than the others together, then it goes on before them. So each row is
rewritten a logarithmic number of times, and memory is bounded. A fragment with a tenth of its rows deleted
is rewritten wherever it stands.

Then it makes two entries. The first names the merged rows. The second names the next version of the rows,
which has the same content and a manifest of its own. So the two newest versions of the ledger name merged
rows, do not depend on one file, and all older versions can be removed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from vifex.store.commit.checkpoints import checkpoint
from vifex.store.commit.synced_table import SyncedTable
from vifex.store.files.faults import BrokenTableError
from vifex.store.files.lance_adapter import Fragment, Table, manifests
from vifex.store.files.readers import Wanted, wanted_by_readers
from vifex.store.files.sums import damaged_files, damaged_index_files
from vifex.store.ledger.proving import prove

__all__ = ["choose", "clean", "compact", "due"]

_log = logging.getLogger(__name__)

EVERY_COMMITS: Final = 32
AT_END_COMMITS: Final = 8
DELETED: Final = 0.1
MERGED_BYTES: Final = 128 << 20
FULL_BYTES: Final = 64 << 20


def due(rows: Table, commits: int, *, at_end: bool) -> bool:
    """Return whether maintenance is due, `commits` commits after the last one."""
    if commits >= (AT_END_COMMITS if at_end else EVERY_COMMITS):
        return True
    if commits < AT_END_COMMITS and not at_end:
        return False  # deletions may come with every commit, and not each one is worth a rewrite
    fragments = rows.fragments()
    deleted = sum(f.deleted for f in fragments)
    return deleted > 0 and deleted >= DELETED * sum(f.rows + f.deleted for f in fragments)


def choose(fragments: Sequence[Fragment], sizes: Sequence[int]) -> list[list[int]]:
    """Choose groups of neighbours to merge, by the rule that this module states; newest first.

    Worked example, sizes in MiB: of `96, 32, 1, 1, 1, ... 1` (32 ones) the last 33 are merged, as 32 is no
    more than the ones together, and 96 is more than all of these.
    """
    groups: list[list[int]] = []
    end = len(fragments)
    while end > 0:
        start = _start_of_group(sizes, end)
        if start < end:
            groups.append([f.id for f in fragments[start:end]])
        end = min(start, end - 1)
    chosen = {i for group in groups for i in group}
    groups += [
        [f.id]
        for f in fragments
        if f.deleted and f.deleted >= DELETED * (f.rows + f.deleted) and f.id not in chosen
    ]
    return groups


def _start_of_group(sizes: Sequence[int], end: int) -> int:
    start, total = end, 0
    for place in range(end - 1, -1, -1):
        if sizes[place] >= FULL_BYTES or total + sizes[place] > MERGED_BYTES:
            break
        if total >= sizes[place]:
            start = place
        total += sizes[place]
    return start


def compact(table: SyncedTable, step: str, sums: Mapping[str, str] | None = None) -> tuple[int, int]:
    """Merge what the rule chooses; return how many fragments there were and are.

    Args:
        table: To be merged.
        step: Name of the step, for tests.
        sums: Checksums of its files. A damaged fragment is not merged: the new file would get a checksum of
            the damaged bytes.
    """
    fragments = table.table.fragments()
    sizes = [sum((table.table.data / n).stat().st_size for n in f.files) for f in fragments]
    groups = choose(fragments, sizes)
    if sums is not None and groups:
        chosen = {i for group in groups for i in group}
        bad = {f.id for f in fragments if f.id in chosen and damaged_files(table.table.path, f.paths, sums)}
        if bad:
            _log.warning("%s: damaged fragments are not merged; run `vifex check`", table.table.path)
            sizes = [FULL_BYTES if f.id in bad else size for f, size in zip(fragments, sizes, strict=True)]
            groups = [g for g in choose(fragments, sizes) if not bad & set(g)]
    if groups and sums is not None:
        _drop_damaged_indices(table, sums)
    return table.compact(step, groups) if groups else (0, 0)


def _drop_damaged_indices(table: SyncedTable, sums: Mapping[str, str]) -> None:
    """Drop indexes whose files are damaged: where indexed rows move, Lance reads the index."""
    damaged = [i for i in table.table.vector_indices() if damaged_index_files(table.table.path, i, sums)]
    if damaged:
        names = ", ".join(one.name for one in damaged)
        _log.warning("%s: the index %s is damaged and is dropped; make it again", table.table.path, names)
        table.drop_indices("index", damaged)


def clean(rows: Table, ledger: Table, readers: Path, view: str) -> None:
    """Remove all versions but the two newest of the ledger, the rows that they name, and those of readers."""
    wanted = wanted_by_readers(readers, view)
    if wanted.everything:
        return  # a reader is choosing its version: the next maintenance does it
    keep_ledger, keep_rows = _kept(rows, ledger, wanted)
    _keep_only(rows, keep_rows)
    checkpoint("maintenance.rows_cleaned")
    _keep_only(ledger, keep_ledger)
    checkpoint("maintenance.ledger_cleaned")


def _keep_only(table: Table, versions: set[int]) -> None:
    try:
        table.keep_only(versions)
    except BrokenTableError as exc:
        # All that was committed is safe; the cause may be an old version or a tag of the user's.
        _log.warning("%s; they take up disk space until that is repaired", exc)


def _kept(rows: Table, ledger: Table, wanted: Wanted) -> tuple[set[int], set[int]]:
    newest_two = sorted(manifests(ledger.path))[-2:]
    named = {rows.version}
    for version in newest_two:
        try:
            named.add(prove(Table.open(ledger.path, version)).rows_version)
        except BrokenTableError:
            continue
    return set(newest_two) | wanted.ledger, named | wanted.rows
