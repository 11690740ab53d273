"""`vifex.open`: a store with its rows, its ledger and its answers."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from vifex.api.notices import tell
from vifex.search.columns import one_column
from vifex.search.contact_sheet import write_contact_sheet
from vifex.search.export import export
from vifex.search.find import search
from vifex.search.gone import existing_hits, gone_uris
from vifex.search.hits import Hit
from vifex.search.query import FrameQuery, ImageQuery, TextQuery, no_words, parse_query, video_needs_time
from vifex.store import View, ViewCheck, open_store
from vifex.values import Box, InputError, Limits, Model, ModelRef, Recipe, VifexError
from vifex.values.media import path_to_uri

if TYPE_CHECKING:
    from PIL import Image

_THUMBNAIL_PX = 320

__all__ = ["Collection", "open_collection"]


class Collection:
    """One view of a store, open for reading; writers and other readers are not disturbed.

    Use it as a context manager, or call `close`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        view: str = "main",
        model: str | None = None,
        weights: str | None = None,
        card: str | os.PathLike[str] | None = None,
        trust_code: bool = False,
    ) -> None:
        self._store = open_store(path)
        try:
            self._view: View = self._store.view(view)
        except BaseException:
            self._store.close()
            raise
        self._named = None if model is None else _Named(model, weights, card, trust_code)
        self._of_derived = False

    # -- what is in it ------------------------------------------------------------------------------

    @property
    def path(self) -> Path:
        """The store's folder."""
        return Path(self._store.path)

    @property
    def views(self) -> list[str]:
        """Names of all views of the store."""
        return self._store.views()

    @property
    def view(self) -> str:
        """Name of the view that is open."""
        return self._view.name

    @property
    def recipe(self) -> Recipe:
        """How every number of the view was made."""
        return self._view.recipe

    @property
    def weights(self) -> str | None:
        """The weights that were named when the view was made: `random:SEED` or a file; `None` for those that
        come with its model, and for a view that was made of others."""
        asked = self._last_asked()
        return None if asked is None else asked.weights

    @property
    def columns(self) -> list[str]:
        """Names of the feature columns, one for each layer."""
        return list(self._view.columns)

    def __len__(self) -> int:
        return self._view.count_rows()

    def __repr__(self) -> str:
        return f"Collection({os.fspath(self.path)!r}, view={self.view!r}, rows={len(self)})"

    def to_arrow(self, columns: list[str] | None = None, *, where: str | None = None) -> pa.Table:
        """Return the rows as an Arrow table.

        Args:
            columns: Which; by default all.
            where: An SQL filter over the columns, e.g. `"t_s >= 10 AND label = 'cat'"`.
        """
        return self._view.to_arrow([columns] if isinstance(columns, str) else columns, where)

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
        return self._view.to_numpy(column or one_column(self._view, None), where)

    def ledger(self) -> pa.Table:
        """What became of every medium, its newest entry: name, uri, status, reason, rows and more."""
        return self._view.ledger()

    # -- answers ------------------------------------------------------------------------------------

    def search(
        self,
        query: str | os.PathLike[str] | npt.NDArray[np.floating],
        k: int = 10,
        *,
        column: str | None = None,
        metric: str = "cosine",
        where: str | None = None,
        existing: bool = False,
        on_notice: Callable[[str], None] | None = None,
    ) -> list[Hit]:
        """Find the rows nearest to a query, exactly.

        Args:
            query: An image, `VIDEO@TIME`, `row:KEY`, a `.npy` file, a vector `[D]`, or words where the
                view's model has a text tower (`text:WORDS` where they look like a file). Of a view of sound
                a sound of one window or less, or `SOUND@TIME`.
            k: How many hits at most.
            column: A layer's column; may be left out where there is one.
            metric: `cosine`, `dot` or `l2`.
            where: An SQL filter over the columns.
            existing: Whether rows of media that are gone from disk are left out.
            on_notice: Called with what must be known of the answer, e.g. that words were cut off where the
                text model reads no further; by default it is a `UserWarning`.

        Raises:
            InputError: If the query, the column or the filter cannot be used.
        """
        embed = functools.cache(lambda q: self._embed(q, column, on_notice))

        def find(count: int) -> list[Hit]:
            return search(self._view, query, k=count, column=column, metric=metric, where=where, embed=embed)

        return existing_hits(find, k) if existing else find(k)

    def missing(self) -> list[str]:
        """Return the addresses of the media that are gone from disk and have rows here, sorted.

        It looks at every medium: some microseconds each on a local disk. What was renamed is gone under its
        old name. Rows stay until they are removed; `search(..., existing=True)` leaves them out.
        """
        ledger = self.ledger()
        with_rows = ledger.filter(pa.compute.greater(ledger.column("rows"), 0))
        return sorted(gone_uris(with_rows.column("uri").to_pylist()))

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        to: str,
        column: str | None = None,
        where: str | None = None,
        overwrite: bool = False,
    ) -> int:
        """Write rows and vectors to a file.

        Args:
            path: The file. It may not lie in a store.
            to: `npy`, `npz`, `parquet` or `csv`.
            column: A layer's column; may be left out where there is one.
            where: An SQL filter over the columns.
            overwrite: Whether an existing file is replaced.

        Returns:
            How many rows were written.
        """
        return export(self._view, path, to=to, column=column, where=where, overwrite=overwrite)

    def contact_sheet(
        self,
        path: str | os.PathLike[str],
        hits: Sequence[Hit],
        *,
        query: str | os.PathLike[str] | None = None,
        metric: str = "cosine",
        overwrite: bool = False,
    ) -> None:
        """Write hits as one HTML page with images and times, decoded from the sources.

        Args:
            path: The file. It may not lie in a store.
            hits: From `search`.
            query: What was searched for; shown on top where it is an image or a moment of a video.
            metric: What the scores are.
            overwrite: Whether an existing file is replaced.

        Raises:
            InputError: If the file exists and may not be replaced, lies in a store or cannot be written.
        """
        rate = self.recipe.sampling.assume_fps
        write_contact_sheet(
            path,
            hits,
            title=self.path.name if query is None else os.fspath(query),
            query_thumbnail=_query_thumbnail(query, rate),
            thumbnail=lambda hit: _thumbnail(hit.uri, hit.t_s, hit.box, rate, hit.page or 0),
            metric=metric,
            store_name=self.path.name,
            overwrite=overwrite,
        )

    def verify(self) -> ViewCheck:
        """Compare every file of the view with its checksum, and every commit with its own.

        Returns:
            What was found: `ok`, `problems` with file and words, and `affected`, the names of the media whose
            rows are damaged. Files of stores of old have no checksum; `without_checksum` counts them.
        """
        return self._view.verify()

    # -- leaving ------------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of the versions that are being read."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # -- inside -------------------------------------------------------------------------------------

    def _embed(
        self,
        query: ImageQuery | FrameQuery | TextQuery,
        column: str | None,
        on_notice: Callable[[str], None] | None = None,
    ) -> npt.NDArray[np.floating[Any]]:
        """Make a query's vector as the view's recipe makes a row's, or by the model's text tower."""
        if self.recipe.is_derived:
            return self._embed_by_sources(query, on_notice)
        if isinstance(query, TextQuery):
            return self._embed_words(query.text, one_column(self._view, column), on_notice)
        # Only queries by image need a network and a decoder: a search by row starts without them.
        from vifex.extraction.calibration.calibrate import graph_files
        from vifex.extraction.embed import embed
        from vifex.extraction.planning.view_plan import reopen_view
        from vifex.media.read import Skip, frame_at, sound_at

        graph = graph_files(self._view.folder)[0]
        plan = reopen_view(self.view, self.recipe, self._find_model(), graph)
        t_s = query.t_s if isinstance(query, FrameQuery) else 0.0
        audio = self.recipe.audio
        try:
            if audio is not None:
                start_s = query.t_s if isinstance(query, FrameQuery) else None
                sample = sound_at(query.path, start_s, audio, Limits())
            else:
                rate = self.recipe.sampling.assume_fps
                sample = frame_at(query.path, t_s, self.recipe.pixels, Limits(), assume_fps=rate)
        except Skip as exc:
            wanted = "images" if audio is None else "sound"
            said = f"the view is of {wanted}, and it has {exc.reason}."
            raise InputError(said, of=str(query.path)) from exc
        if audio is None and isinstance(query, ImageQuery) and sample.t_s is not None:
            raise video_needs_time(query.path)
        vectors = embed(plan, sample.pixels)
        vector: npt.NDArray[np.floating[Any]] = vectors[one_column(self._view, column)]
        return vector.reshape(-1)

    def _embed_by_sources(
        self, query: ImageQuery | FrameQuery | TextQuery, on_notice: Callable[[str], None] | None
    ) -> npt.NDArray[np.floating[Any]]:
        """Make a query's vector of those that it has in the views that this one was made of."""
        from vifex.api.deriving import derived_vector

        def ask(view: str, recipe_hash: str, column: str) -> npt.NDArray[np.floating[Any]]:
            with Collection(self.path, view=view) as source:
                source._named, source._of_derived = self._named, True
                if source.recipe.hash != recipe_hash:
                    raise InputError(
                        f"the view {view!r} is no longer the one that {self.view!r} was made of.",
                        of=os.fspath(self.path),
                        todo="Make it anew, or search by row:KEY.",
                    )
                try:
                    return source._embed(query, column, on_notice)
                except InputError as exc:
                    said = f"{self.view!r} was made of {view!r}, which cannot take this query: {exc.what}"
                    raise InputError(said, of=exc.of, todo=exc.todo) from exc

        return derived_vector(self.recipe, self._view.folder, ask)

    def _embed_words(
        self, text: str, column: str, on_notice: Callable[[str], None] | None
    ) -> npt.NDArray[np.floating[Any]]:
        """Return the words' vector in the space of the model's image vectors."""
        from vifex.models.families.shared.text import cut_words, text_tower
        from vifex.models.stored import is_graph
        from vifex.pool import l2_normalize

        if (last := self._last_asked()) is not None and is_graph(last):
            raise no_words(text)
        model = self._find_model()
        if model.builder is None:
            raise no_words(text)
        spec = next(s for s in self.recipe.layers if s.column == column)
        if spec.layer.name != model.card.aliases.get("embedding", "embedding"):
            raise InputError(
                f"words are compared with the layer 'embedding', and this column holds {spec.layer.name!r}.",
                of=self.view,
                todo="Extract the layer 'embedding', or name its column.",
            )
        tower = text_tower(model)
        cut = cut_words(tower, text)
        if cut is not None:
            tell(f"{model.card.name}: {cut}", on_notice)
        vectors = tower.vectors([text])
        vector: npt.NDArray[np.floating[Any]] = (l2_normalize(vectors) if spec.normalized else vectors)[0]
        return vector

    def _find_model(self) -> Model:
        """The model that made the view: the one that the user names, else one that Vifex knows by itself."""
        from vifex.models import load_model
        from vifex.models.stored import is_published, unnamed

        asked = self._last_asked() or ModelRef(self.recipe.model)
        stored = [asked]
        if (
            asked.card is None and asked.weights is None
        ):  # the embedded model is asked for by its file as well
            stored.append(ModelRef(self.recipe.model))
        known = next((one for one in stored if is_published(one)), None)
        # Of the views that a derived one was made of, the named model is for those that need one.
        if self._named is not None and not (self._of_derived and known is not None):
            return self._named.load()
        if known is None:
            raise unnamed(asked, of=os.fspath(self.path))
        return load_model(known.name, weights=known.weights)

    def _last_asked(self) -> ModelRef | None:
        """The words that the last run loaded the view's model by."""
        runs = self._view.ledger(history=True).column("run").to_pylist()
        for text in reversed(runs):
            try:
                facts = json.loads(text or "{}")
                words = [facts.get(k, {}).get(self.view) for k in ("models", "weights", "cards")]
            except (ValueError, AttributeError, RecursionError):  # not written by Vifex
                continue
            name, weights, card = (None if word is None else str(word) for word in words)
            if name is not None:
                return ModelRef(name, weights, card)
        return None


@dataclass(frozen=True, slots=True)
class _Named:
    """A model as the user named it."""

    model: str
    weights: str | None
    card: str | os.PathLike[str] | None
    trust_code: bool

    def load(self) -> Model:
        from vifex.models import load_model

        card = None if self.card is None else Path(self.card)
        return load_model(self.model, weights=self.weights, card=card, trust_code=self.trust_code)


def _query_thumbnail(query: str | os.PathLike[str] | None, assume_fps: float | None) -> Image.Image | None:
    if query is None:
        return None
    parsed = parse_query(query)
    if isinstance(parsed, FrameQuery):
        return _thumbnail(path_to_uri(parsed.path), parsed.t_s, None, assume_fps)
    if isinstance(parsed, ImageQuery):
        return _thumbnail(path_to_uri(parsed.path), None, None, assume_fps)
    return None


def _thumbnail(
    uri: str, t_s: float | None, box: Box | None, assume_fps: float | None, page: int = 0
) -> Image.Image | None:
    """A small image of a row's source; `None` where the source is gone, or is sound alone."""
    from vifex.media.read import Skip, thumbnail

    try:
        return thumbnail(uri, t_s, box, _THUMBNAIL_PX, assume_fps=assume_fps, page=page)
    except (Skip, VifexError, OSError):
        return None


def open_collection(
    path: str | os.PathLike[str],
    *,
    view: str = "main",
    model: str | None = None,
    weights: str | None = None,
    card: str | os.PathLike[str] | None = None,
    trust_code: bool = False,
) -> Collection:
    """Open a view of a store for reading.

    Args:
        path: The store's folder.
        view: Which view.
        model: Name or file of the model for queries by image or words. It may be left out where a network
            of Vifex's own families made the view, with published or seeded weights; a model that is a file
            or code is never loaded because a store names it.
        weights: Of that model: `random:SEED` or a file, where it made the view with others than the
            published ones.
        card: Of that model, where it does not stand beside it.
        trust_code: Whether code may run that a `.pt` or `.pt2` file holds.

    Raises:
        StoreError: If there is no such store or view, or it cannot be read.
    """
    return Collection(path, view=view, model=model, weights=weights, card=card, trust_code=trust_code)
