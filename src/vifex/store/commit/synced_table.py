"""A table as its one writer changes it: every change is synced in the order of the protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from vifex.store.commit.checkpoints import checkpoint
from vifex.store.files.lance_adapter import Fragment, IndexPlan, Table, VectorIndex
from vifex.store.files.places.object_path import ObjectPath
from vifex.store.files.places.place import Place, children
from vifex.store.files.sums import file_sum, sum_of_sums
from vifex.store.files.sync import sync_all
from vifex.values.machines import Machines

__all__ = ["SyncedTable"]


class SyncedTable:
    """The newest version of a table, and which of its small files are known to be on the disk."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._sums: dict[str, str] = {}
        self._fresh: dict[str, str] = {}
        self._data_sums: dict[str, str] = {}
        # At an object store nothing is left to sync, so these folders need not be listed.
        self._synced = () if isinstance(table.path, ObjectPath) else _COMMIT
        self._seen = {f: _names(table.path / f) for f in ("_deletions", _INDICES, *self._synced)}

    def write(self, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> list[Fragment]:
        """Write fragments, neither synced nor committed."""
        return self.table.write(batches, schema)

    def delete_rows(
        self, addresses: np.ndarray[Any, np.dtype[np.uint64]]
    ) -> tuple[list[Fragment], list[int]]:
        """Write which rows are deleted, neither synced nor committed."""
        return self.table.delete_rows(addresses)

    def sync_data(self, fragments: Iterable[Fragment]) -> None:
        """Sync data files of these fragments, new deletion files, and their folders."""
        self.sync_files(name for f in fragments for name in f.files)

    def sync_files(self, names: Iterable[str]) -> None:
        """Sync data files by name, new deletion files, and their folders.

        Files whose checksum is known were synced when it was taken.
        """
        names = [name for name in dict.fromkeys(names) if f"data/{name}" not in self._sums]
        folders = [self.table.data] if self._synced and self.table.data.is_dir() else []
        deletions = self._new("_deletions")
        if deletions:
            folders.append(self.table.path / "_deletions")
        files = [*(self.table.data / name for name in names), *deletions]
        sync_all(files, [*folders, self.table.path])
        for file in files:
            self._sums[file.relative_to(self.table.path).as_posix()] = file_sum(file)

    def adopt(self, sums: Mapping[str, str]) -> None:
        """Take note of data files that another process has written and synced.

        Args:
            sums: Their checksums, by path.
        """
        self._sums |= sums

    def commit(
        self, step: str, new: Sequence[Fragment], changed: Sequence[Fragment] = (), gone: Sequence[int] = ()
    ) -> None:
        """Make the next version of synced fragments, and sync its manifest."""
        self._belong(path for f in (*new, *changed) for path in f.paths)
        self._move(f"{step}_committed", self.table.commit(new, changed, gone), f"{step}_synced")

    def add_column(self, step: str, field: pa.Field) -> None:
        """Make the next version with one more column, and sync its manifest."""
        self._move(f"{step}_committed", self.table.add_column(field), f"{step}_synced")

    def make_index(
        self,
        step: str,
        plan: IndexPlan,
        replaced: Sequence[VectorIndex] = (),
        machines: Machines | None = None,
    ) -> None:
        """Compute an index over all rows, sync it and commit it in place of others."""
        new = self.table.write_index(plan, machines)
        checkpoint(f"{step}.written")
        self._sync_indices()
        checkpoint(f"{step}.data_synced")
        self._move(
            f"{step}.manifest_committed",
            self.table.commit_indices([new], replaced),
            f"{step}.manifest_synced",
        )

    def drop_indices(self, step: str, dropped: Sequence[VectorIndex]) -> None:
        """Make the next version without some indexes. Their files stay until maintenance removes them."""
        self._move(
            f"{step}.manifest_committed", self.table.commit_indices((), dropped), f"{step}.manifest_synced"
        )

    def write_replacement(self, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> list[Fragment]:
        """Write fragments with other columns, neither synced nor committed."""
        return self.table.write_replacement(batches, schema)

    def replace_all(self, step: str, new: Sequence[Fragment], schema: pa.Schema) -> None:
        """Make the next version of nothing but these synced fragments, and sync its manifest."""
        self._belong(path for f in new for path in f.paths)
        self._move(f"{step}_committed", self.table.replace_all(new, schema), f"{step}_synced")

    def sum_of(self, fragments: Iterable[Fragment]) -> str:
        """Return the checksums of the names and of the bytes of the data files of some fragments."""
        names = [name for f in fragments for name in f.files]
        return ":".join(sum_of_sums({n: file_sum(self.table.data / n) for n in names}))

    def restore(self, newest: int) -> None:
        """Make this version the newest again."""
        self._move("recovery.rows_restored", self.table.restore(newest), "recovery.rows_synced")

    def compact(self, step: str, groups: Sequence[Sequence[int]]) -> tuple[int, int]:
        """Merge groups of fragments and commit that; return how many there were and are."""
        rewrite = self.table.rewrite(groups)
        checkpoint(f"{step}_rewritten")
        if not rewrite.results:
            return 0, 0
        self.sync_files(rewrite.files)
        checkpoint(f"{step}_data_synced")
        self._belong(f"data/{name}" for name in rewrite.files)
        # Where indexed rows moved, this writes the index anew with their new addresses.
        self._move(f"{step}_committed", self.table.commit_rewrite(rewrite), f"{step}_synced")
        return rewrite.before, rewrite.after

    def take_sums(self) -> dict[str, str]:
        """Return the checksums of this version's manifest and of the files committed since the last call."""
        sums, self._fresh = self._fresh, {}
        manifest = self.table.manifest
        return sums | {manifest.relative_to(self.table.path).as_posix(): file_sum(manifest)}

    def sum_of_data(self) -> str:
        """Return the checksums of the names and of the bytes of all data files of this version."""
        names = [name for f in self.table.fragments() for name in f.files]
        self._data_sums = {n: self._data_sums.get(n) or file_sum(self.table.data / n) for n in names}
        return ":".join(sum_of_sums(self._data_sums))

    def forget(self, names: Iterable[str]) -> None:
        """Forget data files that are not committed and will be removed."""
        for name in names:
            self._sums.pop(f"data/{name}", None)

    def _belong(self, paths: Iterable[str]) -> None:
        self._fresh |= {path: self._sums.pop(path) for path in paths if path in self._sums}

    def _move(self, committed: str, table: Table, synced: str) -> None:
        checkpoint(committed)
        self.table = table
        self._sync_indices()
        files = [path for folder in self._synced for path in self._new(folder)]
        sync_all(files, [table.path / folder for folder in self._synced])
        checkpoint(synced)

    def _sync_indices(self) -> None:
        """Sync the files of new indexes, and name them in the next commit of the ledger."""
        folders = [self.table.path / _INDICES / name for name in self._new_names(_INDICES)]
        if not folders:
            return
        files = [folder / name for folder in folders for name in sorted(_names(folder))]
        sync_all(files, [*folders, self.table.path / _INDICES, self.table.path])
        self._fresh |= {file.relative_to(self.table.path).as_posix(): file_sum(file) for file in files}

    def _new(self, folder: str) -> list[Place]:
        return [self.table.path / folder / name for name in self._new_names(folder)]

    def _new_names(self, folder: str) -> list[str]:
        names = _names(self.table.path / folder)
        fresh, self._seen[folder] = names - self._seen[folder], names
        return sorted(fresh)


# A transaction is synced before the manifest that names it. Lance's hint file is never needed.
_COMMIT = ("_transactions", "_versions")
_INDICES = "_indices"


def _names(folder: Place) -> set[str]:
    return {p.name for p in children(folder) if not p.name.endswith("_hint.json")}
