"""Maintenance of a view: it merges small fragments, removes old versions, and makes entries in the ledger.

`vifex compact` does the same at once by the rule `choose_all`: it merges all that is small or has deletions.

When: after 32 commits since the last maintenance; when a tenth of the stored rows is deleted; and at the end
of a run after at least 8 commits.

What: from the end of a table it merges the longest run of neighbours of less than 64 MiB each and 128 MiB
together whose first is no larger than the others together, then it goes on with the fragment before them,
until one is not merged. So each row is rewritten a logarithmic number of times.

Lance reads fragments in the order of their numbers, and a merged one gets a new number. So what is rewritten
is always all of the table from some fragment on; else rows would change their order. A fragment with a tenth
of its rows deleted is rewritten, with all that follow, where a tenth of the rows from there on is deleted.

Then it makes two entries. The first names the merged rows. The second names the next version of the rows,
which has the same content and a manifest of its own. So the two newest versions of the ledger name merged
rows, do not depend on one file, and all older versions can be removed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence, Set
from itertools import pairwise, takewhile
from typing import Final

from vifex.store.commit.checkpoints import checkpoint
from vifex.store.commit.synced_table import SyncedTable
from vifex.store.files.faults import BrokenTableError, DamagedError
from vifex.store.files.lance_adapter import Fragment, Table, manifests
from vifex.store.files.layout import StoreInfo, ViewPaths, read_view_id
from vifex.store.files.readers import Wanted, wanted_by_readers
from vifex.store.files.sums import damaged_files, damaged_index_files
from vifex.store.ledger.proving import prove
from vifex.store.ledger.tags import read_tags

__all__ = ["choose", "choose_all", "clean", "compact", "due", "old_versions", "sizes_of", "wanted_versions"]

_log = logging.getLogger(__name__)

EVERY_COMMITS: Final = 32
AT_END_COMMITS: Final = 8
DELETED: Final = 0.1
MERGED_BYTES: Final = 128 << 20
FULL_BYTES: Final = 64 << 20
FOLDED_BYTES: Final = 1 << 30
"""What fragments have together at most that `choose_all` merges."""


Rule = Callable[[Sequence[Fragment], Sequence[int]], list[list[int]]]
"""Chooses groups of neighbours to merge, of fragments and their sizes in bytes."""


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
    """Choose groups of neighbours to merge, by the rule that this module states, in the order of the table.

    The groups together are all fragments from the first one on, so that rows keep their order.

    Worked example, sizes in MiB: of `96, 32, 1, 1, 1, ... 1` (32 ones) the last 33 are merged, as 32 is no
    more than the ones together, and 96 is more than all of these.
    """
    starts = []
    end = len(fragments)
    while (start := _start_of_group(sizes, end)) < end:
        starts.append(start)
        end = start
    starts += _small_groups(fragments[:end], _first_with_deleted(fragments))
    edges = [*sorted(starts), len(fragments)]
    return [[f.id for f in fragments[a:b]] for a, b in pairwise(edges)]


def choose_all(fragments: Sequence[Fragment], sizes: Sequence[int]) -> list[list[int]]:
    """Choose groups of neighbours so that no two small fragments and no deleted rows are left.

    A group has at most 1 GiB, or 2 GiB where a large fragment has to move along with those before it. What
    comes out of this rule is left alone by it.
    """
    groups: list[list[int]] = []  # places of fragments
    total = 0
    for place, size in enumerate(sizes):
        if not groups or total + size > FOLDED_BYTES:
            groups, total = [*groups, []], 0
        groups[-1].append(place)
        total += size
    due = [len(g) > 1 or fragments[g[0]].deleted > 0 for g in groups]
    kept: list[list[int]] = []
    joining = False
    for group in groups[due.index(True) :] if True in due else []:
        if joining:
            kept[-1] += group
        else:
            kept.append(group)
        # Lance rewrites a single fragment only if it has deleted rows.
        joining = len(kept[-1]) == 1 and not fragments[kept[-1][0]].deleted
    if joining and len(kept) > 1:
        kept[-2:] = [kept[-2] + kept[-1]]
    return [[fragments[place].id for place in group] for group in kept]


def _small_groups(fragments: Sequence[Fragment], first: int) -> list[int]:
    """Return where groups start that rewrite all fragments from `first` on, with as few in a group as can be.

    Lance rewrites a single fragment only if it has deleted rows.
    """
    starts: list[int] = []
    place = first
    while place < len(fragments):
        is_last = place == len(fragments) - 1
        if fragments[place].deleted or not is_last:
            starts.append(place)
        place += 1 if fragments[place].deleted else 2
    return starts


def _first_with_deleted(fragments: Sequence[Fragment]) -> int:
    """Return the first place with enough deleted rows, there and from there on; the end if there is none."""
    first, rows, deleted = len(fragments), 0, 0
    for place in range(len(fragments) - 1, -1, -1):
        own = fragments[place]
        rows, deleted = rows + own.rows + own.deleted, deleted + own.deleted
        is_due = own.deleted > 0 and own.deleted >= DELETED * (own.rows + own.deleted)
        if is_due and deleted >= DELETED * rows:
            first = place
    return first


def _start_of_group(sizes: Sequence[int], end: int) -> int:
    start, total = end, 0
    for place in range(end - 1, -1, -1):
        if sizes[place] >= FULL_BYTES or total + sizes[place] > MERGED_BYTES:
            break
        if total >= sizes[place]:
            start = place
        total += sizes[place]
    return start


def sizes_of(table: Table, fragments: Sequence[Fragment]) -> list[int]:
    """Return the sizes of the data files of fragments, in bytes."""
    return [sum((table.data / name).stat().st_size for name in f.files) for f in fragments]


def compact(
    table: SyncedTable, step: str, sums: Mapping[str, str] | None = None, rule: Rule = choose
) -> tuple[int, int]:
    """Merge what the rule chooses; return how many fragments there were and are.

    Args:
        table: To be merged.
        step: Name of the step, for tests.
        rule: Chooses the groups, `choose` or `choose_all`.
        sums: Checksums of its files. A damaged fragment is not merged: the new file would get a checksum of
            the damaged bytes.
    """
    fragments = table.table.fragments()
    sizes = sizes_of(table.table, fragments)
    groups = rule(fragments, sizes)
    if sums is not None and groups:
        chosen = {i for group in groups for i in group}
        bad = {f.id for f in fragments if f.id in chosen and damaged_files(table.table.path, f.paths, sums)}
        if bad:
            _log.warning("%s: damaged fragments are not merged; run `vifex check`", table.table.path)
            large = max(FULL_BYTES, FOLDED_BYTES)
            sizes = [large if f.id in bad else size for f, size in zip(fragments, sizes, strict=True)]
            groups = _after_damaged(rule(fragments, sizes), bad)
    if groups and sums is not None:
        _drop_damaged_indices(table, sums)
    return table.compact(step, groups) if groups else (0, 0)


def _after_damaged(groups: Sequence[list[int]], bad: Set[int]) -> list[list[int]]:
    """Return the groups behind the last one with a damaged fragment: those before it would come after it."""
    kept = takewhile(lambda group: bad.isdisjoint(group), reversed(groups))
    return list(reversed(list(kept)))


def _drop_damaged_indices(table: SyncedTable, sums: Mapping[str, str]) -> None:
    """Drop indexes whose files are damaged: where indexed rows move, Lance reads the index."""
    damaged = [i for i in table.table.vector_indices() if damaged_index_files(table.table.path, i, sums)]
    if damaged:
        names = ", ".join(one.name for one in damaged)
        _log.warning("%s: the index %s is damaged and is dropped; make it again", table.table.path, names)
        table.drop_indices("index", damaged)


def clean(rows: Table, ledger: Table, wanted: Wanted) -> None:
    """Remove all versions but the two newest of the ledger, the rows that they name, and those wanted."""
    if wanted.everything:
        return  # a reader is choosing its version: the next maintenance does it
    keep_ledger, keep_rows = _kept(rows, ledger, wanted)
    _keep_only(rows, keep_rows)
    checkpoint("maintenance.rows_cleaned")
    _keep_only(ledger, keep_ledger)
    checkpoint("maintenance.ledger_cleaned")


def wanted_versions(info: StoreInfo, view: ViewPaths) -> Wanted:
    """Return the versions of a view that open readers and tags name."""
    wanted = wanted_by_readers(info.readers, view.name)
    try:
        tags = read_tags(info.path)
    except DamagedError as exc:
        _log.warning("%s; until then all old versions stay", exc)
        wanted.everything = True
        return wanted
    view_id = read_view_id(view)
    for tagged in (one for tag in tags for one in tag.views if one.id == view_id):
        wanted.ledger.add(tagged.ledger)
        wanted.rows.add(tagged.rows)
    return wanted


def old_versions(rows: Table, ledger: Table, wanted: Wanted) -> tuple[int, int]:
    """Count the versions of rows and ledger that `clean` would remove, and those that it would keep."""
    there = set(manifests(rows.path)), set(manifests(ledger.path))
    own_ledger, own_rows = _kept(rows, ledger, Wanted())
    old = there[0] - own_rows, there[1] - own_ledger
    if wanted.everything:
        return 0, sum(map(len, old))
    held = old[0] & wanted.rows, old[1] & wanted.ledger
    return sum(map(len, old)) - sum(map(len, held)), sum(map(len, held))


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
