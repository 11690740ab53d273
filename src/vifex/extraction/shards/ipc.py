"""Record batches as bytes, and back without a copy."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa

__all__ = ["from_bytes", "only", "to_bytes"]


def to_bytes(batch: pa.RecordBatch) -> bytes:
    """Write one record batch as an IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    written: bytes = sink.getvalue().to_pybytes()
    return written


def from_bytes(data: bytes) -> pa.RecordBatch:
    """Read the record batch over the same memory."""
    with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
        return reader.read_next_batch()


def only(rows: pa.RecordBatch, counts: Sequence[int], places: Collection[int]) -> pa.RecordBatch:
    """Leave rows of some media out.

    Args:
        rows: Rows of several media, one after the other.
        counts: Rows of each medium.
        places: Of the media whose rows stay.
    """
    stay = np.repeat([place in places for place in range(len(counts))], counts)
    return rows.filter(pa.array(stay))
