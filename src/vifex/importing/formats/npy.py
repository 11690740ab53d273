"""`.npy`: one array with a row for each row, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from vifex.importing.arrays import array_file
from vifex.importing.features import FeatureFile, damaged, stamp_of
from vifex.importing.npy_stream import npy_array, open_binary
from vifex.values import InputError

__all__ = ["open_npy"]


def open_npy(path: Path, wanted: Sequence[str]) -> FeatureFile:
    """Open a matrix `[N, ...]`; its column is called `features`.

    Raises:
        InputError: If it cannot be read or has fewer than two axes.
    """
    try:
        array = npy_array(partial(open_binary, path))
    except (OSError, ValueError, EOFError) as exc:
        raise damaged(path, exc, "an array of NumPy") from exc
    if not array.is_feature:
        raise InputError(
            f"the array has the shape {list(array.shape)} and the type {array.dtype}.",
            of=str(path),
            todo="Give numbers with a row for each vector: [N, D].",
        )
    return array_file(path, "npy", {"features": array}, wanted, stamp=stamp_of(path))
