"""The layout of `video_features`: files `NAME_MODEL.npy`, `NAME_timestamps_ms.npy` and `NAME_fps.npy`.

Each medium has files of its own, in one folder or in folders below it (https://github.com/v-iashin/video_features);
or one `NAME_MODEL.npz` with the arrays `features`, `timestamps_ms` and `fps`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zipfile import BadZipFile, ZipFile

import numpy as np

from vifex.importing.arrays import RowArray
from vifex.importing.features import (
    Feature,
    FeatureFile,
    as_column,
    check_width,
    chosen,
    damaged,
    rows_per_batch,
    stamp_of,
)
from vifex.importing.formats.npz import open_member
from vifex.importing.npy_stream import npy_array, open_binary
from vifex.values import InputError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["holds_media", "is_of_one_medium", "open_folder"]

_TIMES: Final = "_timestamps_ms"
_RATE: Final = "_fps"


def holds_media(path: Path) -> bool:
    """Return whether a folder has arrays of NumPy, in it or below."""
    return any(True for _ in chain(path.rglob("*.npy"), path.rglob("*.npz")))


def is_of_one_medium(path: Path) -> bool:
    """Return whether a file is one of this layout: times are in it or beside it, or it is times."""
    if path.suffix.lower() == ".npz":
        try:
            with ZipFile(path) as archive:
                return {"features.npy", "timestamps_ms.npy"} <= set(archive.namelist())
        except (OSError, BadZipFile):
            return False
    if path.stem.endswith((_TIMES, _RATE)):
        return True
    return any(start.with_name(f"{start.name}{_TIMES}.npy").is_file() for start in _starts(path))


def open_folder(path: Path, wanted: Sequence[str], only: Sequence[Path] = ()) -> FeatureFile:
    """Open a folder of arrays, one medium after the other in the order of names.

    Args:
        path: The folder.
        wanted: Models, as the names of the files have them, whose features are read; by default all.
        only: Files to read; by default all of the folder.

    Raises:
        InputError: If the files cannot be read, or the media differ in their vectors.
    """
    import pyarrow as pa

    files = sorted(only) or sorted(chain(path.rglob("*.npy"), path.rglob("*.npz")))
    media = _media(path, files)
    streams = list(dict.fromkeys(stream for found in media.values() for stream in found))
    picked = chosen(streams, wanted, path)
    media = {name: found for name, found in media.items() if any(stream in found for stream in picked)}
    first = next(iter(media.values()))
    features = tuple(_feature(stream, first, path) for stream in picked)
    check_width(features, path)
    schema = pa.schema([("name", pa.string()), ("t_s", pa.float64())])

    def read(fact_names: Sequence[str], feature_names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        by_name = {feature.name: feature for feature in features}
        for name, found in media.items():
            yield from _rows(name, found, fact_names, [by_name[n] for n in feature_names], path)

    stamp = stamp_of(*files)
    model = picked[0] if len(picked) == 1 else None
    return FeatureFile(path, "video_features", features, schema, read, model=model, stamp=stamp)


def _media(folder: Path, files: Sequence[Path]) -> dict[str, dict[str, Path]]:
    """Return the files of each medium by their model, media by their names."""
    arrays = [file for file in files if not file.stem.endswith((_TIMES, _RATE))]
    timed = {file.with_name(file.stem.removesuffix(_TIMES)) for file in files if file.stem.endswith(_TIMES)}
    suffixes: list[str] = []
    for file in arrays:
        # The longest name that has times: `a_b` of `a_b_resnet`, where there is an `a` too.
        starts = [one for one in _starts(file) if one in timed]
        if starts:
            suffixes.append(file.stem.removeprefix(f"{starts[0].name}_"))
    suffixes = sorted(set(suffixes), key=len, reverse=True) or [_shared(arrays)]
    media: dict[str, dict[str, Path]] = {}
    for file in arrays:
        suffix = next((one for one in suffixes if one and file.stem.endswith(f"_{one}")), "")
        stem = file.stem.removesuffix(f"_{suffix}") if suffix else file.stem
        name = file.with_name(stem).relative_to(folder).as_posix()
        media.setdefault(name, {})[suffix or "features"] = file
    return dict(sorted(media.items()))


def _starts(file: Path) -> list[Path]:
    words = file.stem.split("_")
    return [file.with_name("_".join(words[:count])) for count in range(len(words) - 1, 0, -1)]


def _shared(files: Sequence[Path]) -> str:
    """Return the longest ending behind an underscore that all names share; empty if there is none."""
    if not files:
        return ""
    words = [file.stem.split("_")[1:] for file in files]
    if len(files) == 1:
        return words[0][-1] if words[0] else ""
    count = 0
    while all(len(one) > count and one[-count - 1] == words[0][-count - 1] for one in words):
        count += 1
    return "_".join(words[0][len(words[0]) - count :]) if count else ""


def _array(file: Path) -> tuple[RowArray, Any]:
    """Return the features of a file, and the times that it has itself."""
    try:
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as arrays:
                names = arrays.files
                times = arrays["timestamps_ms"] if "timestamps_ms" in names else None
            member = "features" if "features" in names else names[0]
            return npy_array(partial(open_member, file, f"{member}.npy")), times
        times_file = None
        for start in _starts(file):
            beside = start.with_name(f"{start.name}{_TIMES}.npy")
            if beside.is_file():
                times_file = beside
                break
        array = npy_array(partial(open_binary, file))
        return array, None if times_file is None else np.load(times_file, allow_pickle=False)
    except (OSError, ValueError, EOFError, IndexError, BadZipFile) as exc:
        raise damaged(file, exc, "an array of NumPy") from exc


def _feature(stream: str, found: dict[str, Path], folder: Path) -> Feature:
    if stream not in found:
        raise InputError(
            f"not every medium has the features of {stream!r}.",
            of=str(folder),
            todo="Name one of them as the column.",
        )
    array, _ = _array(found[stream])
    if not array.is_feature:
        raise InputError(
            f"the array has the shape {list(array.shape)} and the type {array.dtype}.",
            of=str(found[stream]),
            todo="Give numbers with a row for each moment: [N, D].",
        )
    half = array.dtype == np.float16
    return Feature(stream, array.shape[1:], "float16" if half else "float32", str(array.dtype))


def _rows(
    name: str, found: dict[str, Path], facts: Sequence[str], features: Sequence[Feature], folder: Path
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of one medium."""
    import pyarrow as pa

    arrays, times = {}, None
    for feature in features:
        if feature.name not in found:
            raise _unlike(name, f"it has no features of {feature.name!r}", folder)
        array, own = _array(found[feature.name])
        if array.shape[1:] != feature.shape:
            raise _unlike(name, f"its vectors have the shape {list(array.shape[1:])}", folder)
        arrays[feature.name] = array
        times = own if times is None else times
    counts = {array.shape[0] for array in arrays.values()}
    if len(counts) > 1 or (times is not None and np.shape(times) != (max(counts),)):
        raise _unlike(name, "it has another number of times than of rows", folder)
    (n_rows,) = counts
    step = rows_per_batch(features)
    with ExitStack() as stack:
        takes = {feature.name: arrays[feature.name].open(stack) for feature in features}
        for start in range(0, n_rows, step):
            count = min(step, n_rows - start)
            columns: list[Any] = []
            for fact in facts:
                if fact == "name":
                    columns.append(pa.array([name] * count, pa.string()))
                else:
                    part = (
                        None if times is None else np.asarray(times[start : start + count], np.float64) / 1000
                    )
                    columns.append(pa.nulls(count, pa.float64()) if part is None else pa.array(part))
            try:
                columns += [as_column(takes[feature.name](count), feature) for feature in features]
            except (OSError, ValueError, EOFError) as exc:
                raise damaged(found[features[0].name], exc, "an array of NumPy") from exc
            yield pa.RecordBatch.from_arrays(columns, names=[*facts, *(f.name for f in features)])


def _unlike(name: str, why: str, folder: Path) -> InputError:
    return InputError(
        f"the files of {name} do not fit the others: {why}.",
        of=str(folder),
        todo="Take them out of the folder, or name one model as the column.",
    )
