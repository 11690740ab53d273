"""The rows of one feature column as arrays: vectors, times, and which medium each row belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.search.columns import as_matrix, layer_of, one_column
from vifex.values import InputError

if TYPE_CHECKING:
    from vifex.store import View

__all__ = ["FeatureRows", "FloatMatrix", "MediumFacts", "read_rows", "unit_vectors"]

FloatMatrix: TypeAlias = npt.NDArray[np.float32]

_FACTS = (
    "medium_id",
    "uri",
    "name",
    "label",
    "split",
    "ordinal",
    "frame_index",
    "t_s",
    "t_start_s",
    "t_end_s",
)


@dataclass(frozen=True, slots=True)
class MediumFacts:
    """What the rows of a medium share."""

    medium_id: str
    uri: str
    name: str
    label: str | None
    split: str | None


@dataclass(frozen=True, slots=True, eq=False)
class FeatureRows:
    """Rows of a feature column in the stored order of the view; the rows of a medium follow each other."""

    view: View
    column: str
    places: npt.NDArray[np.int64]
    """`[N]`: place of each row in the stored order of the view."""
    media: tuple[MediumFacts, ...]
    medium: npt.NDArray[np.int32]
    """`[N]`: index of each row's medium in `media`."""
    ordinal: npt.NDArray[np.int64]
    """`[N]`: number of the row in its medium."""
    frame_index: npt.NDArray[np.int64]
    """`[N]`: frame in presentation order or page of the image file; -1 if there is none."""
    t_s: npt.NDArray[np.float64]
    """`[N]`: seconds; NaN for images."""
    t_start_s: npt.NDArray[np.float64]
    t_end_s: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.places)

    @property
    def size(self) -> int:
        """Numbers of a vector."""
        return layer_of(self.view, self.column).size

    def keys(self) -> list[str]:
        """Return the key of each row: `medium_id:ordinal`."""
        owners = self.medium.tolist()
        return [f"{self.media[m].medium_id}:{o}" for m, o in zip(owners, self.ordinal.tolist(), strict=True)]

    def labels(self) -> list[str | None]:
        """Return the label of each row."""
        return [self.media[m].label for m in self.medium.tolist()]

    def vectors(self) -> FloatMatrix:
        """Read all vectors, float32 `[N, D]`."""
        out = np.empty((len(self), self.size), np.float32)
        mapped = self.view.mapped(self.column)
        if mapped is not None:
            for rows, where in mapped.select(self.places):
                out[where] = rows
            return out
        first = 0
        for batch in self.view.batches([self.column]):
            low, high = np.searchsorted(self.places, [first, first + batch.num_rows])
            out[low:high] = as_matrix(batch.column(0))[self.places[low:high] - first]
            first += batch.num_rows
        return out


def read_rows(view: View, column: str | None = None, *, where: str | None = None) -> FeatureRows:
    """Read the facts of rows; the vectors are read when they are asked for.

    Args:
        view: An open view.
        column: A feature column or its layer; `None` means the only one.
        where: An SQL filter over the row columns.

    Raises:
        InputError: If the column or the filter cannot be used, or no row passes.
    """
    column = one_column(view, column)
    media: list[MediumFacts] = []
    number: dict[str, int] = {}
    parts = [
        {"medium": _owners(batch, media, number), **_numbers(batch)}
        for batch in view.batches(_FACTS, where, batch_rows=1 << 16)
    ]
    if not media:
        raise InputError(
            "no row was found.", of=view.name, todo="Extract media first, or use a wider filter."
        )
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    count = len(whole["medium"])
    places = np.arange(count, dtype=np.int64) if where is None else view.places(where)
    return FeatureRows(view, column, places, tuple(media), **whole)


def unit_vectors(vectors: FloatMatrix) -> FloatMatrix:
    """Scale each row `[N, D]` to length 1; a row of zeros or with NaN or infinity becomes zeros."""
    with np.errstate(all="ignore"):
        lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
        unit: FloatMatrix = (vectors / lengths[:, None]).astype(np.float32)
    unit[~(np.isfinite(lengths) & (lengths > 0))] = 0
    return unit


def _owners(batch: pa.RecordBatch, media: list[MediumFacts], number: dict[str, int]) -> npt.NDArray[np.int32]:
    """Return the number of the medium of each row; media that are new are added."""
    ids = batch.column("medium_id").dictionary_encode()
    codes = ids.indices.to_numpy()
    _, firsts = np.unique(codes, return_index=True)
    names = ids.dictionary.to_pylist()
    owners = np.empty(len(names), np.int32)
    facts = batch.select(["uri", "name", "label", "split"]).take(pa.array(firsts)).to_pylist()
    for code, fact in zip(codes[firsts].tolist(), facts, strict=True):
        if names[code] not in number:
            number[names[code]] = len(media)
            media.append(MediumFacts(names[code], **fact))
        owners[code] = number[names[code]]
    found: npt.NDArray[np.int32] = owners[codes]
    return found


def _numbers(batch: pa.RecordBatch) -> dict[str, npt.NDArray[Any]]:
    found: dict[str, npt.NDArray[Any]] = {
        name: batch.column(name).to_numpy(zero_copy_only=False).astype(np.float64)
        for name in ("t_s", "t_start_s", "t_end_s")
    }
    found["ordinal"] = batch.column("ordinal").to_numpy(zero_copy_only=False).astype(np.int64)
    found["frame_index"] = batch.column("frame_index").fill_null(-1).to_numpy(zero_copy_only=False)
    return found
