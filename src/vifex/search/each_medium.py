"""Export with a file for each medium, as users of `video_features` know it.

`NAME_MODEL.npy` holds the vectors `[N, *shape]` in the order of time, and for videos and sound
`NAME_timestamps_ms.npy` the time of each row `[N]`, float64 milliseconds, and `NAME_fps.npy` the number of
rows in a second, one float64 (https://github.com/v-iashin/video_features). Folders of names stay folders.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vifex.search.columns import as_matrix, layer_of, rows_per_batch, thrifty
from vifex.search.files import folder_written_whole
from vifex.values import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from vifex.store import View

__all__ = ["export_each_medium"]

_PLAIN: Final = ("medium_id", "name", "t_s")
_NO_FILE: Final = re.compile(r'[\x00-\x1f<>:"|?*\\]')


@dataclass(slots=True)
class _Rows:
    """Rows of one medium, gathered from batches."""

    medium_id: str
    name: str
    t_s: list[Any] = field(default_factory=list)
    vectors: dict[str, list[Any]] = field(default_factory=dict)


def export_each_medium(
    view: View,
    folder: str | os.PathLike[str],
    *,
    columns: Sequence[str],
    to: str = "npy",
    where: str | None = None,
    overwrite: bool = False,
) -> tuple[int, int]:
    """Write the files of each medium into a new folder, which appears complete or not at all.

    Memory holds the rows of one medium and a batch.

    Args:
        view: The view to export.
        folder: The folder.
        columns: Feature columns. Of several, the column stands behind the model in the names of files.
        to: `npy`, or `npz` for `NAME_MODEL.npz` with the arrays `features`, `timestamps_ms` and `fps`.
        where: SQL filter over the row columns.
        overwrite: Whether a folder that is there is replaced.

    Returns:
        How many media and how many rows were written.

    Raises:
        InputError: If the folder is taken or cannot be written, or the format is another one.
    """
    if to not in ("npy", "npz"):
        raise InputError(
            f"a file for each medium is npy or npz, not {to!r}.", todo='Give `to="npy"` or `to="npz"`.'
        )
    stems = _Stems(view, where)
    media = rows = 0
    with folder_written_whole(folder, overwrite=overwrite, is_own=_holds_arrays, synced=False) as aside:
        for one in _media(view, columns, where):
            _write(aside / stems.of(one), one, view, columns, to)
            media, rows = media + 1, rows + len(one.t_s)
    return media, rows


def _holds_arrays(folder: Path) -> bool:
    """Whether all files of a folder are arrays of NumPy."""
    return all(path.suffix in (".npy", ".npz") for path in folder.rglob("*") if not path.is_dir())


def _media(view: View, columns: Sequence[str], where: str | None) -> Iterator[_Rows]:
    """Yield the rows of each medium; a store keeps them together, by rising ordinal."""
    step = rows_per_batch(sum(layer_of(view, column).size for column in columns))
    rows: _Rows | None = None
    for batch in thrifty(view.batches(columns=[*_PLAIN, *columns], where=where, batch_rows=step)):
        for start, end in _runs(batch.column("medium_id")):
            part = batch.slice(start, end - start)
            medium_id = part.column("medium_id")[0].as_py()
            if rows is None or rows.medium_id != medium_id:
                if rows is not None:
                    yield rows
                rows = _Rows(medium_id, part.column("name")[0].as_py(), vectors={c: [] for c in columns})
            rows.t_s += part.column("t_s").to_pylist()
            for column in columns:
                matrix = as_matrix(part.column(column))
                rows.vectors[column].append(matrix.reshape(-1, *layer_of(view, column).shape))
    if rows is not None:
        yield rows


def _runs(ids: pa.Array) -> Iterator[tuple[int, int]]:
    """Yield start and end of each run of equal values."""
    texts = ids.to_pylist()
    start = 0
    for place in range(1, len(texts) + 1):
        if place == len(texts) or texts[place] != texts[start]:
            yield start, place
            start = place


def _write(stem: Path, one: _Rows, view: View, columns: Sequence[str], to: str) -> None:
    stem.parent.mkdir(parents=True, exist_ok=True)
    timed: dict[str, Any] = {}
    if one.t_s and all(t is not None for t in one.t_s):
        times = np.asarray(one.t_s, np.float64)
        timed = {"timestamps_ms": times * 1000, "fps": np.float64(_rate(times, view))}
    model = _safe(view.recipe.model)
    for column in columns:
        called = f"{stem.name}_{model}" + (f"_{column}" if len(columns) > 1 else "")
        vectors = np.concatenate(one.vectors[column])
        if to == "npz":
            np.savez(stem.with_name(f"{called}.npz"), features=vectors, **timed)
        else:
            np.save(stem.with_name(f"{called}.npy"), vectors)
    if to == "npy":
        for name, values in timed.items():
            np.save(stem.with_name(f"{stem.name}_{name}.npy"), values)


def _rate(times: Any, view: View) -> float:
    """Return rows in a second: what was asked for, else by the median distance; NaN of a single row."""
    sampling = view.recipe.sampling
    is_even = sampling.sampler == "fps" and sampling.max_frames is None and sampling.changed_only is None
    if view.recipe.audio is None and is_even and sampling.fps:
        return float(sampling.fps)
    gaps = np.diff(times)
    gaps = gaps[gaps > 0]
    return float(1 / np.median(gaps)) if len(gaps) else float("nan")


class _Stems:
    """The path of each medium in the folder, without the ending of its name where that is not ambiguous."""

    def __init__(self, view: View, where: str | None) -> None:
        seen: dict[str, str] = {}
        self._doubled: set[str] = set()
        for batch in view.batches(columns=["medium_id", "name"], where=where, batch_rows=1 << 14):
            pairs = zip(batch.column("medium_id").to_pylist(), batch.column("name").to_pylist(), strict=True)
            for medium_id, name in dict.fromkeys(pairs):
                stem = _stem(name).lower()  # some disks do not tell upper and lower case apart
                if seen.setdefault(stem, medium_id) != medium_id:
                    self._doubled.add(stem)
        self._taken: dict[str, int] = {}

    def of(self, one: _Rows) -> Path:
        stem = _stem(one.name)
        if stem.lower() in self._doubled:
            stem = _safe_path(one.name)
            count = self._taken[stem.lower()] = self._taken.get(stem.lower(), 0) + 1
            stem = stem if count == 1 else f"{stem}-{count}"  # spans of one file share its name
        return Path(stem)


def _stem(name: str) -> str:
    path = _safe_path(name)
    folder, between, last = path.rpartition("/")
    return folder + between + (last.rpartition(".")[0] or last)


def _safe_path(name: str) -> str:
    """Return a name that stays inside of the folder: `../a` and `/a` are `_/a` and `a`."""
    parts = [_safe(part) for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    return "/".join("_" if part == ".." else part for part in parts) or "_"


def _safe(part: str) -> str:
    return _NO_FILE.sub("_", part).replace("/", "_")[:200]
