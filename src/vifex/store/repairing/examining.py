"""What is damaged in a view, and what can be done about each part of it. Nothing is changed here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from vifex.store.commit.recovery import unused
from vifex.store.files.faults import BrokenTableError, DamagedError
from vifex.store.files.format_1 import is_format_1
from vifex.store.files.lance_adapter import Fragment, Table, manifest_path, manifests
from vifex.store.files.layout import ViewPaths
from vifex.store.files.places.place import Place, local
from vifex.store.files.sums import LEDGER, damaged_index_files, file_sum
from vifex.store.ledger.entries import named_files
from vifex.store.ledger.identities import are_hex
from vifex.store.repairing.commits import LedgerCommit, read_commits
from vifex.store.schema import DELETED, MEDIUM

__all__ = ["Damage", "Known", "examine", "rows_of_fragments"]

_KINDS: Final = pa.array([MEDIUM, DELETED], pa.large_string())


@dataclass(frozen=True, slots=True)
class Known:
    """The newest entry of a medium that the ledger still has."""

    is_there: bool
    """Whether it says that the view has the medium; else it was deleted."""
    rows: int
    is_proved: bool
    commit: int
    """Place of the commit in `Damage.commits`."""
    place: int
    """Of the entry in that commit."""


@dataclass(slots=True)
class Damage:
    """What a view is like, and which media are as they should be."""

    ledger: Table
    """Its newest version that opens."""
    rows: Table
    """The newest version that a commit names and that opens."""
    commits: list[LedgerCommit]
    """Those that name this version or an older one."""
    is_proved: bool
    """Whether all of them are there and proved."""
    is_whole: bool
    """Whether the files of the ledger are as they were written."""
    dropped: list[LedgerCommit] = field(default_factory=list)
    """Proved commits that name newer rows, which do not open."""
    broken: tuple[int, ...] = ()
    """Versions of the ledger that are newer and do not open."""
    lost_entries: int = 0
    """Entries of the ledger that do not read."""
    bad: list[Fragment] = field(default_factory=list)
    """Fragments of the rows with a file that is gone or is not what was written."""
    bad_files: list[str] = field(default_factory=list)
    """These files, relative to the folder of the rows."""
    sums: dict[str, str] = field(default_factory=dict)
    """Checksums that only unproved commits name and that the files give: both are right then."""
    media: dict[str, Known] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    """Rows of each id in whole fragments."""
    back: list[str] = field(default_factory=list)
    """Media whose rows are damaged, or not as many as the entry says: they are removed, to be made again."""
    to_do: list[str] = field(default_factory=list)
    """Media with whole rows whose entry is damaged: the rows stay until the next extraction makes them."""
    foreign: list[str] = field(default_factory=list)
    """Ids of rows that no entry names."""
    indices: list[str] = field(default_factory=list)
    """Approximate indexes with damaged files."""
    leftovers: list[Path] = field(default_factory=list)
    """Files that nothing uses."""

    @property
    def whole(self) -> list[Fragment]:
        """The fragments that are not damaged."""
        bad = {fragment.id for fragment in self.bad}
        return [fragment for fragment in self.rows.fragments() if fragment.id not in bad]

    @property
    def changes_rows(self) -> bool:
        """Whether rows must be removed."""
        return bool(self.bad or self.foreign or any(self.counts.get(m) for m in self.back))

    @property
    def changes_ledger(self) -> bool:
        """Whether the ledger must say something else than it does."""
        return self.changes_rows or self.replaces_ledger or bool(self.back or self.to_do)

    @property
    def replaces_ledger(self) -> bool:
        """Whether the ledger has files or entries that are damaged or do not count."""
        return not (self.is_proved and self.is_whole) or bool(self.dropped or self.lost_entries)

    @property
    def is_none(self) -> bool:
        """Whether nothing is to be mended."""
        return not (self.changes_ledger or self.broken or self.indices or self.leftovers)


def examine(paths: ViewPaths) -> Damage:
    """Find out what is damaged in a view.

    Raises:
        DamagedError: If nothing can be mended: no version of the ledger, or of the rows that it names, opens.
        StoreError: If the system cannot read.
    """
    ledger, broken = _newest_that_opens(paths.ledger, paths)
    if is_format_1(ledger):
        raise DamagedError(
            "a store of format 1 cannot be repaired.", of=str(paths.folder), todo="Run vifex upgrade first."
        )
    found, is_whole = read_commits(ledger)
    lost = ledger.count() - sum(commit.entries.num_rows for commit in found)
    rows = _rows_that_open(paths, found, is_lost=bool(lost or broken))
    dropped = [c for c in found if c.is_proved and _version(c) > rows.version]
    commits = [c for c in found if not (c.is_proved and _version(c) > rows.version)]
    damage = Damage(
        ledger,
        rows,
        commits,
        is_proved=bool(commits) and not (lost or broken) and all(c.is_proved for c in commits),
        is_whole=is_whole,
        dropped=dropped,
        broken=broken,
        lost_entries=lost,
    )
    _files(damage)
    _media(damage)
    with contextlib.suppress(BrokenTableError):  # a damaged version of old; writing removes it
        damage.leftovers = list(map(local, [*unused(rows), *unused(ledger), *paths.folder.glob("*.tmp")]))
    return damage


def rows_of_fragments(
    rows: Table, fragments: list[Fragment], columns: list[str], *, addresses: bool = False
) -> Iterator[pa.RecordBatch]:
    """Read some columns of whole fragments."""
    ids = [fragment.id for fragment in fragments]
    if ids:
        yield from rows.scan(columns, batch_rows=1 << 16, fragments=ids, addresses=addresses)


def _newest_that_opens(table: Place, paths: ViewPaths) -> tuple[Table, tuple[int, ...]]:
    """Open the newest version of a table that opens; return the numbers of newer ones too."""
    broken: list[int] = []
    for version in sorted(manifests(table), reverse=True):
        try:
            return Table.open(table, version), tuple(broken)
        except BrokenTableError:
            broken.append(version)
    raise DamagedError(
        f"no version of {table.name} of the view {paths.name!r} opens.",
        of=str(paths.folder),
        todo="Restore the view's folder from a copy, or remove it and extract again.",
    )


def _rows_that_open(paths: ViewPaths, commits: list[LedgerCommit], *, is_lost: bool) -> Table:
    """Open the newest version of the rows that a commit names and that opens.

    Where entries are lost, the newest version of all counts: a lost commit may have named it.
    """
    named = {_version(commit) for commit in commits if commit.is_proved}
    least = max(named, default=0)
    # The number in a damaged commit may be wrong, but it never leads back.
    named |= {_version(commit) for commit in commits if not commit.is_proved and _version(commit) > least}
    if is_lost or not commits:
        named |= {version for version in manifests(paths.rows) if version > least}
    sums: dict[str, set[str]] = {}
    for commit in commits:
        for path, said in _named(commit).items():
            sums.setdefault(path, set()).add(said)
    for version in sorted(named, reverse=True):
        manifest = manifest_path(paths.rows, version)
        try:
            rows = Table.open(paths.rows, version)
        except BrokenTableError:
            continue
        known = sums.get(manifest.relative_to(paths.rows).as_posix())
        if known is None or file_sum(manifest) in known:
            return rows
    # Nothing that the ledger names is left; what there is is kept, and all media are made again.
    return _newest_that_opens(paths.rows, paths)[0]


def _version(commit: LedgerCommit) -> int:
    return int(commit.entries.column("rows_version")[0].as_py())


def _named(commit: LedgerCommit) -> dict[str, str]:
    try:
        return named_files(commit.entries)
    except ValueError:  # the text itself is damaged
        return {}


def _files(damage: Damage) -> None:
    """Compare the files of the rows with every checksum that a commit names."""
    rows = damage.rows
    proved: dict[str, str] = {}
    others: dict[str, set[str]] = {}
    for commit in damage.commits:
        for path, said in _named(commit).items():
            others.setdefault(path, set()).add(said)
            if commit.is_proved:
                proved[path] = said
    for fragment in rows.fragments():
        bad = [path for path in fragment.paths if not _is_whole(damage, path, proved, others)]
        if not bad and any(path not in others for path in fragment.paths):
            try:
                for _ in rows.scan(batch_rows=1024, fragments=[fragment.id]):
                    pass
            except BrokenTableError:
                bad = list(fragment.paths)
        if bad:
            damage.bad.append(fragment)
            damage.bad_files += bad
    sums = {path: next(iter(said)) for path, said in others.items() if path != LEDGER} | proved
    damage.indices = [i.name for i in rows.vector_indices() if damaged_index_files(rows.path, i, sums)]


def _is_whole(damage: Damage, path: str, proved: dict[str, str], others: dict[str, set[str]]) -> bool:
    try:
        found = file_sum(damage.rows.path / path)
    except FileNotFoundError:
        return False
    if path not in others:
        return True  # nothing is known of it; whether it reads is found out by reading it
    if found not in others[path]:
        return False
    if proved.get(path) != found:
        damage.sums[path] = found
    return True


def _media(damage: Damage) -> None:
    """Compare the rows of each medium with its newest entry."""
    for number, commit in enumerate(damage.commits):
        entries = commit.entries
        is_medium = pc.is_in(entries.column("kind"), _KINDS).to_pylist()
        kinds, ids, rows = (entries.column(n).to_pylist() for n in ("kind", "medium_id", "rows"))
        for place in [p for p, value in enumerate(is_medium) if value]:
            known = Known(kinds[place] == MEDIUM, rows[place], commit.is_proved, number, place)
            before = damage.media.get(ids[place])
            if not known.is_proved and before is not None and before.is_there:
                # What it said before is the newest that can be taken over, if it must be taken back.
                known = Known(True, -1, False, before.commit, before.place)
            damage.media[ids[place]] = known
    counts = damage.counts
    for batch in rows_of_fragments(damage.rows, damage.whole, ["medium_id"]):
        found = pc.value_counts(batch.column(0))
        for medium_id, count in zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True):
            counts[medium_id] = counts.get(medium_id, 0) + count
    for medium_id, known in damage.media.items():
        count = counts.get(medium_id, 0)
        if known.is_proved and count == (known.rows if known.is_there else 0):
            continue
        if count and not damage.is_proved and not (known.is_proved and damage.bad):
            damage.to_do.append(medium_id)
        elif known.is_there and damage.commits[known.commit].is_proved:
            damage.back.append(medium_id)
        elif count:
            damage.foreign.append(medium_id)
    unknown = [m for m in counts if m not in damage.media]
    hexes = are_hex(pa.array(unknown, pa.large_string())).tolist() if unknown else []
    for medium_id, is_hex in zip(unknown, hexes, strict=True):
        # Where entries are lost, one of them may have named it.
        (damage.foreign if damage.is_proved or not is_hex else damage.to_do).append(medium_id)
