"""The frames of a view in the order of time: when each starts and ends, and which rows belong to it.

A frame here is whatever a row of a view stands for: a frame of a video, a clip, a window of sound, a page
or an image. Several rows of one frame, as those of its regions, count as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa

    from vifex.store import View

__all__ = ["Frames", "read_frames"]

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

_COLUMNS = ("medium_id", "frame_index", "t_start_s", "t_end_s")


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Frames in the stored order of the view; those of a medium follow each other in the order of time."""

    places: Places
    """`[N]`: place of each row in the stored order of the view, rising."""
    first_row: Places
    """`[F]`: index of the first row of each frame in `places`."""
    start_s: Floats
    """`[F]`: NaN for images."""
    end_s: Floats
    media: tuple[str, ...]
    """`[M]`: the id of each medium."""
    first_frame: Places
    """`[M + 1]`: index of the first frame of each medium, and at the end the number of frames."""

    def __len__(self) -> int:
        return len(self.first_row)

    def best_rows(self, gains: Floats) -> tuple[Floats, Places]:
        """Return the highest gain of each frame `[F]` and the index of the row that has it.

        Args:
            gains: `[N]`, higher is nearer; -inf for rows that do not answer the query.
        """
        highest = np.maximum.reduceat(gains, self.first_row) if len(self) else np.empty(0)
        owners = np.repeat(np.arange(len(self)), np.diff(self.first_row, append=len(gains)))
        at_best = np.flatnonzero(gains == highest[owners])
        _, first = np.unique(owners[at_best], return_index=True)
        return highest, at_best[first]


def read_frames(view: View, where: str | None = None) -> Frames:
    """Read the times of all rows, or of those that an SQL filter lets through.

    Raises:
        InputError: If the filter is wrong.
    """
    batches = view.batches(_COLUMNS, where, batch_rows=1 << 16)
    numbers: dict[str, int] = {}
    parts = [_arrays(batch, numbers) for batch in batches]
    medium, page, start_s, end_s = (
        np.concatenate([np.empty(0, kind), *(part[i] for part in parts)])
        for i, kind in enumerate((np.int64, np.int64, np.float64, np.float64))
    )
    rows = len(medium)
    places = np.arange(rows, dtype=np.int64) if where is None else view.places(where)
    starts_medium = np.diff(medium, prepend=-1) != 0
    # NaN differs from itself, so times of images are compared as a number that no time has.
    moved = np.diff(np.nan_to_num(start_s, nan=-1.0), prepend=np.nan) != 0
    turned = np.diff(page, prepend=-2) != 0
    first_row = np.flatnonzero(starts_medium | moved | turned)
    first_frame = np.flatnonzero(starts_medium[first_row])
    return Frames(
        places,
        first_row,
        start_s[first_row],
        end_s[first_row],
        tuple(numbers),
        np.append(first_frame, len(first_row)),
    )


def _arrays(batch: pa.RecordBatch, numbers: dict[str, int]) -> tuple[npt.NDArray[Any], ...]:
    ids = batch.column("medium_id").dictionary_encode()
    known = [numbers.setdefault(name, len(numbers)) for name in ids.dictionary.to_pylist()]
    medium = np.array(known, np.int64)[ids.indices.to_numpy()]
    page = batch.column("frame_index").fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    start_s, end_s = (
        batch.column(name).to_numpy(zero_copy_only=False).astype(np.float64)
        for name in ("t_start_s", "t_end_s")
    )
    return medium, page, start_s, end_s
