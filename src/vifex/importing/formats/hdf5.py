"""HDF5: datasets of all groups that have a row for each row. Needs h5py."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from vifex.importing.arrays import RowArray, array_file
from vifex.importing.features import FeatureFile, damaged, stamp_of
from vifex.values.registry import require

__all__ = ["open_hdf5"]


def open_hdf5(path: Path, wanted: Sequence[str]) -> FeatureFile:
    """Open a file of datasets.

    Raises:
        InputError: If it cannot be read or has no vectors.
        MissingExtraError: If h5py is not installed.
    """
    h5py = require("h5py", extra="export", needed_for="HDF5")
    arrays: dict[str, RowArray] = {}

    def note(name: str, found: Any) -> None:
        if isinstance(found, h5py.Dataset) and found.shape:
            is_text = h5py.check_string_dtype(found.dtype) is not None
            if is_text or found.dtype.kind in "fiuSb":
                dtype = None if is_text else found.dtype
                arrays[name] = RowArray(found.shape, dtype, partial(_open, h5py, path, name))

    try:
        with h5py.File(path, "r") as file:
            file.visititems(note)
            text = file.attrs.get("vifex.recipe")
            recipe = None if text is None else json.loads(text)
    except (OSError, ValueError, RuntimeError) as exc:
        raise damaged(path, exc, "HDF5") from exc
    return array_file(path, "hdf5", arrays, wanted, recipe=recipe, stamp=stamp_of(path))


def _open(h5py: Any, path: Path, name: str, stack: ExitStack) -> Callable[[int], Any]:
    dataset = stack.enter_context(h5py.File(path, "r"))[name]
    at = 0

    def take(count: int) -> Any:
        nonlocal at
        at += count
        return dataset[at - count : at]

    return take
