"""Checking a store: every file is compared with its checksum in the ledger, every commit with its own.

Nothing is changed. Files without a checksum, as in old stores, are read whole instead. That finds what does
not read, and not what reads as other numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from vifex.store.files.faults import BrokenTableError
from vifex.store.files.lance_adapter import Fragment, Table, manifest_path
from vifex.store.files.layout import ViewPaths
from vifex.store.files.memory import release_freed_memory
from vifex.store.files.places.place import Place
from vifex.store.files.sums import damaged_files, index_files
from vifex.store.ledger.entries import file_sums
from vifex.store.ledger.head import Head
from vifex.store.ledger.proving import false_commits
from vifex.store.reading.row_counts import RowCounts
from vifex.values import Recipe

__all__ = ["FileProblem", "ViewCheck", "check_view"]


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A file, or a part of a view, that is damaged."""

    file: str
    """Path relative to the store's folder; empty where it is no single file."""
    what: str
    """What is wrong with it."""

    def to_dict(self) -> dict[str, str]:
        """Return it as JSON can hold it."""
        return {"file": self.file, "what": self.what}


@dataclass(frozen=True, slots=True)
class ViewCheck:
    """What a check of one view found."""

    view: str
    commits: int = 0
    """Commits up to the one that counts."""
    rows: int = 0
    media: int = 0
    files: int = 0
    """Files that make up the rows of that commit."""
    without_checksum: int = 0
    """How many of these files have no checksum in the ledger."""
    problems: tuple[FileProblem, ...] = ()
    affected: tuple[str, ...] = ()
    """Names of the media whose rows or entries are damaged."""

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "view": self.view,
            "ok": self.ok,
            "commits": self.commits,
            "rows": self.rows,
            "media": self.media,
            "files": self.files,
            "without_checksum": self.without_checksum,
            "problems": [p.to_dict() for p in self.problems],
            "affected": list(self.affected),
        }


def check_view(
    paths: ViewPaths, head: Head, recipe: Recipe, tick: Callable[[int], None] | None = None
) -> ViewCheck:
    """Check a view as of its head.

    Args:
        paths: Where it lies.
        head: The commit that counts.
        recipe: How it was made.
        tick: Called after every file of the rows, with its size in bytes.

    Raises:
        StoreError: If the system cannot read: that says nothing about the files.
    """
    check = _Check(paths, head)
    check.newer_commits()
    check.files_of_recipe(recipe)
    check.ledger()
    check.rows(tick)
    return check.result()


@dataclass
class _Check:
    paths: ViewPaths
    head: Head
    problems: list[FileProblem] = field(default_factory=list)
    affected: dict[str, None] = field(default_factory=dict)
    counts: RowCounts | None = None
    files: int = 0
    without: int = 0

    def newer_commits(self) -> None:
        for version in self.head.broken:
            self._found(
                manifest_path(self.paths.ledger, version),
                "this newer commit is damaged, or what it names is; the one before counts, and the same "
                "vifex extract as before makes its media again",
            )

    def files_of_recipe(self, recipe: Recipe) -> None:
        """Check the files that a view keeps beside its tables, by the hashes in its recipe."""
        folder = self.paths.folder
        if recipe.graph_sha256 is not None:
            self._hashed([folder / "int8.xml", folder / "int8.bin"], recipe.graph_sha256)
        if recipe.fusion is not None and recipe.fusion.parameters_sha256 is not None:
            self._hashed([folder / "fusion.npz"], recipe.fusion.parameters_sha256)

    def ledger(self) -> None:
        try:
            false = false_commits(self.head.ledger)
            release_freed_memory()
            self.counts = RowCounts(self.head.ledger)
            release_freed_memory()
        except BrokenTableError as exc:
            self._found(self.head.ledger.path, str(exc))
            return
        for commit, names in false.items():
            self._found(self.head.ledger.path, f"the entries of commit {commit} do not give its checksum")
            self.affected |= dict.fromkeys(names)

    def rows(self, tick: Callable[[int], None] | None) -> None:
        rows = self.head.rows
        sums = self._sums()
        whole = [f for f in rows.fragments() if self._is_whole(rows, f, sums, tick)]
        manifest = rows.manifest.relative_to(rows.path).as_posix()
        self.files += 1
        self.without += manifest not in sums
        self._indices(rows, sums)
        self._count(rows, whole)

    def result(self) -> ViewCheck:
        return ViewCheck(
            view=self.paths.name,
            commits=self.head.seal.commit,
            rows=self.head.rows.count(),
            media=0 if self.counts is None else len(self.counts),
            files=self.files,
            without_checksum=self.without,
            problems=tuple(self.problems),
            affected=tuple(sorted(self.affected)),
        )

    def _sums(self) -> dict[str, str]:
        try:
            return file_sums(self.head.ledger)
        except BrokenTableError:
            return {}  # the damage of the ledger is reported already

    def _is_whole(
        self, rows: Table, fragment: Fragment, sums: dict[str, str], tick: Callable[[int], None] | None
    ) -> bool:
        bad = damaged_files(rows.path, fragment.paths, sums)
        for path in bad:
            gone = not (rows.path / path).is_file()
            self._found(rows.path / path, "it is gone" if gone else "its bytes are not what was written")
        unknown = [path for path in fragment.paths if path not in sums]
        self.files += len(fragment.paths)
        self.without += len(unknown)
        if unknown and not bad:
            try:
                for _ in rows.scan(batch_rows=1024, fragments=[fragment.id]):
                    pass
            except BrokenTableError as exc:
                self._found(rows.path / unknown[0], str(exc))
                bad = unknown
        if tick is not None:
            tick(sum((rows.path / p).stat().st_size for p in fragment.paths if (rows.path / p).is_file()))
        return not bad

    def _indices(self, rows: Table, sums: dict[str, str]) -> None:
        """Check the files of approximate indexes. An index can be made again, so no medium is affected."""
        for index in rows.vector_indices():
            files = index_files(index, sums)
            self.files += len(files)
            self.without += sum(file not in sums for file in files)
            for path in damaged_files(rows.path, files, sums):
                gone = not (rows.path / path).is_file()
                what = "it is gone" if gone else "its bytes are not what was written"
                self._found(
                    rows.path / path,
                    f"{what}; it belongs to an approximate index, which vifex index makes again",
                )

    def _count(self, rows: Table, whole: list[Fragment]) -> None:
        """Compare how many rows each medium has in whole fragments with what the ledger says."""
        counts, ids = self.counts, [f.id for f in whole]
        if counts is None:
            return
        try:
            for batch in rows.scan(["medium_id"], batch_rows=1 << 16, fragments=ids) if ids else ():
                counts.add(batch.column(0))
        except BrokenTableError as exc:
            self._found(rows.path, str(exc))
        known = len(self.problems)
        self.affected |= dict.fromkeys(counts.names_of_wrong())
        if counts.has_foreign_rows or (self.affected and not known):
            self._found(rows.path, "the rows of some media are not as many as the ledger says")

    def _hashed(self, files: list[Place], said: str) -> None:
        digest = sha256()
        for file in files:
            if not file.is_file():
                self._found(file, "it is gone")
                return
            digest.update(file.read_bytes())
        if digest.hexdigest() != said:
            names = " and ".join(f.name for f in files)
            self._found(files[0], f"{names} are not those that the recipe names by their hash")

    def _found(self, file: Place, what: str) -> None:
        store = self.paths.folder.parent.parent
        self.problems.append(FileProblem(file.relative_to(store).as_posix(), what))
