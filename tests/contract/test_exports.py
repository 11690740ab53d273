"""Every export format of the registry writes a file or a folder that appears whole, for any view."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from vifex.search.export import export
from vifex.search.registry import export_format, export_formats
from vifex.store import open_store

write_store = runpy.run_path(str(Path(__file__).parents[1] / "unit" / "search" / "rows.py"))["write_store"]


@pytest.fixture(scope="module")
def stores(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("exports")
    x = np.random.default_rng(0).standard_normal((9, 2, 3))
    return {
        "rows": write_store(folder / "rows.vifex", {"tokens": x}),
        "halves": write_store(folder / "halves.vifex", {"tokens": x}, dtype="float16"),
        "none": write_store(folder / "none.vifex", {"tokens": x[:0]}),
    }


@pytest.mark.parametrize("store", ["rows", "halves", "none"])
@pytest.mark.parametrize("name", export_formats())
def test_every_format_writes_any_view(name, store, stores, tmp_path):
    form = export_format(name)
    target = tmp_path / f"x{form.suffix}"
    with open_store(stores[store]) as opened:
        view = opened.view("main")
        assert export(view, target, to=name) == view.count_rows()
        files = [path for path in (target, *target.rglob("*")) if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        assert export(view, target, to=name, where="ordinal = 0", overwrite=True) == view.count_rows(
            "ordinal = 0"
        )
    assert size > 0 or (name, store) == ("jsonl", "none")  # lines without a head
    assert [p.name for p in tmp_path.iterdir()] == [target.name]


@pytest.mark.parametrize("name", export_formats())
def test_every_format_says_what_it_is(name):
    form = export_format(name)
    assert form.name == name
    assert form.suffix.startswith(".") or form.is_folder
    assert form.summary.endswith(".")
