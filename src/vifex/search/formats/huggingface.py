"""A folder that Hugging Face's `datasets.load_from_disk` maps into memory, written with pyarrow alone.

`data-NNNNN-of-NNNNN.arrow` are Arrow streams of about 500 MB each, `dataset_info.json` has the features and
`state.json` the list of the files (https://huggingface.co/docs/datasets). A feature column is a list of
fixed length. What it is stands in its field's metadata, and the view's recipe in that of the schema.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vifex.search.columns import layer_of, rows_per_batch, thrifty
from vifex.search.formats.base import Format, typed_schema

if TYPE_CHECKING:
    import pyarrow as pa

    from vifex.store import View

__all__ = ["HUGGINGFACE"]

_FILE_BYTES: Final = 500_000_000
"""The library's own `max_shard_size`."""
_ROW_BYTES: Final = 400
"""About what the texts and numbers of a row take beside its vectors."""
_STATE: Final = "state.json"
_INFO: Final = "dataset_info.json"


def _write(view: View, path: Path, columns: Sequence[str], where: str | None) -> int:
    schema = _schema(view, columns)
    n_rows = view.count_rows(where)
    width = sum(layer_of(view, column).size * 4 for column in columns) + _ROW_BYTES
    n_files = max(1, math.ceil(n_rows * width / _FILE_BYTES))
    names = [f"data-{number:05d}-of-{n_files:05d}.arrow" for number in range(n_files)]
    step = rows_per_batch(sum(layer_of(view, column).size for column in columns))
    batches = thrifty(view.batches(columns=schema.names, where=where, batch_rows=step))
    rows = _write_files(path, names, schema, batches, max(1, math.ceil(n_rows / n_files)))
    (path / _INFO).write_text(_info(schema), encoding="utf-8")
    (path / _STATE).write_text(_state(names, _fingerprint(view, columns, where)), encoding="utf-8")
    return rows


def _write_files(
    path: Path, names: Sequence[str], schema: pa.Schema, batches: Iterator[pa.RecordBatch], rows_each: int
) -> int:
    """Write batches in order, so that each file but the last one has `rows_each` rows."""
    import pyarrow.ipc as ipc

    rows, rest = 0, None
    for number, name in enumerate(names):
        end = (number + 1) * rows_each if number + 1 < len(names) else None
        # Arrow does not accept paths with bytes that are not text, so it gets an open file.
        with (path / name).open("wb") as file, ipc.new_stream(file, schema) as writer:
            while end is None or rows < end:
                batch = rest if rest is not None else next(batches, None)
                if batch is None:
                    break
                here = batch.num_rows if end is None else min(batch.num_rows, end - rows)
                writer.write_batch(batch.slice(0, here).select(schema.names).cast(schema))
                rows, rest = rows + here, batch.slice(here) if here < batch.num_rows else None
    return rows


def _schema(view: View, columns: Sequence[str]) -> pa.Schema:
    import pyarrow as pa

    typed = typed_schema(view, columns)
    fields = [field.with_nullable(True) for field in typed]  # the library knows no others
    info = json.dumps({"info": {"features": _features(typed)}})
    return pa.schema(fields, metadata={**typed.metadata, "huggingface": info})


def _features(schema: pa.Schema) -> dict[str, Any]:
    """Return what the library calls features: the type of each column."""
    import pyarrow as pa

    features: dict[str, Any] = {}
    for field in schema:
        if pa.types.is_fixed_size_list(field.type):
            value = {"dtype": _dtype(field.type.value_type), "_type": "Value"}
            # Older versions of the library know no other name of a list.
            features[field.name] = {"feature": value, "length": field.type.list_size, "_type": "Sequence"}
        else:
            features[field.name] = {"dtype": _dtype(field.type), "_type": "Value"}
    return features


def _dtype(kind: pa.DataType) -> str:
    return {"halffloat": "float16", "float": "float32", "double": "float64"}.get(str(kind), str(kind))


def _info(schema: pa.Schema) -> str:
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    said = {"citation": "", "description": "", "features": features, "homepage": "", "license": ""}
    return json.dumps(said, indent=2)


def _state(names: Sequence[str], fingerprint: str) -> str:
    return json.dumps(
        {
            "_data_files": [{"filename": name} for name in names],
            "_fingerprint": fingerprint,
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": None,
        },
        indent=2,
    )


def _fingerprint(view: View, columns: Sequence[str], where: str | None) -> str:
    """Return 16 hex digits that name these rows: equal exports share the library's cache."""
    text = json.dumps([view.id, view.commit, view.checksum, list(columns), where])
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _is_own(folder: Path) -> bool:
    return (folder / _STATE).is_file() and (folder / _INFO).is_file()


HUGGINGFACE = Format(
    name="huggingface",
    suffix="",
    one_column=False,
    summary="A folder that `datasets.load_from_disk` maps into memory, with typed features.",
    write=_write,
    is_folder=True,
    is_own=_is_own,
)
