"""`vifex.index` and `vifex.drop_index` on a store by its path, an open store and the command line."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

import vifex
from vifex.cli.app import main

write_store = runpy.run_path(str(Path(__file__).parents[1] / "search" / "rows.py"))["write_store"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((8, 64))[rng.integers(0, 8, 300)] + rng.standard_normal((300, 64))
    path: Path = write_store(tmp_path_factory.mktemp("index") / "s.vifex", {"head": vectors})
    return path


def files(store: Path) -> int:
    return len(list((store / "views/main/rows.lance/_indices").glob("*/*")))


def test_an_index_is_made_searched_shown_and_dropped(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps: list[str] = []
    with vifex.open(store) as opened:
        made = vifex.index(opened, recall=0.9, on_step=steps.append)
        assert opened.indexes() == [made]  # the open store shows it
        notes: list[str] = []
        hits = opened.search(opened.to_numpy()[7], 3, approximate=True, existing=True, on_notice=notes.append)
        assert hits == []  # no medium exists, so more and more hits were asked for
        assert len(notes) == len(set(notes))
    assert steps == ["dividing 300 rows into 17 partitions", "measuring the recall against exact search"]
    with pytest.raises(SystemExit) as done:
        main(["show", str(store), "--json"])
    assert done.value.code == 0
    [view] = json.loads(capsys.readouterr().out)["views"]
    assert view["indexes"] == [made.to_dict()]
    assert files(store) == 2
    again = vifex.index(store, recall=0.9, metric="l2")  # another metric: it is made anew
    assert (again.facts.metric, files(store)) == ("l2", 2)
    assert vifex.drop_index(store)
    assert not vifex.drop_index(store)
    assert files(store) == 0
