"""Arrow files and streams, and folders of them as Hugging Face's `datasets` saves them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vifex.importing.features import FeatureFile, damaged, stamp_of
from vifex.importing.tables import table_file
from vifex.values import InputError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["dataset_folders", "open_arrow", "open_dataset"]


def open_arrow(path: Path, wanted: Sequence[str], *, needs_vectors: bool = True) -> FeatureFile:
    """Open an Arrow file or stream.

    Raises:
        InputError: If it cannot be read or has no vectors.
    """
    return _open(path, "arrow", [path], wanted, needs_vectors=needs_vectors)


def open_dataset(path: Path, wanted: Sequence[str], *, needs_vectors: bool = True) -> FeatureFile:
    """Open a folder that `save_to_disk` or an export has written.

    Raises:
        InputError: If it cannot be read or has no vectors.
    """
    try:
        state = json.loads((path / "state.json").read_text(encoding="utf-8"))
        names = [str(one["filename"]) for one in state["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise damaged(path / "state.json", exc, "the state of a dataset") from exc
    files = [path / name for name in names]
    outside = [file for file in files if file.parent != path]
    absent = [file for file in files if not file.is_file()]
    if outside or absent or not files:
        named = (outside or absent or [path])[0]
        raise InputError(
            "a file of the dataset is not there.", of=str(named), todo="Get a fresh copy of the folder."
        )
    if (path / "indices.arrow").exists() or state.get("_indices_files"):
        raise InputError(
            "the dataset was saved with a table of indices.",
            of=str(path),
            todo="Save it again after `dataset.flatten_indices()`.",
        )
    return _open(path, "huggingface", files, wanted, needs_vectors=needs_vectors)


def dataset_folders(path: Path) -> list[tuple[Path, str | None]] | None:
    """Return the folders of a saved dataset with their splits; `None` if a folder is none."""
    if (path / "state.json").is_file():
        return [(path, None)]
    try:
        splits = json.loads((path / "dataset_dict.json").read_text(encoding="utf-8"))["splits"]
        return [(path / str(split), str(split)) for split in splits]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _open(
    path: Path, form: str, files: Sequence[Path], wanted: Sequence[str], *, needs_vectors: bool
) -> FeatureFile:
    import pyarrow as pa

    def batches(columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
        for file in files:
            yield from _batches(file, columns, rows)

    try:
        schema = _reader(files[0])[1]
    except (pa.ArrowException, OSError) as exc:
        raise damaged(files[0], exc, "Arrow") from exc
    return table_file(
        path,
        form,
        schema,
        batches,
        wanted,
        n_rows=None,
        stamp=stamp_of(*files),
        needs_vectors=needs_vectors,
    )


def _batches(path: Path, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    try:
        found, _ = _reader(path)
        for batch in found:
            picked = batch.select(list(columns))
            picked.validate(full=True)  # the library takes offsets on trust
            for start in range(0, picked.num_rows, rows):
                yield picked.slice(start, rows)
    except (pa.ArrowException, OSError, KeyError) as exc:
        raise damaged(path, exc, "Arrow") from exc


def _reader(path: Path) -> tuple[Iterator[Any], pa.Schema]:
    """Return the batches of a file or a stream, mapped into memory, and their schema."""
    import pyarrow as pa
    import pyarrow.ipc as ipc

    mapped = pa.memory_map(str(path))
    try:
        file = ipc.open_file(mapped)
        return (file.get_batch(i) for i in range(file.num_record_batches)), file.schema
    except pa.ArrowInvalid:
        mapped.seek(0)
        stream = ipc.open_stream(mapped)
        return iter(stream), stream.schema
