"""Query vectors of one view: images, frames, sounds and words, by the model that made its rows.

The model is loaded and compiled at the first query that needs it, and kept.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vifex.api.notices import tell
from vifex.api.stores.naming import ModelFinder, last_ref
from vifex.search.columns import one_column
from vifex.search.query import (
    FrameQuery,
    ImageQuery,
    PixelsQuery,
    TextQuery,
    no_words,
    video_needs_time,
)
from vifex.store import View as StoredView
from vifex.values import Box, InputError, Limits, ModelError, ModelRef

if TYPE_CHECKING:
    from vifex.engines import Network
    from vifex.extraction.planning.view_plan import ViewPlan
    from vifex.models.families.shared.text import TextTower

__all__ = ["Notice", "QueryEncoder"]

Vector = npt.NDArray[np.floating[Any]]
Notice = Callable[[str], None] | None
"""Takes a sentence; `None` makes it a `UserWarning`."""
OfMedia = ImageQuery | FrameQuery | PixelsQuery


class QueryEncoder:
    """Makes the vectors of queries as a view's recipe makes those of its rows.

    Args:
        view: What is searched.
        finder: Finds its model.
        of: The store, for messages.
        source: Gives the encoder of a view that this one was made of, by its name.
        is_source: Whether another view was made of this one, and is searched.
    """

    def __init__(
        self,
        view: StoredView,
        finder: ModelFinder,
        *,
        of: str,
        source: Callable[[str], QueryEncoder],
        is_source: bool = False,
    ) -> None:
        self.view = view
        self.finder, self._of, self._source, self._is_source = finder, of, source, is_source
        self._lock = threading.RLock()
        self._plan: ViewPlan | None = None
        self._network: Network | None = None
        self._tower: TextTower | None = None

    def vector(self, query: OfMedia | TextQuery, column: str | None, on_notice: Notice) -> Vector:
        """Return a query's vector `[D]`.

        Args:
            query: An image, a frame or a sound, or words where the model reads them.
            column: Feature column that it is compared with; may be left out where there is one.
            on_notice: Called with what must be known of the answer.

        Raises:
            InputError: If the view cannot take this query, or the user must name the model.
            VifexError: If the model or the file cannot be used.
        """
        with self._lock:
            if self.view.recipe.is_derived:
                return self._of_sources(query, on_notice)
            if isinstance(query, TextQuery):
                return self._of_words(query, one_column(self.view, column), on_notice)
            return self._of_media(query, column, on_notice)

    def close(self) -> None:
        """Free the network; a later query compiles it again."""
        with self._lock:
            network, self._network = self._network, None
            if network is not None:
                network.close()

    # -- images, frames and sounds ------------------------------------------------------------------

    def _of_media(self, query: OfMedia, column: str | None, on_notice: Notice) -> Vector:
        # Only these queries need a network and a decoder: a search by row starts without them.
        from vifex.extraction.embed import embed

        plan = self._planned()
        sample = self._sample(query)
        vectors = embed(plan, self._compiled(plan, on_notice), sample)
        vector: Vector = vectors[one_column(self.view, column)]
        return vector.reshape(-1)

    def _sample(self, query: OfMedia) -> npt.NDArray[Any]:
        from vifex.api.models.inputs import ready_image
        from vifex.media.read import Skip, frame_at, sound_at

        recipe = self.view.recipe
        if isinstance(query, PixelsQuery):
            if recipe.audio is not None:
                raise InputError("the view is of sound, and this is an image.", of=self.view.name)
            return ready_image(query.image, recipe.pixels)
        t_s = query.t_s if isinstance(query, FrameQuery) else None
        try:
            if recipe.audio is not None:
                if query.part is not None:
                    raise InputError("a part of an image is no query for sound.", of=query.name)
                return sound_at(query.path, t_s, recipe.audio, Limits()).pixels
            rate = recipe.sampling.assume_fps
            sample = frame_at(
                query.path, t_s or 0.0, recipe.pixels, Limits(), assume_fps=rate, part=_part(query)
            )
        except Skip as exc:
            wanted = "images" if recipe.audio is None else "sound"
            said = f"the view is of {wanted}, and it has {exc.reason}."
            raise InputError(said, of=query.name) from exc
        if t_s is None and sample.t_s is not None:
            raise video_needs_time(query.path)
        return sample.pixels

    def _planned(self) -> ViewPlan:
        if self._plan is None:
            from vifex.extraction.calibration.calibrate import graph_files
            from vifex.extraction.planning.view_plan import reopen_view

            model = self.finder.find(self.view, of=self._of, is_source=self._is_source)
            graph = graph_files(self.view.kept_files)[0]
            recipe = self.view.recipe
            options = self.finder.device_for(recipe.engine)
            self._plan = reopen_view(self.view.name, recipe, model, graph, options=options)
        return self._plan

    def _compiled(self, plan: ViewPlan, on_notice: Notice) -> Network:
        if self._network is None:
            from vifex.extraction.embed import best_precision, compile_plan

            precision = best_precision(plan.engine, plan.recipe.precision)
            if precision != plan.recipe.precision:
                tell(
                    f"the view {self.view.name!r} was made in {plan.recipe.precision}, which this machine "
                    f"does not have: queries are computed in {precision}.",
                    on_notice,
                    stacklevel=6,
                )
            self._network = compile_plan(plan, precision=precision)
        return self._network

    # -- words --------------------------------------------------------------------------------------

    def _of_words(self, query: TextQuery, column: str, on_notice: Notice) -> Vector:
        """Return the words' vector in the space of the model's image vectors."""
        from vifex.models.families.shared.text import cut_words
        from vifex.models.stored import is_graph, is_published
        from vifex.models.words import words_path
        from vifex.pool import l2_normalize

        ref = last_ref(self.view)
        if ref is not None and is_graph(ref) and not is_published(ModelRef(self.view.recipe.model)):
            raise no_words(query)
        model = self.finder.find(self.view, of=self._of, is_source=self._is_source)
        if model.graph is not None and not words_path(model.graph).is_file():
            raise no_words(query)
        spec = next(s for s in self.view.recipe.layers if s.column == column)
        if spec.layer.name != model.card.aliases.get("embedding", "embedding"):
            raise InputError(
                f"words are compared with the layer 'embedding', and this column holds {spec.layer.name!r}.",
                of=self.view.name,
                todo="Extract the layer 'embedding', or name its column.",
            )
        tower = self._reads_words(query)
        cut = cut_words(tower, query.text)
        if cut is not None:
            tell(f"{model.card.name}: {cut}", on_notice, stacklevel=6)
        vectors = tower.vectors([query.text])
        vector: Vector = (l2_normalize(vectors) if spec.normalized else vectors)[0]
        return vector

    def _reads_words(self, query: TextQuery) -> TextTower:
        if self._tower is None:
            from vifex.models.families.shared.text import text_tower

            model = self.finder.find(self.view, of=self._of, is_source=self._is_source)
            try:
                self._tower = text_tower(model)
            except ModelError:
                if query.folder is None:
                    raise
                raise no_words(query) from None
        return self._tower

    # -- views made of views ------------------------------------------------------------------------

    def _of_sources(self, query: OfMedia | TextQuery, on_notice: Notice) -> Vector:
        """Return a query's vector, made of those that it has in the views that this one was made of."""
        from vifex.api.deriving import derived_vector

        def ask(name: str, recipe_hash: str, column: str) -> Vector:
            source = self._source(name)
            if source.view.recipe.hash != recipe_hash:
                raise InputError(
                    f"the view {name!r} is no longer the one that {self.view.name!r} was made of.",
                    of=os.fspath(self._of),
                    todo="Make it anew, or search by row:KEY.",
                )
            try:
                return source.vector(query, column, on_notice)
            except InputError as exc:
                said = f"{self.view.name!r} was made of {name!r}, which cannot take this query: {exc.what}"
                raise InputError(said, of=exc.of, todo=exc.todo) from exc

        vector = derived_vector(self.view.recipe, self.view.kept_files, ask)
        if not self._is_source:
            self.finder.check_used()
        return vector


def _part(query: ImageQuery | FrameQuery) -> Callable[[int, int], Box] | None:
    """Return what takes the part of an image that is asked for; `None` for the whole."""
    wanted = query.part
    if wanted is None:
        return None

    def part(width: int, height: int) -> Box:
        box = wanted.box(width, height)
        if box is None:
            raise InputError(
                f"the part lies outside of the image, which has {width} x {height} pixels.",
                of=query.name,
            )
        return box

    return part
