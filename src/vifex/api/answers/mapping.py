"""`vifex.map`: rows as points in the plane, and the page on which people look at them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Unpack

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.analysis.directions import read_directions
from vifex.analysis.mapping.colourings import Colouring, colourings_of, read_colourings
from vifex.analysis.mapping.page import MapPage, write_map_page
from vifex.analysis.mapping.projecting import Progress, project, trustworthiness_of
from vifex.analysis.mapping.sprites import (
    MOST_THUMBNAILS,
    ThumbnailsOf,
    make_sprites,
    spread_rows,
)
from vifex.analysis.rows import FeatureRows, FloatMatrix, read_rows
from vifex.analysis.tables import check_table_target, write_table
from vifex.api.answers.given import opened
from vifex.api.answers.machines import machines_of
from vifex.api.answers.shown import name_of
from vifex.api.arguments import checked
from vifex.api.notices import tell
from vifex.api.stores.sheets import thumbnail_of, thumbnails_of
from vifex.api.stores.store import Store
from vifex.api.stores.view import View
from vifex.api.views import Choices
from vifex.search.files import check_target
from vifex.values import Box, InputError, Outcome
from vifex.values.registry import near

if TYPE_CHECKING:
    from PIL.Image import Image

    from vifex.api.models.loaded import LoadedModel

__all__ = ["Map", "draw_map"]

_SPAN = 65_535


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """Rows as points in the plane."""

    positions: FloatMatrix
    """`[N, 2]`; the axes have no unit."""
    keys: list[str] = field(repr=False)
    """`[N]`: the key of each row, `medium_id:ordinal`."""
    method: Literal["tsne", "pca"]
    """`pca` also where there are fewer rows than t-SNE can use."""
    perplexity: float | None
    """Of t-SNE."""
    seed: int
    fitted: int
    """Rows that were fitted; the others were placed among them."""
    trustworthiness: float | None
    """How far neighbours on the map are neighbours among the vectors, in 0 to 1; `None` below 5 rows."""
    neighbours: int | None
    """Neighbours of a row that the trustworthiness counts."""
    judged: int | None
    """Rows of the sample on which the trustworthiness was measured."""
    left_out: int
    """Rows without a place, as their vector is all zeros or is not finite."""
    thumbnails: int
    """Thumbnails in the page."""
    colours: tuple[str, ...]
    """What the points of the page can be coloured by."""
    page: str | None
    """The HTML file."""
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as JSON has them, without the positions and keys."""
        names = [n for n in self.__slots__ if n not in ("positions", "keys", "colours", "notes")]
        facts = {name: getattr(self, name) for name in names}
        return {
            "rows": len(self.positions),
            **facts,
            "colours": list(self.colours),
            "notes": list(self.notes),
        }


@checked("store", "model", "values", "html", "output")
def draw_map(
    store: str | os.PathLike[str] | Store | View,
    *,
    method: Literal["tsne", "pca"] = "tsne",
    perplexity: float = 30.0,
    seed: int = 0,
    values: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
    colour: str | None = None,
    thumbnails: int = 5000,
    html: str | os.PathLike[str] | None = None,
    output: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    view: str | None = None,
    column: str | None = None,
    where: str | None = None,
    on: str | None = None,
    model: str | os.PathLike[str] | LoadedModel | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
    **choices: Unpack[Choices],
) -> Map:
    """Place the rows of a store in the plane, near each other where their vectors are similar.

    The rows' directions are reduced to 50 principal components; t-SNE (openTSNE, extra `analysis`) then
    places them over the graph of their nearest neighbours. Above 200,000 rows a sample of so many is fitted,
    and each other row gets the median place of its 9 nearest fitted rows.

    Args:
        store: A store, an open store or view, or media, which are extracted into the cache first.
        method: `tsne`, or `pca` for the first two principal components alone, which need no extra.
        perplexity: Of t-SNE: about how many neighbours of a row count, above 1. Small maps have less.
        seed: The same seed gives the same map on the same machine.
        values: Tables (`.csv`, `.tsv` or `.parquet`) with values of rows or media, such as clusters: a column
            `key` or `name`, and a column for each value. The page can colour its points by them.
        colour: What the page colours points by at first: `label`, `split`, `folder`, `medium`, `time` or a
            column of `values`.
        thumbnails: Thumbnails in the page at most, up to 20,000; fewer if the page would exceed 150 MB.
        html: A page to write; it needs nothing beside itself. It may not lie in a store.
        output: A CSV or Parquet file for the position of each row.
        overwrite: Whether these files may be replaced.
        view: A view of the store; by default its only one, or `main`.
        column: A layer's column; may be left out where there is one.
        where: An SQL filter over the columns.
        on: `ray` or `ray://HEAD:PORT`: the machines of a Ray cluster find the nearest neighbours.
        model: The model that media are extracted with.
        on_outcome: Called for each medium that was skipped, failed or is partial, where media are extracted.
        on_notice: Called with what a user must know; by default it is a `UserWarning`.
        on_progress: Called with what is being done, how much of it is done, and how much there is.
        **choices: For the extraction of media, as for `vifex.extract`, e.g. `fps`.

    Returns:
        The positions `[N, 2]`, float32, of the N rows whose vector has a direction, and the facts of the map.

    Raises:
        MissingExtraError: If `method` is `tsne` and openTSNE is not installed.
        VifexError: If the rows cannot be read or compared, a choice is out of range, a table has no value for
            any row, or a file cannot be written.

    Source: van der Maaten and Hinton, JMLR 9, 2008 (t-SNE); Poličar, Stražar and Zupan, JSS 109, 2024
        (openTSNE); Venna and Kaski, ICANN 2001 (trustworthiness).
    """
    _check(perplexity, thumbnails, seed)
    if html is not None:
        check_target(html, overwrite=overwrite)
    if output is not None:
        check_table_target(output, overwrite=overwrite)
    given = opened(store, view=view, model=model, choices=choices, on_outcome=on_outcome, on_notice=on_notice)
    with machines_of(on) as machines, given as source:
        every = read_rows(source._stored, column, where=where)
        directions = read_directions(every)
        rows = _chosen(every, directions.numbers)
        tables = [values] if isinstance(values, str | os.PathLike) else values
        colourings, notes = _colourings(rows, tables, colour)
        notes += directions.notes()
        for note in notes:
            tell(note, on_notice)
        placed = project(
            directions.unit,
            method=method,
            perplexity=perplexity,
            seed=seed,
            progress=on_progress,
            machines=machines,
        )
        judged = trustworthiness_of(directions.unit, placed.positions, seed=seed)
        value, neighbours, sample = judged or (None, None, None)
        found = Map(
            positions=placed.positions,
            keys=rows.keys(),
            method=placed.method,
            perplexity=placed.perplexity,
            seed=seed,
            fitted=placed.fitted,
            trustworthiness=value,
            neighbours=neighbours,
            judged=sample,
            left_out=directions.without,
            thumbnails=0,
            colours=tuple(colouring.name for colouring in colourings),
            page=None if html is None else os.fspath(html),
            notes=tuple(notes),
        )
        if output is not None:
            write_table(output, _table(found, rows), overwrite=overwrite)
        if html is None:
            return found
        content = _Content(name_of(store, source), source, rows, colourings, thumbnails)
        return _written(found, html, content, overwrite=overwrite, progress=on_progress)


def _chosen(rows: FeatureRows, numbers: npt.NDArray[np.int64]) -> FeatureRows:
    """Return some of the rows, by their places among them, rising."""
    if len(numbers) == len(rows):
        return rows
    arrays = ("places", "medium", "ordinal", "frame_index", "t_s", "t_start_s", "t_end_s")
    return replace(rows, **{name: getattr(rows, name)[numbers] for name in arrays})


def _table(found: Map, rows: FeatureRows) -> pa.Table:
    media = [rows.media[m] for m in rows.medium.tolist()]
    return pa.table(
        {
            "key": pa.array(found.keys, pa.string()),
            "name": pa.array([medium.name for medium in media], pa.string()),
            "t_s": pa.array(rows.t_s, pa.float64(), mask=np.isnan(rows.t_s)),
            "label": pa.array([medium.label for medium in media], pa.string()),
            "x": pa.array(found.positions[:, 0], pa.float32()),
            "y": pa.array(found.positions[:, 1], pa.float32()),
        }
    )


def _check(perplexity: float, thumbnails: int, seed: int) -> None:
    if not 1 < perplexity < 1000:
        raise InputError(f"is above 1 and below 1000, got {perplexity:g}.", option="perplexity")
    if not 0 <= thumbnails <= MOST_THUMBNAILS:
        raise InputError(f"is 0 to {MOST_THUMBNAILS}, got {thumbnails}.", option="thumbnails")
    if not 0 <= seed < 1 << 32:
        raise InputError(f"is 0 to {(1 << 32) - 1}, got {seed}.", option="seed")


def _colourings(
    rows: FeatureRows, tables: Sequence[str | os.PathLike[str]], first: str | None
) -> tuple[list[Colouring], list[str]]:
    """Return the colourings of the page, the first one first, and sentences on the tables."""
    found, notes = colourings_of(rows), list[str]()
    for table in reversed(tables):
        more, said = read_colourings(table, rows)
        found, notes = [*more, *found], [*said, *notes]
    if first is not None:
        names = [colouring.name for colouring in found]
        if first not in names:
            raise InputError(
                f"there are no colours by {first!r}.", todo=f"{near(first, names)}Known: {', '.join(names)}."
            )
        found.insert(0, found.pop(names.index(first)))
    return found, notes


@dataclass(frozen=True, slots=True, eq=False)
class _Content:
    """What the page shows beside the positions."""

    title: str
    view: View
    rows: FeatureRows
    colourings: Sequence[Colouring]
    thumbnails: int
    """At most."""


def _written(
    found: Map, path: str | os.PathLike[str], content: _Content, *, overwrite: bool, progress: Progress | None
) -> Map:
    """Write the page, and return the map with what is in it."""
    rows, view = content.rows, content.view
    positions = _whole(found.positions)
    sprites = None
    if content.thumbnails:
        wanted = spread_rows(positions, content.thumbnails, seed=found.seed)
        sprites = make_sprites(wanted, _reader(view, rows), progress)
    shown = len(sprites.rows) if sprites else 0
    notes = list(found.notes)
    if sprites and sprites.missing:
        notes.append(
            f"{sprites.missing} thumbnails could not be made: the files are gone, changed or have no images."
        )
    if shown < len(rows):
        notes.append(
            f"{shown:,} of {len(rows):,} points have a thumbnail in this file. Other image files are read "
            "from the disk that the page is opened from, where the browser allows it."
        )
    found = replace(found, thumbnails=shown, notes=tuple(notes))
    times = np.where(np.isfinite(rows.t_s), np.rint(np.nan_to_num(rows.t_s) * 1000), -1).astype(np.int32)
    html = MapPage(
        title=content.title,
        positions=positions,
        names=[medium.name for medium in rows.media],
        rows_of=np.bincount(rows.medium, minlength=len(rows.media)).astype(np.uint32),
        colourings=content.colourings,
        facts=_facts(found, view, rows),
        notes=notes,
        uris=[medium.uri for medium in rows.media],
        ids=[medium.medium_id for medium in rows.media],
        ordinals=rows.ordinal.astype(np.uint32) if rows.ordinal.any() else None,
        times_ms=times if (times >= 0).any() else None,
        sprites=sprites if shown else None,
    )
    if progress:
        progress("page", 0, 1)
    write_map_page(path, html, overwrite=overwrite)
    return found


def _whole(positions: FloatMatrix) -> npt.NDArray[np.uint16]:
    """Return positions as 0 to 65,535 with one scale for both axes, in the middle of the square."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    span = float(np.max(high - low)) or 1.0
    whole = np.rint((positions - (low + high) / 2) / span * _SPAN + _SPAN / 2)
    found: npt.NDArray[np.uint16] = np.clip(whole, 0, _SPAN).astype(np.uint16)
    return found


def _facts(found: Map, view: View, rows: FeatureRows) -> dict[str, str]:
    names = {"tsne": "t-SNE over the graph of nearest neighbours", "pca": "first two principal components"}
    facts = {
        "points": f"{len(rows):,}",
        "trustworthiness": "unknown, as there are fewer than 5 points"
        if found.trustworthiness is None
        else f"{found.trustworthiness:.3f}",
        "media": f"{len(rows.media):,}",
        "view": view.name,
        "column": rows.column,
        "method": names[found.method],
    }
    if found.trustworthiness is not None:
        facts["measured on"] = f"{found.judged:,} points, {found.neighbours} neighbours each"
    if found.perplexity is not None:
        facts |= {
            "perplexity": f"{found.perplexity:g}",
            "fitted": f"{found.fitted:,} points",
            "seed": str(found.seed),
        }
    return facts


def _reader(view: View, rows: FeatureRows) -> ThumbnailsOf:
    """Return what reads the thumbnails of rows, of a row's box where it has one, a video in one pass."""
    rate = view.recipe.sampling.assume_fps

    def read(wanted: npt.NDArray[np.int64], side_px: int) -> Iterator[tuple[int, Image | None]]:
        boxes = _boxes(view, rows, wanted)
        for owner in np.unique(rows.medium[wanted]).tolist():
            mine = wanted[rows.medium[wanted] == owner]
            uri, timed = rows.media[owner].uri, np.isfinite(rows.t_s[mine])
            for row in mine[~timed].tolist():
                number = max(0, int(rows.frame_index[row]))
                yield row, thumbnail_of(uri, None, boxes.get(row), rate, number, side_px)
            of_video = mine[timed][np.argsort(rows.t_s[mine[timed]], kind="stable")].tolist()
            moments = [(float(rows.t_s[row]), boxes.get(row)) for row in of_video]
            yield from zip(of_video, thumbnails_of(uri, moments, rate, side_px), strict=True)

    return read


def _boxes(view: View, rows: FeatureRows, wanted: npt.NDArray[np.int64]) -> dict[int, Box]:
    """Return the box of each of some rows that has one."""
    sides = ["x0", "y0", "x1", "y1"]
    table = view._stored.take(rows.places[wanted].tolist(), sides)
    found = zip(wanted.tolist(), table.to_pylist(), strict=True)
    return {row: Box(*(at[side] for side in sides)) for row, at in found if at["x0"] is not None}
