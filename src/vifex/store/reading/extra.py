"""The extra columns of rows as they are read: the store keeps Lance's JSON, and gives texts."""

from __future__ import annotations

import pyarrow as pa

__all__ = ["plain_json"]


def plain_json(column: pa.Array) -> pa.Array:
    """Return a column of JSON as one of texts, and others as they are."""
    if isinstance(column, pa.ExtensionArray):
        return column.storage.cast(pa.string())
    return column
