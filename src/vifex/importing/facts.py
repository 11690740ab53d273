"""What a file says of its rows, as columns of a store; names of other tools are read as in manifests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from vifex.importing.features import FeatureFile
from vifex.media.sources.fields import reading_of, snake
from vifex.values import InputError
from vifex.values.extra import EXTRA
from vifex.values.registry import near
from vifex.values.rows import BOX_SIDES, ROW_COLUMNS, ROW_NAMES

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FactReading", "facts_of_file"]

_OWN: Final = frozenset(ROW_NAMES)
_TEXTS: Final = frozenset((*(c.name for c in ROW_COLUMNS if c.type == "string"), EXTRA))
_TYPES: Final = {c.name: c.type for c in ROW_COLUMNS}
_PLURALS: Final = frozenset(
    (
        *(
            "names",
            "paths",
            "files",
            "filenames",
            "file_names",
            "filepaths",
            "file_paths",
            "images",
            "videos",
        ),
        *("image_paths", "video_paths", "image_names", "video_names", "urls", "uris", "keys", "labels"),
        *("classes", "categories", "splits", "times", "timestamps", "frames", "boxes", "bboxes"),
    )
)
_SINGULAR: Final = {"classes": "class", "categories": "category", "boxes": "box", "bboxes": "bbox"}
_ID: Final = frozenset(("name", "id", "key", "clip", "clip_id", "video_id", "image_id", "medium"))


@dataclass(frozen=True, slots=True)
class FactReading:
    """How the columns of a file become row columns."""

    of: FeatureFile
    sources: Mapping[str, str]
    """Row columns by the names of the columns that they are read from."""
    box: tuple[str, ...] = ()
    """Columns of the box: four, or one of lists."""
    is_box_sized: bool = False
    milliseconds: str | None = None
    ignored: tuple[str, ...] = ()
    """Columns that are not read."""
    sentence: str | None = None
    """Which names are read as what."""
    reads: tuple[str, ...] = field(init=False)
    """All columns that are read."""

    def __post_init__(self) -> None:
        names = [*self.sources.values(), *self.box, *([self.milliseconds] if self.milliseconds else [])]
        object.__setattr__(self, "reads", tuple(dict.fromkeys(names)))

    @property
    def stated(self) -> set[str]:
        """Row columns that the file may have values of."""
        more = {*(BOX_SIDES if self.box else ()), *(["t_s"] if self.milliseconds else [])}
        return {*self.sources, *more, *(["split"] if self.of.split else [])}

    def apply(self, batch: pa.RecordBatch) -> dict[str, pa.Array]:
        """Return the row columns of a batch.

        Raises:
            InputError: If a column has values of another type.
        """
        columns = {ours: self._cast(ours, name, batch.column(name)) for ours, name in self.sources.items()}
        if self.milliseconds is not None and "t_s" not in columns:
            columns["t_s"] = self._seconds(batch.column(self.milliseconds))
        if self.box:
            columns |= self._corners([batch.column(name) for name in self.box])
        if self.of.split is not None and "split" not in columns:
            import pyarrow as pa

            columns["split"] = pa.array([self.of.split] * batch.num_rows, pa.string())
        return columns

    def _cast(self, ours: str, name: str, column: pa.Array) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if ours in _TEXTS:
            names = self.of.classes.get(name)
            if names and pa.types.is_integer(column.type):
                column = pc.take(pa.array([*names, None], pa.string()), _places(column, len(names)))
            return column.cast(pa.string())
        kind = {"int64": pa.int64(), "float64": pa.float64(), "float32": pa.float32()}[_TYPES[ours]]
        return self._number(name, column, kind)

    def _number(self, name: str, column: pa.Array, kind: pa.DataType) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        try:
            if pa.types.is_integer(kind) and not pa.types.is_integer(column.type):
                column = column.cast(pa.float64())
            if pa.types.is_floating(column.type):  # NaN is how tables of numbers say that there is none
                column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
            return column.cast(kind, safe=not pa.types.is_floating(kind))
        except pa.ArrowException as exc:
            raise InputError(
                f"the column {name!r} has values that are no {'whole ' if pa.types.is_integer(kind) else ''}"
                f"numbers: {str(exc).splitlines()[0][:100]}.",
                of=str(self.of.path),
                todo="Mend the column, or take it out of the file.",
            ) from exc

    def _seconds(self, column: pa.Array) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        return pc.divide(self._number(self.milliseconds or "", column, pa.float64()), 1000.0)

    def _corners(self, columns: Sequence[pa.Array]) -> dict[str, pa.Array]:
        import pyarrow as pa
        import pyarrow.compute as pc

        if len(columns) == 1:
            try:
                columns = [pc.list_element(columns[0], place) for place in range(4)]
            except pa.ArrowException as exc:
                raise InputError(
                    f"the column {self.box[0]!r} does not have four numbers in each row.",
                    of=str(self.of.path),
                ) from exc
        names = self.box if len(self.box) == 4 else self.box * 4
        sides = [self._number(n, c, pa.float64()) for n, c in zip(names, columns, strict=True)]
        if self.is_box_sized:
            sides[2], sides[3] = pc.add(sides[0], sides[2]), pc.add(sides[1], sides[3])
        return {
            name: side.cast(pa.float32(), safe=False) for name, side in zip(BOX_SIDES, sides, strict=True)
        }


def facts_of_file(file: FeatureFile, names: str | None) -> FactReading:
    """Say how the columns of a file are read.

    Args:
        file: That is imported.
        names: The column that has the paths or names of the media; by default it is recognised.

    Raises:
        InputError: If there is no such column, or several columns may name the media.
    """
    given = list(file.facts.names)
    if names is not None and names not in given:
        raise InputError(
            f"the file has no column {names!r}.",
            of=str(file.path),
            todo=f"{near(names, given)}It has: {', '.join(given) or 'none'}.",
        )
    own = {name: name for name in given if name in _OWN}
    if {"key", "name"} <= own.keys() or {"medium_id", "uri"} <= own.keys():  # an export of Vifex
        box = BOX_SIDES if own.keys() >= set(BOX_SIDES) else ()
        sources = {ours: name for ours, name in own.items() if ours not in BOX_SIDES}
        if EXTRA in given:
            sources[EXTRA] = EXTRA
        if names is not None:
            sources["name"] = names
        left = tuple(name for name in given if name not in {*sources.values(), *box})
        return FactReading(file, sources, tuple(box), ignored=left)
    return _foreign(file, given, names)


def _foreign(file: FeatureFile, given: Sequence[str], names: str | None) -> FactReading:
    words = {_word(name, given): name for name in given if name != names}
    understood = [word for word in words if word in _UNDERSTOOD or word not in _OWN]
    reading = reading_of(understood)
    sources = {ours: words[word] for ours, word in reading.named.items()}
    if "frame" in sources:  # a row may have a number of its frame beside its time, which a manifest may not
        sources["frame_index"] = sources.pop("frame")
        without = reading_of([word for word in understood if word != reading.named["frame"]])
        if "t_s" in without.named:
            sources["t_s"] = words[without.named["t_s"]]
        reading = replace(reading, milliseconds=without.milliseconds)
    sources |= {ours: words[ours] for ours in ("ordinal", "pts", "time_base") if ours in words}
    if names is not None:
        sources.pop("uri", None)
        sources["uri"] = names
    elif reading.problem and "may both name the file" in reading.problem:
        raise InputError(
            f"{reading.problem.partition(';')[0]}.",
            of=str(file.path),
            todo="Say which one: `names=COLUMN`.",
        )
    if "name" in words and "name" not in sources:
        sources["name"] = words["name"]
    if not {"uri", "name"} & sources.keys():
        named = next((word for word in words if word in _ID), None)
        if named is not None:
            sources["name"] = words[named]
    read = {*sources.values(), *(words[word] for word in reading.box)}
    if reading.milliseconds:
        read.add(words[reading.milliseconds])
    said = {**sources, **({"box": ", ".join(words[w] for w in reading.box)} if reading.box else {})}
    others = [f"{name} as {ours}" for ours, name in said.items() if name != ours]
    if reading.milliseconds:
        others.append(f"{words[reading.milliseconds]} as t_s in milliseconds")
    return FactReading(
        file,
        sources,
        tuple(words[word] for word in reading.box),
        reading.is_box_sized,
        words[reading.milliseconds] if reading.milliseconds else None,
        tuple(name for name in given if name not in read),
        f"{', '.join(others)}" if others else None,
    )


_UNDERSTOOD: Final = frozenset(
    (*BOX_SIDES, "uri", "label", "split", "t_s", "t_start_s", "t_end_s", "frame_index")
)
"""Row columns that manifests have too."""


def _word(name: str, given: Sequence[str]) -> str:
    """Return what a column is called in manifests: arrays are often named in the plural."""
    word = snake(name.rpartition("/")[2])
    if word in _PLURALS and name not in _OWN:
        singular = _SINGULAR.get(word, word.removesuffix("s"))
        return singular if singular not in map(snake, given) else word
    return word


def _places(column: pa.Array, count: int) -> pa.Array:
    """Return numbers of classes as places in a list of `count` names with none behind them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = pc.fill_null(column.cast(pa.int64()), count)
    known = pc.and_(pc.greater_equal(numbers, 0), pc.less(numbers, count))
    return pc.if_else(known, numbers, count)
