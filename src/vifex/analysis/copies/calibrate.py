"""The threshold and the background of a collection, found on a sample of its own images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vifex.analysis.copies.background import Background, make_background
from vifex.analysis.copies.edits import EDITS, edited
from vifex.analysis.copies.pixels import SmallImage, shows_same, small_image
from vifex.analysis.copies.threshold import (
    FALSE_ALARMS,
    CopyThreshold,
    best_threshold,
    chance_threshold,
    measured,
)
from vifex.analysis.products import FloatVector
from vifex.analysis.rows import FloatMatrix

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Calibrated", "Collection", "ImageOf", "by_background", "by_edited_copies"]

ImageOf = Callable[[int], "Image | None"]
"""Returns the image of a row, or `None` if it can no longer be read."""

_NEAREST: Final = 5
"""Other images that each edited copy is compared with."""
_LOOKED_AT: Final = 20
"""Nearest rows of an edited copy among which the other images are looked for."""
_GIVE_UP: Final = 20
"""Images that may be unreadable, one after the other, before no more are tried."""
_MARGIN: Final = 0.15
"""Other images whose score is so far below nearly all edited copies need not be looked at."""
_PATTERNS: Final = 4
"""Copies of an image that further images are compared with."""
_SCORES_AT_ONCE: Final = 1 << 23
_TRIED_ROWS: Final = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """What is searched for copies: the rows of one store, or of one against those of another."""

    unit: FloatMatrix
    """`[N, D]`: rows of length 1."""
    owners: npt.NDArray[np.int32]
    """`[N]`: the medium of each row. Rows of one medium are no copies of each other."""
    other: FloatMatrix | None = None
    """`[M, D]`: of the other store."""
    other_owners: npt.NDArray[np.int32] | None = None
    """`[M]`: the medium of each row by the numbers of the first store; below 0 for media that it lacks."""

    @property
    def compared(self) -> FloatMatrix:
        """The rows that each row is compared with."""
        return self.unit if self.other is None else self.other

    @property
    def compared_owners(self) -> npt.NDArray[np.int32]:
        """The media of the rows that each row is compared with."""
        return self.owners if self.other_owners is None else self.other_owners


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """A threshold, and what is taken off the similarities before they are compared with it."""

    threshold: CopyThreshold
    bias: FloatVector
    """`[N]`: of the rows of the collection."""
    other_bias: FloatVector
    """`[M]`: of the rows that they are compared with."""

    def radius(self) -> tuple[FloatVector, FloatVector]:
        """Return how far apart a pair may be, as a part for each of its rows."""
        widest = np.float32(1 - self.threshold.threshold)
        half = np.float32(0.5)
        return (widest - self.bias) * half, (widest - self.other_bias) * half


def by_background(collection: Collection, *, seed: int = 0) -> Calibrated:
    """Set the threshold by the nearest unrelated rows alone.

    Args:
        collection: At least two rows of different media.
        seed: Of the sample of rows.
    """
    some = np.random.default_rng(seed).permutation(len(collection.unit))[:_TRIED_ROWS]
    some = some[collection.unit[some].any(axis=1)]
    queries, owners = collection.unit[some], collection.owners[some]

    def threshold(bias: FloatVector, other_bias: FloatVector) -> float:
        best = _nearest(collection, queries, owners, bias[some], other_bias, 1)[1][:, 0]
        return chance_threshold(best[np.isfinite(best)])

    nothing = np.zeros(len(collection.unit), np.float32), np.zeros(len(collection.compared), np.float32)
    background = make_background(collection.unit, threshold(*nothing), seed=seed)
    bias, other_bias = _biases(collection, background)
    found = CopyThreshold("background", threshold(bias, other_bias), false_alarms=FALSE_ALARMS)
    return Calibrated(found, bias, other_bias)


def by_edited_copies(
    collection: Collection,
    image_of: ImageOf,
    encode: Callable[[Image], FloatVector],
    *,
    sample: int,
    seed: int = 0,
) -> Calibrated | None:
    """Set the threshold by edited copies of a sample of the images.

    One half of the sample sets it, and the other half measures it. What is near to an edited copy counts as
    another image unless its pixels show the same: a collection may hold copies of a sampled image already.

    Args:
        collection: At least two rows.
        image_of: Reads the image of a row of `unit`, or with a number below 0 that of the row `-1 - number`
            of `other`.
        encode: Returns the vector `[D]` that an image has in the collection.
        sample: Number of images.
        seed: Of the sample.

    Returns:
        `None` if fewer than two images could be read.
    """
    originals, images = _sampled(collection, image_of, sample, seed)
    if len(originals) < 2:
        return None
    copies = np.stack(
        [
            np.stack([np.ravel(encode(edited(image, name, seed + i))) for name in EDITS])
            for i, image in enumerate(images)
        ]
    ).astype(np.float32)
    copies /= np.maximum(np.linalg.norm(copies, axis=2, keepdims=True), 1e-12)
    similarity = np.einsum("med,md->me", copies, collection.unit[originals])
    background = make_background(collection.unit, float(np.quantile(similarity, 0.05)) - _MARGIN, seed=seed)
    flat = copies.reshape(-1, copies.shape[2])
    bias, other_bias = _biases(collection, background)
    own_bias = background.bias(flat)
    right = similarity - (own_bias.reshape(similarity.shape) + bias[originals, None]) / 2
    owners = np.repeat(collection.owners[originals], len(EDITS))
    rows, scores = _nearest(collection, flat, owners, own_bias, other_bias, _LOOKED_AT)
    judge = _Judge(collection, images, image_of, float(np.quantile(right, 0.02)) - _MARGIN)
    shape = (*similarity.shape, _LOOKED_AT)
    wrong = judge.others(rows.reshape(shape), scores.reshape(shape))
    setting, measuring = slice(0, None, 2), slice(1, None, 2)
    threshold = best_threshold(right[setting].ravel(), _finite(wrong[setting]))
    by_edit = {name: right[measuring, i] for i, name in enumerate(EDITS)}
    rest = wrong[measuring].reshape(-1, _NEAREST)
    return Calibrated(measured(threshold, by_edit, rest, len(right[measuring])), bias, other_bias)


def _biases(collection: Collection, background: Background) -> tuple[FloatVector, FloatVector]:
    bias = background.bias(collection.unit)
    return bias, bias if collection.other is None else background.bias(collection.other)


def _sampled(
    collection: Collection, image_of: ImageOf, sample: int, seed: int
) -> tuple[npt.NDArray[np.int64], list[Image]]:
    """Read images of different media, in a random order."""
    found: list[int] = []
    images: list[Image] = []
    media: set[int] = set()
    failures = 0
    for row in np.random.default_rng(seed).permutation(len(collection.unit)).tolist():
        if len(found) == sample or failures == _GIVE_UP:
            break
        if collection.owners[row] in media or not collection.unit[row].any():
            continue
        image = image_of(row)
        failures = failures + 1 if image is None else 0
        if image is not None:
            media.add(int(collection.owners[row]))
            found.append(row)
            images.append(image)
    return np.array(found, np.int64), images


def _nearest(
    collection: Collection,
    queries: FloatMatrix,
    owners: npt.NDArray[np.int32],
    bias: FloatVector,
    other_bias: FloatVector,
    count: int,
) -> tuple[npt.NDArray[np.int64], FloatMatrix]:
    """Find the rows of other media with the highest scores for each query.

    Returns:
        Rows `[Q, count]` and scores, the highest first; -inf where there are fewer rows.
    """
    rows = np.zeros((len(queries), count), np.int64)
    scores = np.full((len(queries), count), -np.inf, np.float32)
    step = max(1, _SCORES_AT_ONCE // max(1, len(queries)))
    for start in range(0, len(collection.compared), step):
        part = slice(start, start + step)
        found = queries @ collection.compared[part].T
        found -= (bias[:, None] + other_bias[part]) / 2
        found[owners[:, None] == collection.compared_owners[part]] = -np.inf
        places = np.broadcast_to(start + np.arange(found.shape[1]), found.shape)
        found, places = np.concatenate([scores, found], axis=1), np.concatenate([rows, places], axis=1)
        top = np.argpartition(found, -count, axis=1)[:, -count:]
        order = np.argsort(-np.take_along_axis(found, top, axis=1), axis=1, kind="stable")
        best = np.take_along_axis(top, order, axis=1)
        rows, scores = np.take_along_axis(places, best, axis=1), np.take_along_axis(found, best, axis=1)
    return rows, scores


class _Judge:
    """Tells copies that the collection holds already from other images, by their pixels."""

    def __init__(
        self, collection: Collection, images: list[Image], image_of: ImageOf, looked_at: float
    ) -> None:
        self._collection, self._image_of, self._looked_at = collection, image_of, looked_at
        self._images = [small_image(image) for image in images]
        self._seen: dict[int, SmallImage | None] = {}

    def others(self, rows: npt.NDArray[np.int64], scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the best scores with other images, `[images, edits, 5]`, of `[images, edits, 20]`."""
        found = np.full((*scores.shape[:2], _NEAREST), -np.inf, np.float32)
        for i in range(len(rows)):
            copies = self._copies(i, np.unique(rows[i][scores[i] >= self._looked_at]).tolist())
            kept = np.where(np.isin(rows[i], copies), -np.inf, scores[i])
            found[i] = -np.sort(-kept, axis=1)[:, :_NEAREST]
        return found

    def _copies(self, i: int, rows: list[int]) -> list[int]:
        """Return the rows that show the same as an image, or the same as one of these rows.

        A copy of a copy counts: two crops of one image may have little in common.
        """
        found: list[int] = []
        patterns = [self._images[i]]
        left = [(row, grey) for row in rows if (grey := self._grey(row)) is not None]
        for pattern in patterns:
            same = [(row, grey) for row, grey in left if shows_same(pattern, grey)]
            left = [(row, grey) for row, grey in left if all(row != one for one, _ in same)]
            found.extend(row for row, _ in same)
            patterns.extend(grey for _, grey in same[: _PATTERNS - len(patterns)])
        return found

    def _grey(self, row: int) -> SmallImage | None:
        if row not in self._seen:
            image = self._image_of(row if self._collection.other is None else -1 - row)
            self._seen[row] = None if image is None else small_image(image)
        return self._seen[row]


def _finite(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    found: npt.NDArray[np.float32] = scores[np.isfinite(scores)]
    return found
