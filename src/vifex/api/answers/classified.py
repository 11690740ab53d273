"""What `vifex.classify` returns: the probability of each class for media or rows, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.values import InputError

__all__ = ["Classified"]


@dataclass(frozen=True, eq=False)
class Classified:
    """The probability of each class for each medium, or for each row."""

    data: str
    """The store."""
    view: str
    column: str
    by: str
    """The method of the classifier, or `words`."""
    classes: tuple[str, ...]
    names: tuple[str, ...]
    """`[N]`: name of each medium; of each row that of its medium."""
    uris: tuple[str, ...]
    medium_ids: tuple[str, ...]
    t_s: npt.NDArray[np.float64]
    """`[N]`: time of each row in seconds; NaN for images, and where media were classified."""
    n_rows: npt.NDArray[np.int64]
    """`[N]`: rows whose probabilities were averaged; 1 where rows were classified."""
    probabilities: npt.NDArray[np.float64]
    """`[N, C]`; each row sums to 1."""
    notes: tuple[str, ...] = ()
    relabelled: int = 0
    """Media of the store that have another label now."""
    files: Mapping[str, str] = field(default_factory=dict)
    """`table` to its path, where one was written."""

    def __len__(self) -> int:
        return len(self.names)

    @property
    def labels(self) -> tuple[str, ...]:
        """`[N]`: the most probable class; of equal ones the first."""
        return tuple(self.classes[c] for c in self.probabilities.argmax(axis=1))

    def to_arrow(self, top_k: int = 1) -> pa.Table:
        """Return a table with a row for each medium or row.

        Args:
            top_k: Number of classes, the most probable first. The second is in `label_2` and
                `probability_2`, and so on.

        Returns:
            Columns `name`, `uri`, `medium_id`, `t_s` (null without a time), `rows`, `label` and
            `probability`, and those of further classes.

        Raises:
            InputError: If `top_k` is below 1.
        """
        if top_k < 1:
            raise InputError(f"takes a number of at least 1, got {top_k}.", option="top_k")
        times = pa.array(self.t_s, pa.float64(), from_pandas=True)
        columns: dict[str, Any] = {
            "name": pa.array(self.names, pa.string()),
            "uri": pa.array(self.uris, pa.string()),
            "medium_id": pa.array(self.medium_ids, pa.string()),
            "t_s": times,
            "rows": pa.array(self.n_rows),
        }
        order = np.argsort(-self.probabilities, axis=1, kind="stable")[:, :top_k]
        classes = np.array(self.classes, dtype=object)
        for place in range(order.shape[1]):
            after = "" if place == 0 else f"_{place + 1}"
            chosen = order[:, place]
            columns[f"label{after}"] = pa.array(classes[chosen], pa.string())
            columns[f"probability{after}"] = self.probabilities[np.arange(len(self)), chosen]
        return pa.table(columns)

    def to_dict(self, top_k: int = 1) -> dict[str, Any]:
        """Return plain values for JSON, with the `top_k` most probable classes of each medium or row."""
        return {
            "store": self.data,
            "view": self.view,
            "column": self.column,
            "by": self.by,
            "classes": list(self.classes),
            "media": self.to_arrow(top_k).to_pylist(),
            "relabelled": self.relabelled,
            "notes": list(self.notes),
            "files": dict(self.files),
        }
