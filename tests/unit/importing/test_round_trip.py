"""Exports come back as the rows that they were: vectors to the bit, times, labels, splits and boxes."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vifex
from vifex.values.rows import ROW_NAMES

write_store = runpy.run_path(str(Path(__file__).parents[1] / "search" / "rows.py"))["write_store"]

NAMES = [
    "a.jpg",
    "v 1.mp4",
    'q "x", y.jpg',
    "=1.mp4",
    "ü 漢字.jpg",
    r"bad\xff.mp4",
    "line\nbreak.jpg",
    "z.mp4",
]
LABELS = ["cat", None, " NA", "x,y", "nan", "1", "null", 'say "b"']
SPLITS = ["train", "test", None, "val", "train", None, None, "test"]
SUFFIXES = {
    "npz": ".npz",
    "parquet": ".parquet",
    "csv": ".csv",
    "jsonl": ".jsonl",
    "hdf5": ".h5",
    "safetensors": ".safetensors",
    "huggingface": "",
    "lance": ".lance",
}


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Images with boxes and videos with times; the vectors are random bits, NaN and infinity among them."""
    folder = tmp_path_factory.mktemp("round_trip")
    rng = np.random.default_rng(3)
    made = {}
    for dtype in ("float32", "float16"):
        bits = rng.integers(0, 2 ** (8 * np.dtype(dtype).itemsize), (24, 7))
        x = bits.astype(f"u{np.dtype(dtype).itemsize}").view(dtype)
        x[np.isnan(x)] = np.nan  # texts know one NaN
        x[2, :3] = np.nan, np.inf, -np.inf
        made[dtype] = write_store(
            folder / f"{dtype}.vifex",
            {"head": x, "maps": rng.standard_normal((24, 3, 2, 2))},
            dtype=dtype,
            names=NAMES,
            labels=LABELS,
            splits=SPLITS,
            commits=2,
        )
    return made


def quiet(notice: str) -> None:
    pass


def bits_of(table: Any, column: str) -> bytes:
    return table[column].combine_chunks().flatten().to_numpy(zero_copy_only=False).tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("form", SUFFIXES)
def test_every_export_comes_back(form: str, dtype: str, stores: dict[str, Path], tmp_path: Path) -> None:
    with vifex.open(stores[dtype]) as store:
        columns = ["head"] if form == "npz" else store.columns
        store.export(tmp_path / f"x{SUFFIXES[form]}", to=form, column="head" if form == "npz" else None)
        wanted, recipe = store.to_arrow([*ROW_NAMES, *columns]), store.recipe
    report = vifex.import_features(tmp_path / f"x{SUFFIXES[form]}", tmp_path / "b.vifex", on_notice=quiet)
    assert (report.rows, report.media, report.without_address) == (24, 8, 0)
    is_text = form in ("csv", "jsonl")
    assert report.missing == (("model",) if is_text else ())
    assert report.can_query != is_text
    with vifex.open(tmp_path / "b.vifex") as store:
        found = store.to_arrow()
        ledger = store.ledger().to_pylist()
        if not is_text:
            assert [spec for spec in recipe.layers if spec.column in columns] == list(store.recipe.layers)
            assert (store.recipe.model, store.recipe.pixels) == (recipe.model, recipe.pixels)
    assert found.select(ROW_NAMES).equals(wanted.select(ROW_NAMES))
    for column in columns:
        if is_text and dtype == "float16":  # texts do not say the type; the numbers are the same
            size = wanted.schema.field(column).type.list_size
            mine = wanted[column].combine_chunks().flatten().to_numpy(zero_copy_only=False)
            read = found[column].combine_chunks().flatten().to_numpy(zero_copy_only=False)
            np.testing.assert_array_equal(read.reshape(-1, size), mine.reshape(-1, size).astype(np.float32))
        else:
            assert bits_of(found, column) == bits_of(wanted, column), column
    said = {entry["name"]: (entry["label"], entry["split"], entry["reason"]) for entry in ledger}
    source = f"imported from x{SUFFIXES[form]}"
    assert said == {n: (label, split, source) for n, label, split in zip(NAMES, LABELS, SPLITS, strict=True)}


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_npy_comes_back_with_the_other_columns_beside_it(
    form: str, stores: dict[str, Path], tmp_path: Path
) -> None:
    with vifex.open(stores["float16"]) as store:
        store.export(tmp_path / "x.npy", to="npy", column="maps")
        store.export(tmp_path / f"x.{form}", to=form, vectors=False)
        wanted = store.to_arrow([*ROW_NAMES, "maps"])
    vifex.import_features(
        tmp_path / "x.npy", tmp_path / "b.vifex", media=tmp_path / f"x.{form}", on_notice=quiet
    )
    with vifex.open(tmp_path / "b.vifex") as store:
        found = store.to_arrow()
        assert store.to_numpy("features").shape == (24, 3, 2, 2)
    assert found.select(ROW_NAMES).equals(wanted.select(ROW_NAMES))
    assert bits_of(found, "features") == bits_of(wanted, "maps")


@pytest.mark.parametrize("to", ["npy", "npz"])
def test_a_file_for_each_medium_comes_back(to: Any, stores: dict[str, Path], tmp_path: Path) -> None:
    """The layout has vectors and times; a time in milliseconds is rounded once."""
    with vifex.open(stores["float32"]) as store:
        store.export_each_medium(tmp_path / "x", to=to, column="head")
        wanted = {name: store.item(name) for name in NAMES}
    report = vifex.import_features(tmp_path / "x", tmp_path / "b.vifex", on_notice=quiet)
    assert (report.rows, report.media, report.model, report.can_query) == (24, 8, "test-1", False)
    assert report.missing == ("uri", "label", "split", "frame_index", "box", "model")
    # What no file can be called on every system is `_`; suffixes are left out.
    stems = ["a", "v 1", "q _x_, y", "=1", "ü 漢字", "bad/xff", "line_break", "z"]
    with vifex.open(tmp_path / "b.vifex") as store:
        for stem, name in zip(stems, NAMES, strict=True):
            item, before = store.item(stem), wanted[name]
            (column,) = item.columns
            assert item.columns[column].tobytes() == before.columns["head"].tobytes()
            np.testing.assert_allclose(item.t_s, before.t_s, rtol=1e-15)


def test_the_same_import_again_writes_nothing_and_a_new_file_replaces(
    stores: dict[str, Path], tmp_path: Path
) -> None:
    target, back = tmp_path / "x.parquet", tmp_path / "b.vifex"
    with vifex.open(stores["float32"]) as store:
        store.export(target, to="parquet", where="label = 'cat'")
        first = vifex.import_features(target, back, on_notice=quiet)
        again = vifex.import_features(target, back, on_notice=quiet)
        store.export(target, to="parquet", overwrite=True)
        third = vifex.import_features(target, back, on_notice=quiet)
        rows = store.count_rows()
    assert (first.media, first.rows, first.already_done) == (1, 1, 0)
    assert (again.media, again.rows, again.already_done) == (1, 0, 1)
    assert (third.media, third.rows, third.replaced) == (8, rows, 1)
    with vifex.open(back) as store:
        assert store.count_rows() == rows
        assert store.verify().ok


def test_small_batches_and_spilled_media_change_nothing(
    stores: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with vifex.open(stores["float32"]) as store:
        store.export(tmp_path / "x.lance", to="lance")
        wanted = store.to_arrow(["key", "head"])
    monkeypatch.setattr("vifex.importing.tables.rows_per_batch", lambda features: 2)
    monkeypatch.setattr("vifex.importing.filling._SPILL_BYTES", 1)
    vifex.import_features(tmp_path / "x.lance", tmp_path / "b.vifex", on_notice=quiet)
    with vifex.open(tmp_path / "b.vifex") as store:
        found = store.to_arrow(["key", "head"])
    order = np.argsort(found["key"].to_pylist()), np.argsort(wanted["key"].to_pylist())
    assert bits_of(found.take(order[0]), "head") == bits_of(wanted.take(order[1]), "head")
