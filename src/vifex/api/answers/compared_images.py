"""The images of one or two stores as arrays, and the groups that were found in them as values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vifex.analysis.copies.calibrate import Calibrated, Collection, by_background, by_edited_copies
from vifex.analysis.copies.find import FoundGroups, MarkedPairs
from vifex.analysis.copies.result import CopiedImage, CopyGroup, Mark
from vifex.analysis.copies.threshold import CopyThreshold
from vifex.analysis.rows import FeatureRows, FloatMatrix, read_rows, unit_vectors
from vifex.search.query import PixelsQuery
from vifex.store import CopyMark
from vifex.store.files.layout import read_store
from vifex.values import Box, InputError, VifexError
from vifex.values.rows import BOX_SIDES

if TYPE_CHECKING:
    from PIL.Image import Image

    from vifex.api.stores.view import View

__all__ = ["ComparedImages"]

_SIDE_PX = 512
"""Of the images that edited copies are made of."""
_IMAGES = "t_s IS NULL"
_AT_ONCE = 4096
_FACTS = ("key", "uri", "name", "frame_index", "label", "split", *BOX_SIDES)


class ComparedImages:
    """The images of a store, which are compared with each other or with those of another store.

    Args:
        view: View of the first store.
        other: View of the other store.
        column: Feature column or layer.
        where: SQL filter of both.
    """

    def __init__(self, view: View, other: View | None, column: str | None, where: str | None) -> None:
        self._views = [view] if other is None else [view, other]
        self._rows = [_image_rows(one, column, where) for one in self._views]
        self._column = column
        self.other_id = None if other is None else read_store(other.path).id
        media = [0 if rows is None else len(rows.media) for rows in self._rows]
        self.can_be_compared = min(media) > 0 and (len(media) > 1 or media[0] > 1)
        """Whether there are two images of different media."""

    def __len__(self) -> int:
        return sum(0 if rows is None else len(rows) for rows in self._rows)

    def collection(self) -> Collection:
        """Read the vectors.

        Raises:
            InputError: If those of the two stores have different sizes.
        """
        first, *rest = (rows for rows in self._rows if rows is not None)
        if not rest:
            return Collection(_unit(first), first.medium)
        if rest[0].size != first.size:
            raise InputError(
                f"the vectors of the two stores have {first.size} and {rest[0].size} numbers.",
                todo="Compare stores whose vectors were made by the same layer of the same model.",
            )
        numbers = {fact.medium_id: number for number, fact in enumerate(first.media)}
        known = [numbers.get(fact.medium_id, -1 - n) for n, fact in enumerate(rest[0].media)]
        owners = np.array(known, np.int32)[rest[0].medium]
        return Collection(_unit(first), first.medium, _unit(rest[0]), owners)

    def calibrated(
        self, collection: Collection, threshold: float | None, sample: int, note: Callable[[str], None]
    ) -> Calibrated:
        """Set the threshold: by the user's word, by edited copies or by the background.

        Args:
            collection: The vectors.
            threshold: Of the user.
            sample: Number of images that edited copies are made of.
            note: Called with the reason why no edited copies were made.
        """
        if threshold is not None:
            nothing = np.zeros(len(collection.unit), np.float32)
            other = np.zeros(len(collection.compared), np.float32)
            return Calibrated(CopyThreshold("given", threshold), nothing, other)
        if sample:
            try:
                found = by_edited_copies(collection, self._image, self._encode, sample=sample)
                why = "the images can no longer be read from their files."
            except VifexError as exc:
                found, why = None, exc.sentences
            if found is not None:
                return found
            note(f"The threshold was set by unrelated images alone, and its precision is not known: {why}")
        return by_background(collection)

    def marked(self, marks: Iterable[CopyMark]) -> MarkedPairs:
        """Find the rows that marks are about; marks about rows that are gone are left out."""
        ours = [m for m in marks if m.kind == "image" and m.other == self.other_id]
        if not ours:
            return MarkedPairs()
        left = self._places(0, {m.a for m in ours} | ({m.b for m in ours} if len(self._rows) == 1 else set()))
        right = left if len(self._rows) == 1 else self._places(1, {m.b for m in ours})
        pairs: dict[Mark, set[tuple[int, int]]] = {"confirmed": set(), "wrong": set()}
        for mark in ours:
            if mark.a in left and mark.b in right:
                pairs[mark.mark].add((left[mark.a], right[mark.b]))
        return MarkedPairs(frozenset(pairs["confirmed"]), frozenset(pairs["wrong"]))

    def groups(self, found: FoundGroups, marks: Iterable[CopyMark]) -> Iterator[CopyGroup]:
        """Look up the facts of the images of each group."""
        if not found.stars:
            return
        said = {mark.pair: mark.mark for mark in marks if mark.kind == "image"}
        last = len(self._rows) - 1
        heads = self._facts(0, [star.row for star in found.stars])
        tails = self._facts(last, [row for star in found.stars for row in star.members.tolist()])
        for star, head in zip(found.stars, heads, strict=True):
            copies = []
            for pair in star.pairs.tolist():
                facts = next(tails)
                word = said.get(CopyMark("image", head["key"], facts["key"], "wrong", self.other_id).pair)
                copies.append(_image(facts, found.pairs.similarity[pair], found.scores[pair], word))
            best = star.pairs[0]
            representative = _image(head, found.pairs.similarity[best], found.scores[best], None)
            yield CopyGroup(representative, tuple(copies))

    def _facts(self, which: int, rows: Sequence[int]) -> Iterator[dict[str, Any]]:
        """Read the facts of rows by their numbers, some at a time."""
        places = self._given(which).places
        stored = self._views[which]._stored
        for start in range(0, len(rows), _AT_ONCE):
            wanted = places[np.asarray(rows[start : start + _AT_ONCE])]
            yield from stored.take(wanted.tolist(), list(_FACTS)).to_pylist()

    def _places(self, which: int, keys: set[str]) -> dict[str, int]:
        return {key: i for i, key in enumerate(self._given(which).keys()) if key in keys}

    def _given(self, which: int) -> FeatureRows:
        rows = self._rows[which]
        assert rows is not None, "no group without rows"
        return rows

    def _image(self, row: int) -> Image | None:
        """Read the image of a row; below 0 it is the row `-1 - row` of the other store."""
        from vifex.media.read import Skip, thumbnail

        which, row = (0, row) if row >= 0 else (1, -1 - row)
        facts = next(self._facts(which, [row]))
        try:
            return thumbnail(facts["uri"], None, _box(facts), _SIDE_PX, page=facts["frame_index"] or 0)
        except (Skip, VifexError, OSError):
            return None

    def _encode(self, image: Image) -> npt.NDArray[np.float32]:
        vector = self._views[0]._encoder.vector(PixelsQuery(image), self._column, None)
        return np.asarray(vector, np.float32)


def _image_rows(view: View, column: str | None, where: str | None) -> FeatureRows | None:
    chosen = _IMAGES if where is None else f"{_IMAGES} AND ({where})"
    stored = view._stored
    return read_rows(stored, column, where=chosen) if stored.count_rows(chosen) else None


def _unit(rows: FeatureRows) -> FloatMatrix:
    """Read vectors and scale them to length 1, without a second copy of all of them."""
    vectors = rows.vectors()
    for start in range(0, len(vectors), _AT_ONCE):
        vectors[start : start + _AT_ONCE] = unit_vectors(vectors[start : start + _AT_ONCE])
    return vectors


def _box(facts: dict[str, Any]) -> Box | None:
    corners = [facts[side] for side in BOX_SIDES]
    return None if any(corner is None for corner in corners) else Box(*corners)


def _image(facts: dict[str, Any], similarity: float, score: float, mark: Mark | None) -> CopiedImage:
    return CopiedImage(
        key=facts["key"],
        uri=facts["uri"],
        name=facts["name"],
        label=facts["label"],
        split=facts["split"],
        page=facts["frame_index"],
        box=_box(facts),
        similarity=float(similarity),
        score=float(score),
        mark=mark,
    )
