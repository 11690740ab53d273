"""Filling a view from files of features: rows in the order of the file, one medium after the other.

A medium is committed with all its rows or not at all. The same import again passes over the media that are
there, and a killed one goes on behind its last commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vifex.importing.facts import FactReading
from vifex.importing.media import Addresses, ImportedMedium, hash_128
from vifex.media.sources.id_set import IdSet
from vifex.store import Spilled, ViewWriter, row_schema
from vifex.store.files.memory import release_freed_memory
from vifex.values import InputError, Outcome, Recipe
from vifex.values.extra import EXTRA, extra_dict, extra_text
from vifex.values.rows import ROW_COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Imports", "fill_view"]

_SPILL_BYTES: Final = 32 << 20
"""Rows of an unfinished medium that are held in memory."""
_RELEASED_BYTES: Final = 128 << 20
"""After so many bytes freed memory is given back to the system, of which glibc would keep some hundred MB."""
_OPTIONAL: Final = tuple(c.name for c in ROW_COLUMNS if not c.required)


@dataclass(slots=True)
class Imports:
    """What became of an import so far."""

    media: int = 0
    """Media of the files."""
    already_done: int = 0
    """Of those, how many the view had from the same file."""
    replaced: int = 0
    """How many had other rows before."""
    rows: int = 0
    """Rows written."""
    unknown: int = 0
    """Media without an address."""
    absent: int = 0
    """Media whose file is not there."""
    unnamed: bool = False
    """Whether a file does not say of which media its rows are."""
    stated: set[str] = field(default_factory=set)
    """Row columns that a row has."""
    notices: list[str] = field(default_factory=list)


def fill_view(
    writer: ViewWriter, readings: Sequence[FactReading], recipe: Recipe, folder: Path | None
) -> Imports:
    """Write the rows of files into a view.

    Memory holds a batch of rows and 16 bytes for each medium.

    Args:
        writer: Of the view.
        readings: Of the files, whose feature columns are the layers of the recipe, in this order.
        recipe: Of the view.
        folder: In which the media lie, if the user names it.

    Raises:
        InputError: If a file is damaged, or rows of one medium do not follow one another. What was committed
            before is kept.
        StoreError: If the store cannot be written.
    """
    done = Imports()
    seen = IdSet()
    for reading in readings:
        file = reading.of
        done.notices += _notices(reading)
        beside = file.beside or (file.path if file.path.is_dir() else file.path.parent)
        addresses = Addresses(beside.absolute(), folder)
        _Filling(writer, reading, addresses, recipe, done, seen).run()
        done.unknown += addresses.unknown
        done.absent += addresses.absent
    writer.commit()
    return done


@dataclass(slots=True)
class _Open:
    """A medium whose rows are still coming."""

    medium: ImportedMedium
    is_done: bool
    """Whether the view has it already."""
    rows: int = 0
    label: str | None = None
    split: str | None = None
    parts: list[pa.RecordBatch] = field(default_factory=list)
    spilled: Spilled | None = None


@dataclass(frozen=True, slots=True)
class _Piece:
    """Rows of one medium in a batch."""

    medium: _Open
    start: int
    end: int
    before: int
    """Rows of the medium in earlier batches."""

    @property
    def count(self) -> int:
        """How many rows."""
        return self.end - self.start


class _Filling:
    """The import of one file."""

    def __init__(
        self,
        writer: ViewWriter,
        reading: FactReading,
        addresses: Addresses,
        recipe: Recipe,
        done: Imports,
        seen: IdSet,
    ) -> None:
        file = reading.of
        self._writer, self._file, self._reading, self._addresses = writer, file, reading, addresses
        self._recipe, self._done, self._seen = recipe, done, seen
        self._schema = row_schema(recipe)
        self._spec = hash_128(["imported", file.path.name, *file.stamp])
        self._identity = next((n for n in ("medium_id", "uri", "name") if n in reading.sources), None)
        self._row = 0
        self._done.unnamed |= self._identity is None and "key" not in reading.sources
        self._current: tuple[object, _Open] | None = None

    def run(self) -> None:
        """Read the file to its end."""
        names = [feature.name for feature in self._file.features]
        read = 0
        for batch in self._file.read(self._reading.reads, names):
            read += batch.nbytes
            if read >= _RELEASED_BYTES:
                read = 0
                release_freed_memory()
            facts = self._reading.apply(batch)
            if self._identity is None and "key" in facts:
                import pyarrow.compute as pc

                facts["medium_id"] = pc.list_element(pc.split_pattern(facts["key"], ":", max_splits=1), 0)
                self._identity = "medium_id"
            self._take(facts, [batch.column(name) for name in names], batch.num_rows)
        self._finish()

    def _take(self, facts: Mapping[str, pa.Array], vectors: Sequence[pa.Array], count: int) -> None:
        """Take a batch: the rest of the medium that is open, whole media, and the beginning of the next."""
        pieces = []
        last = self._current
        for start, end, value in self._runs(facts, count):
            if last is None or last[0] != value:
                last = value, self._begin(facts, start, end, self._row + start)
            pieces.append(_Piece(last[1], start, end, last[1].rows))
            last[1].rows += end - start
        if not pieces:
            return
        rows = self._rows(pieces, facts, vectors)
        whole: list[_Piece] = []
        for piece in pieces:
            if self._current is not None and self._current[1] is piece.medium:
                self._keep(piece, facts, rows)
            elif piece is not pieces[-1]:
                whole.append(piece)
            if piece is not pieces[-1] and self._current is not None:
                self._finish()
        self._add(whole, rows)
        if self._current is None or self._current[1] is not pieces[-1].medium:
            self._finish()
            self._current = last
            self._keep(pieces[-1], facts, rows)
        self._row += count

    def _runs(self, facts: Mapping[str, pa.Array], count: int) -> Iterator[tuple[int, int, object]]:
        """Yield start, end and identity of the rows that follow one another and are of one medium."""
        if self._identity is None:
            yield from ((place, place + 1, self._row + place) for place in range(count))
            return
        import pyarrow.compute as pc

        if not count:
            return
        column = facts[self._identity]
        if column.null_count:
            row = self._row + pc.index(column.is_null(), True).as_py()
            raise InputError(
                f"row {row} does not say of which medium it is.",
                of=str(self._file.path),
                todo=f"Fill the column {self._reading.sources.get(self._identity, self._identity)!r}.",
            )
        encoded = pc.run_end_encode(column)
        start = 0
        for end, value in zip(encoded.run_ends.to_pylist(), encoded.values.to_pylist(), strict=True):
            yield start, end, value
            start = end

    def _begin(self, facts: Mapping[str, pa.Array], start: int, end: int, row: int) -> _Open:
        said = {n: facts[n][start].as_py() for n in ("uri", "name", "medium_id") if n in facts}
        if not said.get("uri") and not said.get("name"):
            stem = said.get("medium_id") or f"{self._file.path.name}#{row}"
            said["name"] = stem
        for name in ("label", "split"):
            said[name] = _shared(facts[name].slice(start, end - start)) if name in facts else None
        medium = self._addresses.medium(said, self._spec)
        if not self._seen.add(medium.medium_id):
            raise InputError(
                f"rows of {medium.name} are in several places, the second at row {row}.",
                of=str(self._file.path),
                todo="Sort the rows by medium, and give each medium in one file. Media before it are kept.",
            )
        self._done.media += 1
        finished = self._writer.finished()
        status = finished.status_of(medium, self._recipe.hash)
        if status is not None:
            self._done.already_done += 1
        elif medium.medium_id in finished:
            self._done.replaced += 1
        return _Open(medium, status is not None, 0, medium.label, medium.split)

    def _rows(
        self, pieces: Sequence[_Piece], facts: Mapping[str, pa.Array], vectors: Sequence[pa.Array]
    ) -> pa.RecordBatch:
        """Lay the rows of a batch out in the columns of the store."""
        import pyarrow as pa

        counts = [piece.end - piece.start for piece in pieces]
        count = sum(counts)
        columns: dict[str, Any] = {name: facts[name] for name in _OPTIONAL if name in facts}
        self._done.stated |= {name for name, column in columns.items() if column.null_count < count}
        if "ordinal" in facts:
            columns["ordinal"] = facts["ordinal"]
        else:
            ordinals = [n for piece in pieces for n in range(piece.before, piece.before + piece.count)]
            columns["ordinal"] = pa.array(ordinals, pa.int64())
        for name in ("medium_id", "uri", "name"):
            values = [getattr(piece.medium.medium, name) for piece in pieces]
            texts = [value for value, times in zip(values, counts, strict=True) for _ in range(times)]
            columns[name] = pa.array(texts, pa.string())
        keys = zip(columns["medium_id"].to_pylist(), columns["ordinal"].to_pylist(), strict=True)
        columns["key"] = pa.array([f"{medium_id}:{ordinal}" for medium_id, ordinal in keys], pa.string())
        if "ordinal" in facts and len(columns["key"].unique()) < count:
            raise InputError(
                f"two rows between row {self._row} and row {self._row + count} have the same ordinal.",
                of=str(self._file.path),
                todo="Give each row of a medium another ordinal, or leave the column out.",
            )
        for spec, column in zip(self._recipe.layers, vectors, strict=True):
            columns[spec.column] = column
        arrays = [columns[f.name] if f.name in columns else pa.nulls(count, f.type) for f in self._schema]
        rows = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        extra = self._extra(facts, count)
        if extra is None:
            return rows
        return pa.RecordBatch.from_arrays([*arrays, extra], schema=row_schema(self._recipe, extra=True))

    def _extra(self, facts: Mapping[str, pa.Array], count: int) -> pa.Array | None:
        """Return the extra columns of rows, which exports have as JSON; `None` where there are none."""
        import pyarrow as pa

        if EXTRA not in facts or facts[EXTRA].null_count == count or EXTRA in self._schema.names:
            return None
        try:
            texts = [extra_text(extra_dict(text)) for text in facts[EXTRA].to_pylist()]
        except (ValueError, AttributeError) as exc:
            raise InputError(
                f"the column {EXTRA!r} has a value that is no JSON object.",
                of=str(self._file.path),
                todo="Give it another name, or take it out of the file.",
            ) from exc
        self._done.stated.add(EXTRA)
        return pa.ExtensionArray.from_storage(pa.json_(pa.string()), pa.array(texts, pa.string()))

    def _add(self, pieces: Sequence[_Piece], rows: pa.RecordBatch) -> None:
        """Add media whose rows all lie in one batch, as many at once as follow one another."""
        group: list[_Piece] = []
        for piece in pieces:
            if group and group[-1].end != piece.start:
                self._add_group(group, rows)
                group = []
            if not piece.medium.is_done:
                group.append(piece)
        self._add_group(group, rows)

    def _add_group(self, group: Sequence[_Piece], rows: pa.RecordBatch) -> None:
        if not group:
            return
        outcomes = [self._outcome(piece.medium) for piece in group]
        start, end = group[0].start, group[-1].end
        self._writer.add_many(outcomes, rows.slice(start, end - start))
        self._done.rows += end - start

    def _keep(self, piece: _Piece, facts: Mapping[str, pa.Array], rows: pa.RecordBatch) -> None:
        """Keep rows of the medium that is open, on disk where they are many."""
        medium = piece.medium
        if medium.is_done:
            return
        for name in ("label", "split"):
            if name in facts and getattr(medium, name) is not None:
                own = _shared(facts[name].slice(piece.start, piece.count))
                setattr(medium, name, own if own == getattr(medium, name) else None)
        medium.parts.append(rows.slice(piece.start, piece.count))
        if sum(part.nbytes for part in medium.parts) > _SPILL_BYTES:
            medium.spilled = self._writer.spill(medium.spilled, _joined(medium.parts))
            medium.parts = []

    def _outcome(self, medium: _Open) -> Outcome:
        one = replace(medium.medium, label=medium.label, split=medium.split)
        return Outcome(
            one,
            "ok",
            reason=f"imported from {self._file.path.name}",
            rows=medium.rows,
            content_hash=one.content,
        )

    def _finish(self) -> None:
        """Add the medium that is open, now that all its rows have come."""
        if self._current is None:
            return
        medium = self._current[1]
        self._current = None
        if medium.is_done:
            return
        self._writer.add(
            self._outcome(medium), _joined(medium.parts) if medium.parts else None, medium.spilled
        )
        self._done.rows += medium.rows


def _shared(column: pa.Array) -> str | None:
    """Return the text that all rows have; `None` where they differ."""
    import pyarrow.compute as pc

    values = pc.unique(column)
    return values[0].as_py() if len(values) == 1 else None


def _joined(parts: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    import pyarrow as pa

    if len(parts) == 1:
        return parts[0]
    return pa.Table.from_batches(parts).combine_chunks().to_batches()[0]


def _notices(reading: FactReading) -> list[str]:
    name = reading.of.path.name
    found = []
    if reading.sentence:
        found.append(f"{name}: {reading.sentence.replace(' as ', ' is read as ', 1)}.")
    if reading.ignored:
        are = "column {} is" if len(reading.ignored) == 1 else "columns {} are"
        found.append(f"{name}: the {are.format(', '.join(reading.ignored[:12]))} not read.")
    wide = [f"{f.name} ({f.stated})" for f in reading.of.features if f.stated not in (f.dtype, "text")]
    if wide:
        found.append(f"{name}: {', '.join(wide)} is stored as float32.")
    return found
