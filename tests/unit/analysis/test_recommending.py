"""Recommendations: histories as people write them, relevance, and the formula of marginal relevance."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vifex.analysis.recommending.history import read_history
from vifex.analysis.recommending.ranking import decayed, maximal_marginal_relevance, relevance_of
from vifex.analysis.rows import unit_vectors
from vifex.values import InputError


def test_maximal_marginal_relevance_is_the_formula_of_the_paper() -> None:
    """The largest lambda Sim1 - (1 - lambda) max Sim2 over what is left (Carbonell and Goldstein 1998)."""
    rng = np.random.default_rng(0)
    unit = unit_vectors(rng.normal(size=(30, 6)).astype(np.float32))
    relevance = rng.uniform(size=30)
    similar = unit @ unit.T
    for diversity in (0.0, 0.3, 0.9):
        chosen: list[int] = []
        for _ in range(8):
            left = [i for i in range(30) if i not in chosen]
            chosen.append(
                max(
                    left,
                    key=lambda i: (
                        (1 - diversity) * relevance[i]
                        - diversity * max((similar[i, j] for j in chosen), default=0)
                    ),
                )
            )
        assert maximal_marginal_relevance(unit, relevance, 8, diversity=diversity) == chosen
    by_relevance = maximal_marginal_relevance(unit, relevance, 30, diversity=0)
    assert by_relevance == np.argsort(-relevance).tolist()
    relevance[5:] = -np.inf
    assert sorted(maximal_marginal_relevance(unit, relevance, 8, diversity=1)) == [0, 1, 2, 3, 4]


def test_relevance_by_hand() -> None:
    unit = unit_vectors(np.array([[1, 0, 0], [0, 1, 0], [0.6, 0.8, 0]], np.float32))
    history = np.eye(3, dtype=np.float32)
    found = relevance_of(unit, history, np.array([2.0, 1.0, -1.0]), nearest=1)
    assert found.values == pytest.approx([1, 0.5, 0.6])
    assert found.reason.tolist() == [0, 1, 0]
    assert found.similarity == pytest.approx([1, 1, 0.6])
    disliked = relevance_of(np.eye(3, dtype=np.float32), history, np.array([2.0, 1.0, -1.0]), nearest=1)
    assert disliked.values[2] == pytest.approx(-0.5)
    assert relevance_of(unit, history, np.array([1.0, 1.0, 1.0])).values[2] == pytest.approx(1.4 / 3)


def test_a_weight_halves_with_each_half_life() -> None:
    days = np.array([100.0, 70.0, 40.0, np.nan])
    assert decayed(np.ones(4), days, 30).tolist() == [1, 0.5, 0.25, 1]
    assert decayed(np.ones(4), days, None).tolist() == [1, 1, 1, 1]
    assert decayed(np.ones(2), np.full(2, np.nan), 30).tolist() == [1, 1]


ROWS = [("a.jpg", "2026-01-02T00:00:00+00:00", 1.0), ("b c.jpg", "2026-01-01", -0.5)]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".jsonl", ".parquet"])
def test_each_kind_of_file_says_the_same(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"seen{suffix}"
    records = [dict(zip(("name", "time", "weight"), row, strict=True)) for row in ROWS]
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(records), path)
    elif suffix in (".json", ".jsonl"):
        lines = [json.dumps(one) for one in records]
        path.write_text(json.dumps(records) if suffix == ".json" else "\n".join(lines))
    else:
        mark = "," if suffix == ".csv" else "\t"
        path.write_text("\n".join(mark.join(map(str, row)) for row in [("name", "time", "weight"), *ROWS]))
    found = read_history(path)
    assert [(one.name, one.weight) for one in found] == [("a.jpg", 1.0), ("b c.jpg", -0.5)]
    assert found[0].day - found[1].day == 1
    assert read_history(records) == found


def test_names_alone_are_a_history(tmp_path: Path) -> None:
    (tmp_path / "liked.txt").write_text("a.jpg\n\n b.jpg \n")
    for given in (tmp_path / "liked.txt", ["a.jpg", "b.jpg"]):
        found = read_history(given)
        assert [one.name for one in found] == ["a.jpg", "b.jpg"]
        assert all(math.isnan(one.day) and one.weight == 1 for one in found)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "the history is empty"),
        ([{"nmae": "a.jpg"}], r"item 1 names no medium\. Did you mean name"),
        ([{"name": "a.jpg", "weight": "much"}], r"item 1 \(a\.jpg\): 'much' is no number"),
        ([{"name": "a.jpg", "weight": math.nan}], "is no finite number"),
        ([{"name": "a.jpg", "time": "yesterday"}], "neither seconds nor a date"),
        ("none.csv", "there is no such file"),
    ],
)
def test_a_history_that_cannot_be_used(given: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_history(given)


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "seen.xls").write_text("a")
    (tmp_path / "seen.json").write_text("{")
    with pytest.raises(InputError, match=r"not read from a file of this kind\. Known: \.csv"):
        read_history(tmp_path / "seen.xls")
    with pytest.raises(InputError, match="the file cannot be read"):
        read_history(tmp_path / "seen.json")
