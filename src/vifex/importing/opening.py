"""Opening what the user names: which format a file or a folder has, and the table that names its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vifex.importing.features import FeatureFile
from vifex.importing.formats.arrow import dataset_folders, open_arrow, open_dataset
from vifex.importing.formats.csv import open_csv
from vifex.importing.formats.each_medium import holds_media, is_of_one_medium, open_folder
from vifex.importing.formats.hdf5 import open_hdf5
from vifex.importing.formats.jsonl import open_jsonl
from vifex.importing.formats.lance import open_lance
from vifex.importing.formats.lists import open_list
from vifex.importing.formats.npy import open_npy
from vifex.importing.formats.npz import open_npz
from vifex.importing.formats.parquet import open_parquet
from vifex.importing.formats.safetensors import open_safetensors
from vifex.store.files.inside import store_around
from vifex.store.files.plain_lance import is_lance_table
from vifex.values import InputError
from vifex.values.registry import near

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FORMATS", "Choice", "open_files"]

FORMATS: Final[Mapping[str, Callable[[Path, Sequence[str]], FeatureFile]]] = {
    ".npy": open_npy,
    ".npz": open_npz,
    ".parquet": open_parquet,
    ".arrow": open_arrow,
    ".csv": open_csv,
    ".tsv": open_csv,
    ".jsonl": open_jsonl,
    ".ndjson": open_jsonl,
    ".h5": open_hdf5,
    ".hdf5": open_hdf5,
    ".safetensors": open_safetensors,
}
"""By the suffix of a file; folders are Lance tables, saved datasets or files of each medium."""

_TABLES: Final[Mapping[str, Callable[[Path], FeatureFile]]] = {
    ".csv": partial(open_csv, wanted=(), needs_vectors=False),
    ".tsv": partial(open_csv, wanted=(), needs_vectors=False),
    ".jsonl": partial(open_jsonl, wanted=(), needs_vectors=False),
    ".ndjson": partial(open_jsonl, wanted=(), needs_vectors=False),
    ".parquet": partial(open_parquet, wanted=(), needs_vectors=False),
    ".arrow": partial(open_arrow, wanted=(), needs_vectors=False),
    ".txt": open_list,
    ".lst": open_list,
    ".list": open_list,
}
_TODO: Final = (
    "Give npy, npz, Parquet, CSV, JSONL, HDF5, safetensors, a saved dataset, a Lance table or a folder."
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user says of the files."""

    columns: tuple[str, ...] = ()
    """Columns of vectors to read; empty takes all."""
    names: str | None = None
    """The column that has the paths or names of the media."""
    media: tuple[Path, ...] = ()
    """A table or a list with a line for each row, the folder in which the media lie, or both."""

    @property
    def folder(self) -> Path | None:
        """The folder of the media."""
        return next((path for path in self.media if _is_folder(path)), None)

    @property
    def table(self) -> Path | None:
        """The table or list of the rows."""
        return next((path for path in self.media if not _is_folder(path)), None)


def open_files(paths: Sequence[Path], choice: Choice) -> list[FeatureFile]:
    """Open files of features.

    Raises:
        InputError: If one is not there, is of no known format, or has no vectors.
    """
    if not paths:
        raise InputError("no file is named.", todo=_TODO)
    for path in (*paths, *choice.media):
        _check_path(path)
    doubled = [path for place, path in enumerate(paths) if path.resolve() in _resolved(paths[:place])]
    if doubled:
        raise InputError("the file is named twice.", of=str(doubled[0]), todo="Name it once.")
    if len(choice.media) > len({choice.folder, choice.table} - {None}):
        raise InputError(
            "more than one folder or table of media is named.",
            of=", ".join(map(str, choice.media)),
            todo="Give one table or list, one folder, or one of each.",
        )
    files = [file for path in _grouped(paths) for file in _open(path, choice)]
    if choice.table is None:
        return files
    if len(files) > 1:
        raise InputError(
            f"one table cannot name the rows of {len(files)} files.",
            of=str(choice.table),
            todo="Import each file with its own table.",
        )
    return [_with_table(files[0], _table(choice.table))]


def _resolved(paths: Sequence[Path]) -> list[Path]:
    return [path.resolve() for path in paths]


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not is_lance_table(path)


def _check_path(path: Path) -> None:
    if not path.exists():
        raise InputError("there is no such file or folder.", of=str(path), todo="Check the name.")
    if (path / "STORE.json").is_file():
        raise InputError(
            "this is a store, not a file of features.", of=str(path), todo="Open it, or export it first."
        )
    around = store_around(path)
    if around is not None:
        raise InputError("this lies inside a store.", of=str(path), todo=f"Export {around} instead.")


def _grouped(paths: Sequence[Path]) -> list[Path | tuple[Path, list[Path]]]:
    """Return the paths, files of single media together with their folder."""
    single: dict[Path, list[Path]] = {}
    found: list[Path | tuple[Path, list[Path]]] = []
    for path in paths:
        if path.suffix.lower() in (".npy", ".npz") and path.is_file() and is_of_one_medium(path):
            if path.parent not in single:
                single[path.parent] = []
                found.append((path.parent, single[path.parent]))
            single[path.parent].append(path)
        else:
            found.append(path)
    return found


def _open(path: Path | tuple[Path, list[Path]], choice: Choice) -> list[FeatureFile]:
    if isinstance(path, tuple):
        return [open_folder(path[0], choice.columns, path[1])]
    if not path.is_dir():
        return [_format(path)(path, choice.columns)]
    if is_lance_table(path):
        return [open_lance(path, choice.columns)]
    folders = dataset_folders(path)
    if folders is not None:
        return [replace(open_dataset(one, choice.columns), split=split) for one, split in folders]
    if holds_media(path):
        return [open_folder(path, choice.columns)]
    tables = sorted(path.rglob("*.parquet"))
    if tables:
        return [open_parquet(one, choice.columns) for one in tables]
    raise InputError("nothing in this folder has features that can be read.", of=str(path), todo=_TODO)


def _format(path: Path) -> Callable[[Path, Sequence[str]], FeatureFile]:
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise InputError(
            f"{suffix or 'a file without a suffix'} is no format of features that can be read.",
            of=str(path),
            todo=f"{near(suffix, list(FORMATS))}{_TODO}",
        )
    return FORMATS[suffix]


def _table(path: Path) -> FeatureFile:
    if is_lance_table(path):
        return open_lance(path, (), needs_vectors=False)
    suffix = path.suffix.lower()
    if suffix not in _TABLES:
        raise InputError(
            f"{suffix or 'a file without a suffix'} is no table of media.",
            of=str(path),
            todo="Give CSV, JSONL, Parquet or Arrow with a line for each row, a list (.txt), or a folder.",
        )
    return _TABLES[suffix](path)


def _with_table(file: FeatureFile, table: FeatureFile) -> FeatureFile:
    """Return a file with the facts of a table beside it, which has a line for each row."""
    import pyarrow as pa

    own = [one for one in file.facts if one.name not in table.facts.names]
    _check_lines(file, table)

    def read(fact_names: Sequence[str], feature_names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        theirs = [name for name in fact_names if name in table.facts.names]
        mine = [name for name in fact_names if name not in theirs]
        lines = _Lines(table, theirs, file.path)
        for batch in file.read(mine, feature_names):
            beside = lines.next(batch.num_rows)
            columns = [(beside if name in theirs else batch).column(name) for name in fact_names]
            columns += [batch.column(name) for name in feature_names]
            yield pa.RecordBatch.from_arrays(columns, names=[*fact_names, *feature_names])
        lines.must_end()

    stamp = (file.stamp[0] + table.stamp[0], max(file.stamp[1], table.stamp[1]))
    facts = pa.schema([*own, *table.facts])
    return replace(
        file,
        facts=facts,
        read=read,
        stamp=stamp,
        beside=table.path.parent,
        classes={**file.classes, **table.classes},
    )


def _check_lines(file: FeatureFile, table: FeatureFile) -> None:
    """Refuse a table with more or fewer lines than rows, before anything is written if rows are counted."""
    if file.n_rows is None or not table.facts.names:
        return
    lines = table.n_rows
    if lines is None:
        lines = sum(batch.num_rows for batch in table.read(table.facts.names[:1], ()))
    if lines != file.n_rows:
        raise InputError(
            f"it has {lines:,} lines, and {file.path.name} has {file.n_rows:,} rows.",
            of=str(table.path),
            todo="Give a line for each row, in their order.",
        )


class _Lines:
    """The lines of a table, given out as many at a time as are asked for."""

    def __init__(self, table: FeatureFile, names: Sequence[str], of: Path) -> None:
        self._table, self._names, self._of = table, names, of
        self._batches = table.read(names or table.facts.names[:1], ())
        self._rest: pa.RecordBatch | None = None
        self._given = 0

    def next(self, count: int) -> pa.RecordBatch:
        import pyarrow as pa

        parts: list[pa.RecordBatch] = []
        while count:
            batch = self._rest if self._rest is not None else next(self._batches, None)
            if batch is None:
                raise self._wrong(f"it has {self._given:,} lines, and {self._of.name} has more rows")
            part = batch.slice(0, count)
            self._rest = batch.slice(count) if batch.num_rows > count else None
            self._given, count = self._given + part.num_rows, count - part.num_rows
            parts.append(part)
        return pa.Table.from_batches(parts).combine_chunks().to_batches()[0] if len(parts) > 1 else parts[0]

    def must_end(self) -> None:
        """Refuse lines beyond those of the rows."""
        rest = self._rest if self._rest is not None else next(self._batches, None)
        if rest is not None and rest.num_rows:
            raise self._wrong(f"it has more than the {self._given:,} lines for the rows of {self._of.name}")

    def _wrong(self, why: str) -> InputError:
        return InputError(
            f"{why}.", of=str(self._table.path), todo="Give a line for each row, in their order."
        )
