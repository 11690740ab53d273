"""`.jsonl`: an object for each row, with all row columns and each vector as a list of numbers.

Numbers of vectors are the shortest that read back to the same float32, or to the same float16. What is absent
is `null`, and so is NaN in a vector; infinity, which JSON does not know either, is `1e999`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vifex.search.columns import as_matrix, layer_of, rows_per_batch, thrifty
from vifex.search.formats.base import Format, row_columns

if TYPE_CHECKING:
    from vifex.store import View

__all__ = ["JSONL"]


def _write(view: View, path: Path, columns: Sequence[str], where: str | None) -> int:
    plain = row_columns(view)
    step = rows_per_batch(8 * sum(layer_of(view, column).size for column in columns))
    rows = 0
    with path.open("w", encoding="utf-8") as file:
        for batch in thrifty(view.batches(columns=[*plain, *columns], where=where, batch_rows=step)):
            # As texts, because JSON's own floats would be written with the digits of a double.
            vectors = {name: _texts(as_matrix(batch.column(name))) for name in columns}
            for place, line in enumerate(batch.select(plain).to_pylist()):
                text = json.dumps(line, ensure_ascii=False, allow_nan=False)[:-1]
                lists = "".join(
                    f", {json.dumps(name)}: [{', '.join(values[place])}]" for name, values in vectors.items()
                )
                file.write(f"{text}{lists}}}\n")
            rows += batch.num_rows
    return rows


def _texts(matrix: npt.NDArray[Any]) -> list[list[str]]:
    # float16 fits in float32, whose shortest text reads back to the same float16 too.
    texts = matrix.astype(np.float32).astype(str)
    if not np.isfinite(matrix).all():
        texts[np.isnan(matrix)] = "null"
        texts[matrix == np.inf], texts[matrix == -np.inf] = "1e999", "-1e999"
    found: list[list[str]] = texts.tolist()
    return found


JSONL = Format(
    name="jsonl",
    suffix=".jsonl",
    one_column=False,
    summary="An object per row with all row columns and vectors, for other programs.",
    write=_write,
)
