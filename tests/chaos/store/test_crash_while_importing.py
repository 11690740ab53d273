"""A crash right after any step of an import: each medium is there whole or not, and the import goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from crash_maker import crashes
from store_maker import bits, by_key

from vifex.importing import Choice, facts_of_file, fill_view, imported_recipe, open_files
from vifex.store import CommitRule, open_store, open_writer

RULE = CommitRule(media=2)
ROWS = {"a.jpg": 1, "b.mp4": 5, "c.jpg": 1, "d.mp4": 9, "e.jpg": 1, "f.jpg": 1, "g.mp4": 4}
NAMES = [name for name, count in ROWS.items() for _ in range(count)]
X = np.random.default_rng(1).standard_normal((len(NAMES), 6)).astype(np.float32)


def write(file: Path, vectors: np.ndarray) -> None:
    columns = {"path": NAMES, "t": np.arange(len(NAMES), dtype=float), "vec": vectors.tolist()}
    pq.write_table(pa.table(columns), file)


def import_into(store: Path, file: Path) -> int:
    opened = open_files([file], Choice())
    recipe = imported_recipe(opened, None)
    with open_writer(store, run="{}", rule=RULE) as writer:
        readings = [facts_of_file(one, None) for one in opened]
        return fill_view(writer.view("main", recipe), readings, recipe, None).already_done


def again(store: Path, file: Path) -> None:
    import_into(store, file)


def contents(store: Path) -> list[object]:
    with open_store(store) as read:
        view = read.view()
        assert read.verify()[0].ok
        return bits(by_key(view.to_arrow()))


@pytest.mark.usefixtures("eager_maintenance")
@pytest.mark.parametrize("power", [False, True], ids=["kill", "power"])
def test_a_crash_at_any_step_of_an_import(power: bool, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second file has other vectors for media that the view has: old rows or new ones, never both."""
    monkeypatch.setattr("vifex.importing.tables.rows_per_batch", lambda features: 3)
    monkeypatch.setattr("vifex.importing.filling._SPILL_BYTES", 400)
    store, file = folder / "s.vifex", folder / "x.parquet"
    write(file, X)
    import_into(store, file)
    write(file, -X)
    (folder / "copies").mkdir()
    lost = monkeypatch if power else None
    found = crashes(store, folder / "copies", lost, lambda: again(store, file), occurrences=[2])
    wanted = contents(store)
    steps = {step for step, _, _ in found}
    assert {"rows.written", "rows.manifest_synced", "ledger.data_synced", "ledger.manifest_synced"} <= steps
    resumed = set()
    for step, copy, _ in found:
        with open_store(copy) as read:
            # After a power failure the newest commit may be damaged: the one before counts.
            assert power or read.verify()[0].ok, step
            rows = read.view().to_arrow(["name", "ordinal", "t_s", "vec"]).to_pylist()
            entries = {e["name"]: e["rows"] for e in read.view().ledger().to_pylist()}
        assert entries == ROWS, step
        for name, count in ROWS.items():
            own = [row for row in rows if row["name"] == name]
            assert [row["ordinal"] for row in own] == list(range(count)), step
            # Of the first file or of the second, to the bit.
            vectors = np.array([row["vec"] for row in own], np.float32)
            before = X[[int(row["t_s"]) for row in own]]
            assert np.array_equal(vectors, before) or np.array_equal(vectors, -before), step
        resumed.add(import_into(copy, file))
        assert contents(copy) == wanted, step
    assert len(resumed) > 2  # some copies had media of the new file, which were passed over
