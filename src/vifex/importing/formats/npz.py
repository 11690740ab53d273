"""`.npz`: arrays by name, of an export of Vifex or of other tools. Members are read as streams."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from vifex.importing.arrays import RowArray, array_file
from vifex.importing.features import FeatureFile, damaged, stamp_of
from vifex.importing.npy_stream import npy_array

__all__ = ["open_member", "open_npz"]

_OURS: Final = {"names": "name", "keys": "key"}
_RECIPE: Final = "recipe"


def open_npz(path: Path, wanted: Sequence[str]) -> FeatureFile:
    """Open an archive of arrays.

    Raises:
        InputError: If it cannot be read or has no vectors.
    """
    arrays: dict[str, RowArray] = {}
    reasons: dict[str, str] = {}
    recipe = None
    try:
        with zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if name.endswith(".npy")]
            if f"{_RECIPE}.npy" in members:
                with archive.open(f"{_RECIPE}.npy") as file:
                    recipe = _recipe(file)
        for member in members:
            name = member.removesuffix(".npy")
            try:
                arrays[name] = npy_array(partial(open_member, path, member))
            except ValueError as exc:  # one array is no reason to give up the others
                reasons[name] = str(exc)
    except (OSError, zipfile.BadZipFile, EOFError) as exc:
        raise damaged(path, exc, "an archive of arrays") from exc
    if reasons and not any(one.is_feature for one in arrays.values()):
        name, why = next(iter(reasons.items()))
        raise damaged(path, f"{name}: {why}", "an archive of arrays")
    names = dict(_OURS) if recipe is not None else {}
    if recipe is not None and "column" in recipe:
        names["X"] = str(recipe["column"])
        wanted = ["X" if name == recipe["column"] else name for name in wanted]
    return array_file(path, "npz", arrays, wanted, recipe=recipe, names=names, stamp=stamp_of(path))


def _recipe(file: IO[bytes]) -> Mapping[str, Any] | None:
    try:
        found = json.loads(str(np.load(file, allow_pickle=False)))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def open_member(path: Path, member: str) -> IO[bytes]:
    """Open a member of an archive by itself."""
    with zipfile.ZipFile(path) as archive:  # its file stays open until that of the member is closed
        return archive.open(member)
