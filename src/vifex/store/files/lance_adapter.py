"""The only module that calls Lance. It is typed, its callers sync, and it is never used across a fork.

A `Table` is one version of one Lance table. A method that changes something returns a new `Table` and the
files that must be synced. `merge_insert` is not used, as it holds in memory all that it touches.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import lance
import numpy as np
import pyarrow as pa
from lance import LanceDataset, LanceOperation, Transaction
from lance.dataset import Index
from lance.file import LanceFileReader
from lance.fragment import write_fragments
from lance.indices import IndicesBuilder
from lance.optimize import Compaction
from lance.schema import LanceSchema

from vifex.store.files.faults import BrokenTableError, cut_short, is_panic, lance_calls
from vifex.store.files.places.client import lance_options
from vifex.store.files.places.object_path import ObjectPath
from vifex.store.files.places.place import Place
from vifex.store.files.sync import sync_all
from vifex.values import StoreError
from vifex.values.machines import Machines, parts_of

__all__ = [
    "Fragment",
    "IndexPlan",
    "OvertakenError",
    "Rewrite",
    "Table",
    "VectorIndex",
    "manifest_path",
    "manifests",
]

# The file format is pinned: every version of pylance that Vifex allows reads every store.
_STORAGE: Final = "2.1"
# Lance's own defaults are gigabytes.
_METADATA_CACHE: Final = 32 << 20
_INDEX_CACHE: Final = 1 << 20
_SEARCHED_INDEX_CACHE: Final = 1 << 30
"""Lance keeps the parts of an index that were probed up to this size, while it is searched."""
_IO_BUFFER: Final = 64 << 20
_BATCH_BYTES: Final = 8 << 20
_MAGIC: Final = b"LANC"
_TOP_VERSION: Final = (1 << 64) - 1
_KEEP: Final = "vifex-keep-"
# How Lance prints the encoding of a page of vectors without nulls and without compression.
_FLAT: Final = re.compile(
    r"PageLayout\{layout:Some\(FullZipLayout\(FullZipLayout\{bits_rep:0,bits_def:0,num_items:(?P<rows>\d+),"
    r"num_visible_items:(?P=rows),value_compression:Some\(CompressiveEncoding\{compression:Some\("
    r"FixedSizeList\(FixedSizeList\{items_per_value:(?P<size>\d+),has_validity:false,"
    r"values:Some\(CompressiveEncoding\{compression:Some\(Flat\(Flat\{bits_per_value:(?P<bits>\d+),data:None,"
)

_TRAINED_ROWS: Final = 256
"""Rows for each partition that its middle is found with: Lance's own number."""

_used_in: int | None = None


class OvertakenError(StoreError):
    """Another writer made a version that this one was about to make."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of a table: one data file and the list of its deleted rows."""

    id: int
    rows: int
    """Without the deleted ones."""
    deleted: int
    files: tuple[str, ...]
    """Names in the table's folder `data`."""
    deletions: str | None
    """The file of its deleted rows, relative to the table's folder."""
    meta: Any
    """Lance's own record."""

    @property
    def paths(self) -> tuple[str, ...]:
        """All its files, relative to the table's folder."""
        return (*(f"data/{name}" for name in self.files), *([self.deletions] if self.deletions else []))


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Fragments that were merged into new ones but not committed."""

    results: tuple[Any, ...]
    before: int
    after: int
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """How an approximate index of a vector column is made."""

    name: str
    column: str
    kind: str
    """As Lance names it, e.g. `IVF_SQ`."""
    metric: str
    """`cosine`, `dot` or `l2`."""
    partitions: int
    """Cells that the vectors are divided into."""


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """An approximate index of a vector column, as a version of the table has it."""

    name: str
    kind: str
    fragments: frozenset[int]
    """Ids of the fragments whose rows it holds; those that are gone from the table are left out."""
    files: tuple[str, ...]
    """Relative to the table's folder."""
    size_bytes: int
    meta: tuple[Any, ...]
    """Lance's own records, one for each segment."""


def manifests(table: Place) -> dict[int, Place]:
    """Return the manifest file of every version that lies in a table's folder, whole or broken."""
    try:
        names = [p.name for p in (table / "_versions").iterdir()]
    except FileNotFoundError:
        return {}
    stems = [n.removesuffix(".manifest") for n in names if n.endswith(".manifest")]
    versions = [_TOP_VERSION - int(s) for s in stems if s.isdigit()]
    return {v: manifest_path(table, v) for v in sorted(versions)}


def manifest_path(table: Place, version: int) -> Place:
    """Return the manifest file of a version: names count down, so that the newest is listed first."""
    return table / "_versions" / f"{_TOP_VERSION - version:020d}.manifest"


class Table:
    """One version of a Lance table."""

    def __init__(self, path: Place, dataset: Any) -> None:
        self.path = path
        self._ds = dataset

    @classmethod
    def create(cls, path: Place, schema: pa.Schema) -> Table:
        """Make an empty table; its first version is 1."""
        _stay_in_one_process()
        ds = lance.write_dataset(
            schema.empty_table(),
            _uri(path),
            mode="create",
            data_storage_version=_STORAGE,
            storage_options=_options(path),
        )
        return cls(path, ds)

    @classmethod
    def open(cls, path: Place, version: int) -> Table:
        """Open one version.

        Raises:
            BrokenTableError: If that version is not there, or not whole.
            StoreError: If the system would not let it be read, which says nothing about its state.
        """
        _stay_in_one_process()
        manifest = manifest_path(path, version)
        try:
            tail = manifest.read_bytes()[-4:]
        except FileNotFoundError as exc:
            raise BrokenTableError(f"{path} has no version {version}") from exc
        except OSError as exc:
            raise StoreError("the store cannot be read.", of=str(path), todo=f"{exc}.") from exc
        if tail != _MAGIC:
            raise BrokenTableError(f"version {version} of {path} is cut short")
        with lance_calls(path, f"version {version} of {path} does not open"):
            ds = _open(path, version)
            opened = int(ds.version)
            # Lance reads these late, and fails only then if they are damaged.
            _ = ds.schema, [_fragment(f.metadata) for f in ds.get_fragments()]
        # Lance opens a manifest of zeros as version 0 without rows, and reports no error.
        if opened != version or version < 1:
            raise BrokenTableError(f"version {version} of {path} opens as version {opened}")
        return cls(path, ds)

    @property
    def version(self) -> int:
        """Number of this version, from 1."""
        return int(self._ds.version)

    @property
    def schema(self) -> pa.Schema:
        """Columns with their metadata."""
        return self._ds.schema

    @property
    def manifest(self) -> Place:
        """The file that lists the fragments of this version."""
        return manifest_path(self.path, self.version)

    @property
    def data(self) -> Place:
        """Folder of the data files."""
        return self.path / "data"

    def count(self, where: str | None = None) -> int:
        """Count rows; without a filter the manifest has the number."""
        with self._reading(where):
            return int(self._ds.count_rows(where))

    def scan(
        self,
        columns: Sequence[str] | None = None,
        *,
        where: str | None = None,
        batch_rows: int = 8192,
        skip: int | None = None,
        addresses: bool = False,
        fragments: Sequence[int] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Read rows in stored order, of all fragments or of those named by their ids.

        `addresses` adds `_rowaddr`: fragment << 32 | place in it.
        """
        with self._reading(where):
            scanner = self._ds.scanner(
                columns=None if columns is None else list(columns),
                filter=where,
                offset=skip,
                batch_size=batch_rows,
                batch_readahead=2,
                fragment_readahead=2,
                io_buffer_size=_IO_BUFFER,
                scan_in_order=True,
                with_row_address=addresses,
                fragments=None if fragments is None else [self._ds.get_fragment(i) for i in fragments],
            )
            rows, most = 0, self._ds.count_rows()
            for batch in scanner.to_batches():
                rows += batch.num_rows
                if rows > most:
                    # A length is damaged: Lance would go on until it has taken all memory.
                    raise BrokenTableError(f"{self.path} gives more rows than version {self.version} has")
                yield batch

    def take(self, places: Sequence[int], columns: Sequence[str] | None = None) -> pa.Table:
        """Read the rows at these places of the stored order, in the order of `places`."""
        with self._reading():
            return self._ds.take(list(places), columns=None if columns is None else list(columns))

    def fragments(self) -> list[Fragment]:
        """List the pieces of this version in stored order."""
        with self._reading():
            return [_fragment(f.metadata) for f in self._ds.get_fragments()]

    def flat_pages(
        self, fragment: Fragment, column: str, size: int, bits: int
    ) -> list[tuple[Place, int, int]] | None:
        """Find the pages of a vector column that hold nothing but its numbers, row after row.

        Args:
            fragment: Of this version.
            column: A column of fixed-size lists.
            size: Numbers in a row.
            bits: Of one number.

        Returns:
            File, position in bytes and number of rows of each page, in stored order; `None` where a page is
            stored in another way.
        """
        for name in fragment.files:
            with self._reading():
                metadata = LanceFileReader(_uri(self.data / name)).metadata()
                names = metadata.schema.names
                # A column of the schema is a column of the file only where no type is nested.
                if len(names) != len(metadata.columns) or column not in names:
                    continue
                pages = metadata.columns[names.index(column)].pages
                plain = [_flat_page(page, size, bits) for page in pages]
            if not all(plain):
                return None
            return [(self.data / name, *page) for page in plain if page]
        return None

    def write(self, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> list[Fragment]:
        """Write rows that are no part of the table until they are committed."""
        _stay_in_one_process()
        reader = pa.RecordBatchReader.from_batches(schema, batches)
        with self._writing("no rows can be written"):
            metas = write_fragments(reader, self._ds, mode="append", data_storage_version=_STORAGE)
        self._see_that_all_was_kept(metas)
        return [_fragment(m) for m in metas]

    def read_uncommitted(self, fragments: Sequence[Fragment]) -> pa.RecordBatch:
        """Read all rows of fragments that lie in the table's folder and are no part of it."""
        tables = []
        for fragment in fragments:
            for name in fragment.files:
                with self._reading():
                    reader = LanceFileReader(_uri(self.data / name), _options(self.path))
                    tables.append(reader.read_all().to_table())
        return pa.concat_tables(tables).combine_chunks().to_batches()[0]

    def delete_rows(
        self, addresses: np.ndarray[Any, np.dtype[np.uint64]]
    ) -> tuple[list[Fragment], list[int]]:
        """Write which rows are deleted; gives changed fragments and the ids of those left without rows."""
        changed: list[Fragment] = []
        gone: list[int] = []
        owners = (addresses >> np.uint64(32)).astype(np.int64)
        places = (addresses & np.uint64(0xFFFFFFFF)).astype(np.int64)
        for owner in np.unique(owners):
            with self._writing("no rows can be deleted"):
                meta = self._ds.get_fragment(int(owner)).delete_rows(places[owners == owner].tolist())
            if meta is None:
                gone.append(int(owner))
            else:
                changed.append(_fragment(meta))
        return changed, gone

    def commit(
        self, new: Sequence[Fragment], changed: Sequence[Fragment] = (), gone: Sequence[int] = ()
    ) -> Table:
        """Make the next version in one step: `new` added, `changed` replaced, `gone` removed."""
        if changed or gone:
            operation = LanceOperation.Update(
                removed_fragment_ids=list(gone),
                updated_fragments=[f.meta for f in changed],
                new_fragments=[f.meta for f in new],
            )
        else:
            operation = LanceOperation.Append([f.meta for f in new])
        with self._writing("no version can be made"):
            ds = self._commit(operation, self.version)
        return self._committed(ds)

    def write_replacement(self, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> list[Fragment]:
        """Write rows with other columns beside this version, for `replace_all`."""
        _stay_in_one_process()
        reader = pa.RecordBatchReader.from_batches(schema, batches)
        with self._writing("no rows can be written"):
            metas = write_fragments(
                reader,
                _uri(self.path),
                mode="overwrite",
                data_storage_version=_STORAGE,
                storage_options=_options(self.path),
            )
        self._see_that_all_was_kept(metas)
        return [_fragment(m) for m in metas]

    def replace_all(self, new: Sequence[Fragment], schema: pa.Schema) -> Table:
        """Make the next version of nothing but these fragments, with these columns."""
        operation = LanceOperation.Overwrite(schema, [f.meta for f in new])
        with self._writing("no version can be made"):
            ds = self._commit(operation, self.version)
        return self._committed(ds)

    def fence(self) -> Table:
        """Make this version again, as the next one: no commit that was based on an earlier one can follow.

        Raises:
            OvertakenError: If another version came first.
        """
        return self.replace_all(self.fragments(), self.schema)

    def add_column(self, field: pa.Field) -> Table:
        """Make the next version with one more column, which no row has a value of; no data file changes."""
        # Fields are numbered in their order, as they were when the table was made.
        schema = LanceSchema.from_pyarrow(pa.schema([*self.schema, field]))
        with self._writing("no column can be added"):
            metas = [f.meta for f in self.fragments()]
            ds = self._commit(LanceOperation.Merge(metas, schema), self.version)
        return self._committed(ds)

    def vector_indices(self) -> list[VectorIndex]:
        """List the approximate indexes of this version, by their names."""
        with self._reading():
            described = self._ds.describe_indices()
            if not described:
                return []
            known = {int(f.fragment_id) for f in self._ds.get_fragments()}
            return [_vector_index(self.path, one, known) for one in described]

    def write_index(self, plan: IndexPlan, machines: Machines | None = None) -> VectorIndex:
        """Compute an index over all rows, uncommitted and not synced.

        Args:
            plan: Of the index.
            machines: Other machines that see the table at the same path; they are used where there are
                several fragments.
        """
        _stay_in_one_process()
        fragments = [f.id for f in self.fragments()]
        with self._writing("no index can be made"):
            if machines is None or len(fragments) < 2:
                meta = self._ds.create_index_uncommitted(**_index_words(plan), fragment_ids=fragments)
            else:
                meta = self._index_of_segments(plan, fragments, machines)
        files = {f"_indices/{meta.uuid}/{f.path}": int(f.size_bytes) for f in meta.files or ()}
        for file, size in files.items():
            if (self.path / file).stat().st_size != size:
                raise cut_short(self.path / file)
        return VectorIndex(
            plan.name, plan.kind, frozenset(fragments), tuple(files), sum(files.values()), (meta,)
        )

    def _index_of_segments(self, plan: IndexPlan, fragments: list[int], machines: Machines) -> Index:
        """Find the middles of the partitions here, let machines divide the rows, and join what they wrote."""
        trained = IndicesBuilder(self._ds, plan.column).train_ivf(
            num_partitions=plan.partitions,
            distance_type=plan.metric,
            sample_rate=max(1, min(_TRAINED_ROWS, self._ds.count_rows() // plan.partitions)),
        )
        parts = parts_of(len(fragments), 1, machines.width)
        shared = (str(self.path), self.version, plan, fragments, trained.centroids)
        segments = [meta for _, meta in machines.each(write_index_segment, shared, parts)]
        joined = self._ds.merge_existing_index_segments(segments)
        for segment in segments:
            if segment.uuid != joined.uuid:
                shutil.rmtree(self.path / "_indices" / str(segment.uuid))
        return joined

    def commit_indices(self, new: Sequence[VectorIndex] = (), dropped: Sequence[VectorIndex] = ()) -> Table:
        """Make the next version with other indexes; the rows stay as they are."""
        operation = LanceOperation.CreateIndex(
            [meta for one in new for meta in one.meta], [meta for one in dropped for meta in one.meta]
        )
        with self._writing("no index can be committed"):
            ds = self._commit(operation, self.version)
        return self._committed(ds)

    def for_index_search(self) -> Table:
        """Open the same version again with memory for the parts of an index that are probed."""
        with lance_calls(self.path, f"version {self.version} of {self.path} does not open"):
            return Table(self.path, _open(self.path, self.version, _SEARCHED_INDEX_CACHE))

    def index_candidates(
        self, column: str, queries: np.ndarray[Any, Any], *, metric: str, count: int, probes: int
    ) -> list[np.ndarray[Any, np.dtype[np.uint64]]]:
        """Ask the index of a column for the rows that it takes for the nearest to each of several queries.

        Only rows of fragments that the index holds are found. Deleted rows and rows without a direction are
        left out.

        Args:
            column: It has an index.
            queries: `[Q, D]`.
            metric: That of the index.
            count: Number of rows for each.
            probes: Number of partitions that are looked at.

        Returns:
            For each query at most `count` addresses, the nearest first: fragment << 32 | place in it.
        """
        with self._reading():
            found = self._ds.scanner(
                columns=["_distance"],
                nearest={
                    "column": column,
                    "q": queries.astype(np.float32),
                    "k": count,
                    "metric": metric,
                    "nprobes": probes,
                },
                fast_search=True,
                with_row_address=True,
            ).to_table()
        addresses = found.column("_rowaddr").to_numpy()
        owners = found.column("query_index").to_numpy()
        return [addresses[owners == number] for number in range(len(queries))]

    def restore(self, newest: int) -> Table:
        """Make this version the newest again, on top of `newest`."""
        back = LanceOperation.Restore(self.version)
        with self._writing("no version can be restored"):
            ds = self._commit(back, newest)
        return self._committed(ds)

    def rewrite(self, groups: Sequence[Sequence[int]]) -> Rewrite:
        """Merge each group of neighbouring fragments and drop their deleted rows, uncommitted."""
        known = [f.id for f in self.fragments()]
        results: list[Any] = []
        for group in groups:
            options = {
                "target_rows_per_fragment": 1 << 40,  # the caller chose what is merged
                "materialize_deletions_threshold": 0.0,
                "excluded_fragment_ids": [i for i in known if i not in group],
                "num_threads": 1,
                "batch_size": _rows_per_batch(self.schema),
                "io_buffer_size": _IO_BUFFER,
                "data_storage_version": _STORAGE,
            }
            with self._writing("its fragments cannot be merged"):
                results += [task.execute(self._ds) for task in Compaction.plan(self._ds, options).tasks]
        self._see_that_all_was_kept([m for r in results for m in r.new_fragments])
        return Rewrite(
            results=tuple(results),
            before=sum(int(r.metrics.fragments_removed) for r in results),
            after=sum(len(r.new_fragments) for r in results),
            files=tuple(f.path for r in results for m in r.new_fragments for f in m.files),
        )

    def commit_rewrite(self, rewrite: Rewrite) -> Table:
        """Make a next version that holds the merged fragments in place of their sources."""
        # Lance changes the dataset that it is given, and this table must stay the version that it is.
        with self._writing("merged fragments cannot be committed"):
            ds = _open(self.path, self.version)
            Compaction.commit(ds, list(rewrite.results))
        return self._committed(ds)

    def keep_only(self, versions: Iterable[int]) -> None:
        """Remove every version but this newest one and those named, with the files that only they used.

        It needs no tags of Lance: nothing syncs the file of a tag, so a power failure can damage it.
        """
        self.remove_own_tags()
        wanted = {self.version, *versions}
        old = sorted(manifests(self.path).keys() - wanted)
        if old:
            with self._writing("old versions cannot be removed"):
                self._ds.cleanup_old_versions(versions=old, error_if_tagged_old_versions=False)

    def remove_own_tags(self) -> None:
        """Remove the tags `vifex-keep-N` that earlier versions of Vifex made, whole or torn.

        Lance reads every tag before it removes a version: a torn one stops that, and a whole one keeps its
        version for ever.
        """
        for file in (self.path / "_refs" / "tags").glob(f"*{_KEEP}*"):
            file.unlink(missing_ok=True)

    def tracked(self) -> set[str]:
        """Return the files that any version of the table still needs, relative to its folder."""
        with self._reading():
            files = self._ds.tracked_files().read_all()
            return set(files.column("path").to_pylist())

    def _see_that_all_was_kept(self, metas: Iterable[Any]) -> None:
        """Compare the sizes of new data files with what Lance wrote.

        At the limit of a file's size the system writes a part of the data, and Lance does not report it.
        """
        for file in (f for meta in metas for f in meta.files):
            size, wanted = (self.data / file.path).stat().st_size, file.file_size_bytes
            if wanted is not None and size != wanted:
                raise cut_short(self.data / file.path)

    def _commit(self, operation: Any, read_version: int) -> Any:
        """Make the version after `read_version`.

        No retries: there is one writer, so a conflict means that someone broke its lock. An Overwrite without
        retries is made at that number or not at all. Lance bases others on versions that came between.
        """
        if not isinstance(self.path, ObjectPath):
            return LanceDataset.commit(self._ds, operation, read_version=read_version, max_retries=0)
        made = Transaction(read_version, operation)
        try:
            ds = LanceDataset.commit(self._ds, made, max_retries=0)
        except (OSError, ValueError, RuntimeError) as exc:
            # The answer may be lost to a request that was carried out.
            ds = self._made_by(made.uuid, read_version + 1, exc)
        if int(ds.version) != read_version + 1:
            raise _overtaken(self.path)
        return ds

    def _made_by(self, transaction: str, version: int, failure: BaseException) -> Any:
        """Open a version that a transaction made although its commit was reported to have failed.

        It is not tried again: the request may still be on its way. The next writer finds out.

        Raises:
            OvertakenError: If another writer made it.
            BaseException: The failure, if there is no such version.
        """
        if not manifest_path(self.path, version).is_file():
            raise failure
        ds = _open(self.path, version)
        found = ds.read_transaction(version)
        if found is None or found.uuid != transaction:
            raise _overtaken(self.path) from failure
        return ds

    def _committed(self, ds: Any) -> Table:
        """Return the table of a version that was just made, if its manifest is whole."""
        table = Table(self.path, ds)
        if not table.manifest.read_bytes().endswith(_MAGIC):
            raise cut_short(table.manifest)
        return table

    def _writing(self, what: str) -> contextlib.AbstractContextManager[None]:
        return lance_calls(self.path, f"{self.path}: {what}", writing=True)

    @contextlib.contextmanager
    def _reading(self, where: str | None = None) -> Iterator[None]:
        """Distinguish damage from a filter that cannot be evaluated: without the filter only damage fails."""
        try:
            with lance_calls(self.path, f"version {self.version} of {self.path} does not read"):
                yield
        except BrokenTableError as exc:
            cause = exc.__cause__
            if where is None or cause is None:
                raise
            if self._plans(where):
                self._read_small_columns()
            raise cause from None

    def _plans(self, where: str) -> bool:
        """Return whether Lance understands a filter; no data file is read for that."""
        try:
            self._ds.scanner(filter=where).explain_plan()
        except BaseException as exc:
            if isinstance(exc, Exception) or is_panic(exc):
                return False
            raise
        return True

    def _read_small_columns(self) -> None:
        small = [f.name for f in self.schema if not pa.types.is_fixed_size_list(f.type)]
        for _ in self.scan(small):
            pass


def _open(path: Place, version: int, index_cache_bytes: int = _INDEX_CACHE) -> Any:
    return lance.dataset(
        _uri(path),
        version=version,
        metadata_cache_size_bytes=_METADATA_CACHE,
        index_cache_size_bytes=index_cache_bytes,
        storage_options=_options(path),
    )


def _vector_index(path: Place, described: Any, known: set[int]) -> VectorIndex:
    metas = tuple(
        Index(
            uuid=str(segment.uuid),
            name=described.name,
            fields=list(described.fields),
            dataset_version=segment.dataset_version_at_last_update,
            fragment_ids=segment.fragment_ids,
            index_version=segment.index_version,
        )
        for segment in described.segments
    )
    files = [
        file
        for meta in metas
        for file in sorted((path / "_indices" / meta.uuid).glob("*"), key=str)
        if file.is_file()
    ]
    return VectorIndex(
        name=described.name,
        kind=described.index_type,
        fragments=frozenset(int(i) for meta in metas for i in meta.fragment_ids) & known,
        files=tuple(file.relative_to(path).as_posix() for file in files),
        size_bytes=sum(file.stat().st_size for file in files),
        meta=metas,
    )


def _fragment(meta: Any) -> Fragment:
    return Fragment(
        id=int(meta.id),
        rows=int(meta.num_rows),
        deleted=int(meta.num_deletions),
        files=tuple(f.path for f in meta.files),
        deletions=meta.deletion_file.path(int(meta.id), None) if meta.deletion_file else None,
        meta=meta,
    )


def _flat_page(page: Any, size: int, bits: int) -> tuple[int, int] | None:
    """Position and number of rows of a page, if it is `size` plain numbers of `bits` per row."""
    found = _FLAT.match("".join(page.encoding.split()))
    if found is None or len(page.buffers) != 1:
        return None
    rows, [buffer] = int(found["rows"]), page.buffers
    stored = int(found["size"]), int(found["bits"]), int(buffer.size)
    return (int(buffer.position), rows) if stored == (size, bits, rows * size * bits // 8) else None


def _uri(path: Place) -> str:
    if isinstance(path, ObjectPath):
        return path.url
    # As text: Lance quotes a `Path` as a URL.
    return os.path.abspath(path)  # noqa: PTH100 - links are the user's own


def _options(path: Place) -> dict[str, str] | None:
    return lance_options() if isinstance(path, ObjectPath) else None


def _overtaken(path: Place) -> OvertakenError:
    return OvertakenError(
        "another process took this store over and has written to it.",
        of=str(path),
        todo="Run the same command again when that process has ended: all that was committed is kept.",
    )


def _rows_per_batch(schema: pa.Schema) -> int:
    """Return how many rows may be in memory at once while fragments are merged."""
    lists = [f.type for f in schema if pa.types.is_fixed_size_list(f.type)]
    width = sum(int(t.list_size) * int(t.value_type.bit_width) // 8 for t in lists)
    return max(1, min(1024, _BATCH_BYTES // max(1, width)))


def _stay_in_one_process() -> None:
    """Refuse to work in a forked child: it has none of Lance's threads and would wait for ever."""
    global _used_in
    if _used_in is None:
        _used_in = os.getpid()
    elif _used_in != os.getpid():
        raise StoreError(
            "the store was used before this process was forked.",
            todo="Open it in the child alone, or start children by spawn or subprocess instead of fork.",
        )


def write_index_segment(
    table: str,
    version: int,
    plan: IndexPlan,
    fragments: Sequence[int],
    centroids: pa.FixedSizeListArray,
    part: slice,
    _threads: int | None = None,
) -> Index:
    """Write the part of an index that holds some fragments, uncommitted; a machine of a cluster calls this.

    Args:
        table: Folder of the table.
        version: Of the table.
        plan: Of the index.
        fragments: Ids of all fragments of the table.
        centroids: Middles of the partitions, which all parts share.
        part: Which of the fragments.

    Raises:
        StoreError: If the table cannot be read or written from here.
    """
    opened = Table.open(Path(table), version)
    with opened._writing("no part of an index can be made"):
        meta = opened._ds.create_index_uncommitted(
            **_index_words(plan), ivf_centroids=centroids, fragment_ids=list(fragments[part])
        )
    folder = Path(table) / "_indices" / str(meta.uuid)
    sync_all(sorted(folder.iterdir()), [folder])  # what one machine wrote reaches the others
    return meta


def _index_words(plan: IndexPlan) -> dict[str, Any]:
    return {
        "column": plan.column,
        "index_type": plan.kind,
        "name": plan.name,
        "metric": plan.metric,
        "num_partitions": plan.partitions,
        "replace": True,
    }
