"""A view that is open for reading: its rows, its ledger and its answers."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from vifex.api.arguments import checked
from vifex.api.notices import tell
from vifex.api.stores.changes import label_changes, ledger_names
from vifex.api.stores.frames import as_pandas, as_torch
from vifex.api.stores.item import Item, read_item
from vifex.api.stores.moments import MomentMethods
from vifex.api.stores.naming import last_ref
from vifex.api.stores.queries import QueryEncoder
from vifex.api.stores.sheets import query_thumbnail, query_title, thumbnail_of
from vifex.api.types import Query
from vifex.media.gone import gone_uris
from vifex.search.approximate.facts import StoredIndex, stored_index
from vifex.search.columns import one_column
from vifex.search.combined.evaluate import is_scored_by_height, meaning
from vifex.search.contact_sheet import write_contact_sheet
from vifex.search.each_medium import export_each_medium
from vifex.search.export import export
from vifex.search.find import search_many
from vifex.search.gone import count_gone, existing_hits
from vifex.search.hits import Hit
from vifex.search.moments.moment import Moment
from vifex.store import LabelChange, Place, ViewCheck, delete_rows, relabel
from vifex.store import View as StoredView
from vifex.values import InputError, Recipe

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from vifex.analysis.bridging.bridge import Bridge
    from vifex.api.stores.bridged import BridgedQueries

__all__ = ["View", "ViewMethods"]

Name = TypeVar("Name", str, Path)


class ViewMethods(MomentMethods):
    """What a view can do. A store has the same methods, and passes them on to one of its views."""

    @abstractmethod
    def _meant(self) -> View:
        """Return the view that the methods work on."""

    # -- what is in it ------------------------------------------------------------------------------

    @property
    def path(self) -> Place:
        """The store's folder; of a store on `s3://` a path-like object of its address."""
        return self._meant()._folder

    @property
    def recipe(self) -> Recipe:
        """Every choice that decides a number of the view."""
        return self._meant()._stored.recipe

    @property
    def weights(self) -> str | None:
        """The weights that were named when the view was made: `random:SEED` or a file.

        It is `None` for those that come with the model, and for a view that was made of others.
        """
        ref = last_ref(self._meant()._stored)
        return None if ref is None else ref.weights

    @property
    def columns(self) -> list[str]:
        """Names of the feature columns, one for each layer."""
        return list(self._meant()._stored.columns)

    @property
    def schema(self) -> pa.Schema:
        """All columns; the metadata of a feature column name its layer, shape and pooling."""
        return self._meant()._stored.schema

    @checked()
    def count_rows(self, where: str | None = None) -> int:
        """Count the rows, or those that an SQL filter lets through.

        Raises:
            InputError: If the filter is wrong.
        """
        return self._meant()._stored.count_rows(where)

    @checked()
    def ledger(
        self,
        *,
        history: bool = False,
        columns: str | Sequence[str] | None = None,
        where: str | None = None,
    ) -> pa.Table:
        """Return what became of every media item: name, uri, status, reason, rows and more.

        Only the columns that are named are read, and memory holds only what the filter lets through.

        Args:
            history: Whether every entry ever made is given, not only the newest of each item.
            columns: Names of columns of the ledger; by default all.
            where: An SQL filter over the columns of the ledger, e.g. `"status = 'failed'"`.

        Raises:
            InputError: If a column or the filter is wrong.
        """
        return self._meant()._stored.ledger(history, columns=_names(columns), where=where)

    def item(self, name: str | os.PathLike[str]) -> Item:
        """Return one media item: its features `[T, D]`, their times and its status.

        Args:
            name: Its name in the ledger, its path, its `file://` address or its `medium_id`.

        Raises:
            InputError: If there is none, or several have that name.
        """
        view = self._meant()
        return read_item(view._stored, name, os.fspath(view._folder))

    def missing(self) -> list[str]:
        """Return the addresses of the media that are gone from disk and have rows here, sorted.

        It looks at every medium: some microseconds each on a local disk. A renamed file is gone under its
        old name. Rows stay until they are removed; `search(..., existing=True)` leaves them out.
        """
        batches = self._meant()._stored.ledger_batches(["uri"], "rows > 0")
        return sorted({uri for batch in batches for uri in gone_uris(batch.column(0).to_pylist())})

    def count_missing(self) -> int:
        """Count the media that `missing` gives, in little memory."""
        batches = self._meant()._stored.ledger_batches(["uri"], "rows > 0")
        return count_gone(batch.column(0).to_pylist() for batch in batches)

    def indexes(self) -> list[StoredIndex]:
        """Return the approximate indexes of the view with the recall that was measured of each."""
        stored = self._meant()._stored
        return [stored_index(stored, index) for index in stored.indices().values()]

    # -- rows ---------------------------------------------------------------------------------------

    @checked()
    def to_arrow(self, columns: str | Sequence[str] | None = None, *, where: str | None = None) -> pa.Table:
        """Return the rows as an Arrow table.

        Args:
            columns: Names of columns or of layers; by default all.
            where: An SQL filter over the columns, e.g. `"t_s >= 10 AND label = 'cat'"`.

        Raises:
            InputError: If a column or the filter is wrong.
        """
        return self._meant()._stored.to_arrow(_names(columns), where)

    @checked()
    def to_numpy(self, column: str | None = None, *, where: str | None = None) -> npt.NDArray[Any]:
        """Return a feature column as an array `[N, *shape]`, rows in the order of `to_arrow`.

        Args:
            column: A layer's name or its column's, or a fixed column without nulls; may be left out where
                the view has one layer.
            where: An SQL filter over the columns.

        Raises:
            InputError: If there is no such column, none was named and the view has several, or the filter
                is wrong.
        """
        stored = self._meant()._stored
        return stored.to_numpy(column or one_column(stored, None), where)

    def to_torch(self, column: str | None = None, *, where: str | None = None) -> torch.Tensor:
        """Return a feature column as a tensor on the CPU, as `to_numpy` gives it.

        Raises:
            MissingExtraError: If torch is not installed.
            InputError: As `to_numpy`.
        """
        return as_torch(self.to_numpy(column, where=where))

    def to_pandas(
        self, columns: str | Sequence[str] | None = None, *, where: str | None = None
    ) -> pd.DataFrame:
        """Return the rows as a data frame, as `to_arrow` gives them; a cell of a feature column is an array.

        Raises:
            MissingExtraError: If pandas is not installed.
            InputError: As `to_arrow`.
        """
        return as_pandas(self.to_arrow(columns, where=where))

    @checked("batch_rows")
    def iter_batches(
        self,
        columns: str | Sequence[str] | None = None,
        *,
        where: str | None = None,
        batch_rows: int = 8192,
    ) -> Iterator[pa.RecordBatch]:
        """Read the rows in the order of `to_arrow`, some at a time.

        Args:
            columns: Names of columns or of layers; by default all.
            where: An SQL filter over the columns.
            batch_rows: Rows of a batch at most; fewer where rows are wide.

        Raises:
            InputError: If a column, the filter or `batch_rows` is wrong.
        """
        if not isinstance(batch_rows, int) or batch_rows < 1:
            raise InputError(f"a batch has at least 1 row, got {batch_rows!r}.")
        return self._meant()._stored.batches(_names(columns), where, batch_rows)

    # -- answers ------------------------------------------------------------------------------------

    @overload
    def search(  # type: ignore[overload-overlap]
        self,
        query: Query,
        k: int = 10,
        *,
        column: str | None = None,
        metric: str = "cosine",
        where: str | None = None,
        existing: bool = False,
        approximate: bool = False,
        recall: float | None = None,
        bridge: str | os.PathLike[str] | Bridge | None = None,
        min_score: float | Literal["auto"] | None = None,
        on_notice: Callable[[str], None] | None = None,
    ) -> list[Hit]: ...

    @overload
    def search(
        self,
        query: Iterable[Query],
        k: int = 10,
        *,
        column: str | None = None,
        metric: str = "cosine",
        where: str | None = None,
        existing: bool = False,
        approximate: bool = False,
        recall: float | None = None,
        bridge: str | os.PathLike[str] | Bridge | None = None,
        min_score: float | Literal["auto"] | None = None,
        on_notice: Callable[[str], None] | None = None,
    ) -> list[list[Hit]]: ...

    @checked("query", "bridge")
    def search(
        self,
        query: Any,
        k: int = 10,
        *,
        column: str | None = None,
        metric: str = "cosine",
        where: str | None = None,
        existing: bool = False,
        approximate: bool = False,
        recall: float | None = None,
        bridge: str | os.PathLike[str] | Bridge | None = None,
        min_score: float | Literal["auto"] | None = None,
        on_notice: Callable[[str], None] | None = None,
    ) -> list[Hit] | list[list[Hit]]:
        """Find the rows nearest to a query: exactly, or by the index of the column if that is asked for.

        Args:
            query: One query, or several in a list or another iterable, which share one pass over the rows.

                - An image: its path, a Pillow image, a uint8 array `[H, W, 3]` or a uint8 tensor `[3, H, W]`.
                - A moment of a video: `VIDEO@TIME`. Of a view of sound a sound of one window or less, or
                  `SOUND@TIME`.
                - A row: `row:KEY`.
                - A vector `[D]`: an array, a tensor, a list of numbers or a `.npy` file.
                - Words where the view's model has a text tower: `text:WORDS` where they look like a file.
                - A part of an image or of a frame: `IMAGE#xywh=X,Y,WIDTH,HEIGHT` in pixels, or
                  `IMAGE#xywh=percent:X,Y,WIDTH,HEIGHT`.
                - Several combined: `"A NOT B"`, `vifex.Without`, `MeanOf`, `AnyOf` or `AllOf`. A sequence
                  (`"A THEN B"`, `vifex.Then`) is for `moments`.
            k: How many hits a query has at most.
            column: A layer's column; may be left out where there is one.
            metric: `cosine`, `dot` or `l2`.
            where: An SQL filter over the columns.
            existing: Whether rows of media that are gone from disk are left out.
            min_score: The worst score of a hit; with `l2` the largest distance, and for queries that combine
                several by `any` or `all` the lowest height, 0 to 1. `auto` is what `score_threshold`
                measures.
            approximate: Whether the index that `vifex.index` made is used. It may miss rows, as the recall
                says that was measured of it. Scores are exact, and rows that came after the index was made
                are all compared. Without a fitting index the search is exact.
            recall: The recall that must have been measured of the index, at least 0.5 and below 1; it implies
                `approximate`. By default it is the one that the index was made for.
            bridge: A bridge from `vifex.bridge`, or its file: the queries are those of its new model. If that
                model is a file, name it when the store is opened.
            on_notice: Called with the measured recall or the reason why the search was exact, and with what
                must be known of the answer, e.g. that words were cut off where the text model reads no
                further; by default it is a `UserWarning`.

        Returns:
            The hits, the nearest first. For several queries a list of hits for each.

        Raises:
            InputError: If a query, the column or the filter cannot be used.
        """
        view = self._meant()
        limits = self._limits(min_score, column, metric)
        several = _several(query)
        queries = [query] if several is None else several
        if bridge is not None:
            column, queries = view._across(bridge, queries, column, metric, on_notice)

        def embed(parsed: Any) -> npt.NDArray[Any]:
            return view._encoder.vector(parsed, column, on_notice)

        told: set[str] = set()

        def tell_once(notice: str) -> None:
            if notice not in told:
                told.add(notice)
                tell(notice, on_notice)

        def find(wanted: Sequence[Any], count: int) -> list[list[Hit]]:
            return search_many(
                view._stored,
                wanted,
                k=count,
                column=column,
                metric=metric,
                where=where,
                embed=embed,
                approximate=approximate,
                recall=recall,
                on_notice=tell_once,
                **limits,
            )

        found = find(queries, k)
        if existing:
            found = [_existing(q, hits, k, find) for q, hits in zip(queries, found, strict=True)]
        return found[0] if several is None else found

    @checked()
    def export(
        self,
        path: str | os.PathLike[str],
        *,
        to: str,
        column: str | None = None,
        where: str | None = None,
        vectors: bool = True,
        overwrite: bool = False,
    ) -> int:
        """Write rows and vectors to a file or a folder, which appears complete or not at all.

        Args:
            path: The file; the folder with `huggingface` and `lance`. It may not lie in a store.
            to: `npy`, `npz`, `parquet`, `csv`, `jsonl`, `hdf5` (extra `export`), `safetensors`, `huggingface`
                (which `datasets.load_from_disk` reads) or `lance` (which `lance.dataset` reads).
            column: A layer's column; may be left out where there is one.
            where: An SQL filter over the columns.
            vectors: Whether the vectors are written; else only the other columns.
            overwrite: Whether an existing file, or a folder of an earlier export, is replaced.

        Returns:
            How many rows were written.

        Raises:
            InputError: If a choice is wrong or the file cannot be written.
        """
        stored = self._meant()._stored
        return export(stored, path, to=to, column=column, where=where, vectors=vectors, overwrite=overwrite)

    @checked()
    def export_each_medium(
        self,
        folder: str | os.PathLike[str],
        *,
        to: Literal["npy", "npz"] = "npy",
        column: str | None = None,
        where: str | None = None,
        overwrite: bool = False,
    ) -> int:
        """Write a file for each medium, in the layout of `video_features`.

        `NAME_MODEL.npy` has the vectors `[N, *shape]`, and for videos and sound `NAME_timestamps_ms.npy` the
        time of each row and `NAME_fps.npy` the rows in a second. The folder appears complete or not at all.

        Args:
            folder: A new or empty folder.
            to: `npy`, or `npz` for one file with the arrays `features`, `timestamps_ms` and `fps`.
            column: A layer's column; by default all, which then stand behind the model in the names.
            where: An SQL filter over the columns.
            overwrite: Whether a folder with files is replaced.

        Returns:
            How many media were written.

        Raises:
            InputError: If a choice is wrong or the folder cannot be written.
        """
        stored = self._meant()._stored
        columns = list(stored.columns) if column is None else [one_column(stored, column)]
        media, _ = export_each_medium(
            stored, folder, columns=columns, to=to, where=where, overwrite=overwrite
        )
        return media

    @checked("query")
    def contact_sheet(
        self,
        path: str | os.PathLike[str],
        hits: Sequence[Hit] | Sequence[Moment],
        *,
        query: Query | None = None,
        metric: str = "cosine",
        overwrite: bool = False,
    ) -> None:
        """Write hits as one HTML page with images and times, decoded from the sources.

        Args:
            path: The file. It may not lie in a store.
            hits: From `search` or `moments`.
            query: What was searched for; shown on top where it is an image or a moment of a video.
            metric: What the scores are.
            overwrite: Whether an existing file is replaced.

        Raises:
            InputError: If the file exists and may not be replaced, lies in a store or cannot be written.
        """
        folder, rate = self.path.name, self.recipe.sampling.assume_fps
        write_contact_sheet(
            path,
            hits,
            title=query_title(query) or folder,
            query_thumbnail=query_thumbnail(query, rate),
            thumbnail=lambda hit: thumbnail_of(hit.uri, hit.t_s, hit.box, rate, hit.page or 0),
            metric=metric,
            by_height=query is not None and is_scored_by_height(meaning(query)),
            store_name=folder,
            overwrite=overwrite,
        )

    # -- changes ------------------------------------------------------------------------------------

    def delete(self, names: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> int:
        """Delete media with all their rows.

        Each medium is deleted whole or not at all, whatever happens meanwhile. The next extraction from their
        sources makes them again. This view reads its newest state afterwards.

        Args:
            names: Names or `file://` addresses of the ledger, or `Path`s of files; one or several. A name
                that several media share means all of them.

        Returns:
            How many media were deleted.

        Raises:
            InputError: If the view has no medium of one of these names. Nothing is deleted then.
            StoreError: If the store cannot be written.
        """
        view = self._meant()
        count = delete_rows(view._folder, view.name, ledger_names(names))
        view._read_newest()
        return count

    def relabel(self, changes: Mapping[Name, LabelChange]) -> int:
        """Give media other labels and splits. Nothing is computed, and no vector changes.

        The rows of these media move to the end of the view's order. This view reads its newest state
        afterwards.

        Args:
            changes: For each medium, named as for `delete`, its new `label`, its new `split` or both:
                `{"a.jpg": {"label": "cat", "split": None}}`. `None` takes one away.

        Returns:
            How many media have another label or split now.

        Raises:
            InputError: If the view has no medium of one of these names, or a label is no text. Nothing is
                changed then.
            StoreError: If the store cannot be written.
        """
        view = self._meant()
        count = relabel(view._folder, view.name, label_changes(changes))
        view._read_newest()
        return count

    # -- its files ----------------------------------------------------------------------------------

    def verify(self) -> ViewCheck:
        """Compare every file of the view with its checksum, and every commit with its own.

        Returns:
            What was found: `ok`, `problems` with file and words, and `affected`, the names of the media whose
            rows are damaged. Files that an older version wrote have no checksum; `without_checksum` counts
            them.
        """
        return self._meant()._stored.verify()


class View(ViewMethods):
    """One table of rows, made by one recipe, as of the moment when it was opened.

    `vifex.open(store)["NAME"]` gives it. Writers and other readers are not disturbed.
    """

    def __init__(
        self, stored: StoredView, folder: Place, encoder: QueryEncoder, reopen: Callable[[str], StoredView]
    ) -> None:
        self._stored, self._folder, self._encoder, self._reopen = stored, folder, encoder, reopen
        self._bridged: tuple[object, BridgedQueries] | None = None

    def _meant(self) -> View:
        return self

    def _across(
        self,
        bridge: str | os.PathLike[str] | Bridge,
        queries: Sequence[Any],
        column: str | None,
        metric: str,
        on_notice: Callable[[str], None] | None,
    ) -> tuple[str, list[Any]]:
        """Return the column that a bridge is for, and the mapped vectors of queries."""
        from vifex.api.stores.bridged import BridgedQueries

        if metric != "cosine":
            raise InputError(
                f"a bridge maps to unit vectors, which {metric} does not suit.",
                option="metric",
                todo='Use `metric="cosine"`.',
            )
        if self._bridged is None or self._bridged[0] != (bridge, column):
            self._close_bridged()
            self._bridged = (
                (bridge, column),
                BridgedQueries(bridge, self._stored, column, self._encoder.finder),
            )
        return self._bridged[1].column, list(self._bridged[1].vectors(queries, on_notice))

    def _close_bridged(self) -> None:
        """Free the network of the bridge that was used last."""
        bridged, self._bridged = self._bridged, None
        if bridged is not None:
            bridged[1].close()

    def _close(self) -> None:
        """Free the networks of queries."""
        self._encoder.close()
        self._close_bridged()

    def _read_newest(self) -> None:
        self._stored = self._encoder.view = self._reopen(self.name)

    @property
    def name(self) -> str:
        """The view's name in its store."""
        return self._stored.name

    def __len__(self) -> int:
        """Return how many rows it has."""
        return self._stored.count_rows()

    def __bool__(self) -> bool:
        return True  # a view without rows is a view

    def __repr__(self) -> str:
        return f"View({self.name!r} of {os.fspath(self._folder)!r}, rows={len(self)})"


def _names(columns: str | Sequence[str] | None) -> list[str] | None:
    return None if columns is None else [columns] if isinstance(columns, str) else list(columns)


def _several(query: Any) -> list[Any] | None:
    """Return the queries where several are given; `None` for a single one."""
    if isinstance(query, list | tuple):
        return None if query and all(isinstance(n, Real) for n in query) else list(query)
    single = isinstance(query, str | bytes | os.PathLike | np.ndarray | dict) or hasattr(query, "detach")
    return None if single or not isinstance(query, Iterable) else list(query)


def _existing(
    query: Any, hits: list[Hit], k: int, find: Callable[[Sequence[Any], int], list[list[Hit]]]
) -> list[Hit]:
    """Return the nearest `k` hits whose media are there; the first `k` of all are known."""
    return existing_hits(lambda count: hits if count == k else find([query], count)[0], k)
