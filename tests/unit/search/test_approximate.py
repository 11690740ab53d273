"""Search by an index: exact scores, the asked recall on other queries, no row that is silently missed."""

from __future__ import annotations

import runpy
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from vifex.search.approximate.facts import IndexFacts, IndexSetting, stored_index
from vifex.search.approximate.making import drop_index, make_index, measure_changed
from vifex.search.approximate.measuring import probe_steps
from vifex.search.approximate.nearest import approximate_many
from vifex.search.exact import nearest_many
from vifex.store import View, delete_rows, open_store, open_writer
from vifex.values import InputError, Medium, Outcome
from vifex.values.media import path_to_uri

maker = runpy.run_path(str(Path(__file__).with_name("rows.py")))
write_store = maker["write_store"]

ROWS, SIZE = 1_500, 96


def clustered(count: int, seed: int) -> np.ndarray:
    """Rows around 60 centres that all seeds share."""
    centres = np.random.default_rng(9).standard_normal((60, SIZE))
    rng = np.random.default_rng(seed)
    return (centres[rng.integers(0, 60, count)] + 0.8 * rng.standard_normal((count, SIZE))).astype(np.float32)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, IndexFacts]:
    path = tmp_path_factory.mktemp("approximate") / "s.vifex"
    vectors = clustered(ROWS, 1)
    vectors[50], vectors[51], vectors[52] = 0, np.nan, np.inf
    write_store(path, {"head": vectors})
    return path, make_index(path, "main", recall=0.9)


@pytest.fixture
def view(made: tuple[Path, IndexFacts]) -> Iterator[View]:
    with open_store(made[0]) as opened:
        yield opened.view()


def add_images(path: Path, vectors: np.ndarray) -> None:
    recipe = maker["make_recipe"]({"head": vectors.shape[1:]})
    with open_writer(path) as writer:
        view = writer.view("main", recipe)
        for number, vector in enumerate(vectors):
            medium = Medium(path_to_uri(f"/new/{number}"), f"new{number}.jpg", "image", 1, 1)
            view.add(Outcome(medium, "ok", rows=1), maker["_batch"](medium, {"head": vector[None]}, recipe))


def overlap(view: View, queries: np.ndarray, k: int, recall: float) -> tuple[float, list[str]]:
    """Recall against scikit-learn's brute force on the exported matrix, which knows nothing of the index."""
    rows = view.to_numpy()
    usable = np.flatnonzero(np.isfinite(rows).all(axis=1) & rows.any(axis=1))
    brute = NearestNeighbors(n_neighbors=k, metric="cosine", algorithm="brute").fit(rows[usable])
    true = usable[brute.kneighbors(queries, return_distance=False)]
    notes: list[str] = []
    found = approximate_many(view, queries, k=k, recall=recall, on_notice=notes.append)
    shares = [len({m.place for m in hits} & set(t)) / k for hits, t in zip(found, true.tolist(), strict=True)]
    return float(np.mean(shares)), notes


@pytest.mark.parametrize("k", [3, 10, 100])
@pytest.mark.parametrize("recall", [0.9, 0.99])
def test_the_recall_holds_for_queries_that_were_never_seen(view: View, k: int, recall: float) -> None:
    seen, notes = overlap(view, clustered(150, 2), k, recall)
    assert seen >= recall - 0.02  # 150 queries: a standard error below 0.01
    assert len(notes) == 1
    assert notes[0].startswith(f"Approximate search: the measured recall of {10 if k <= 10 else 100} hits is")


def test_what_was_measured_is_what_is_measured_from_outside(
    made: tuple[Path, IndexFacts], view: View
) -> None:
    """The rows themselves as queries, by scikit-learn: the mean is within the spread of the samples."""
    facts = made[1]
    setting = facts.setting_for(10, 0.9)
    assert setting is not None
    assert setting.low >= 0.9
    assert setting.measured >= setting.low
    rows = view.to_numpy()
    places = np.setdiff1d(np.random.default_rng(4).choice(ROWS, 300, replace=False), [50, 51, 52])
    usable = np.setdiff1d(np.arange(ROWS), [50, 51, 52])
    brute = NearestNeighbors(n_neighbors=11, metric="cosine", algorithm="brute").fit(rows[usable])
    true = usable[brute.kneighbors(rows[places], return_distance=False)][:, 1:]
    index = view.indices()["head"]
    found = index.candidates(rows[places], count=setting.candidates + 1, probes=setting.probes)
    shares = [len(set(f.tolist()) & set(near)) / 10 for f, near in zip(found, true.tolist(), strict=True)]
    assert np.mean(shares) == pytest.approx(setting.measured, abs=0.03)


def test_scores_are_those_of_exact_search_to_the_bit(view: View) -> None:
    queries = clustered(20, 3)
    exact = nearest_many(view, queries, k=ROWS)
    for mine, all_ in zip(approximate_many(view, queries, k=10), exact, strict=True):
        known = {m.key: m.score for m in all_}
        assert all(known[m.key] == m.score for m in mine)
        assert [m.score for m in mine] == sorted((m.score for m in mine), reverse=True)
        assert len({m.key for m in mine}) == len(mine) == 10


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"where": "ordinal = 0"}, "The recall of the index was measured without a filter."),
        ({"metric": "l2"}, "The index of 'head' is for cosine, not for l2."),
        ({"k": 101}, "The recall of the index was measured for at most 100 hits."),
        ({"recall": 0.9999}, "No setting of the index reaches a recall of 0.9999; "),
    ],
)
def test_the_search_is_exact_and_says_why_where_the_index_cannot_answer(
    view: View, options: dict[str, object], why: str
) -> None:
    queries, notes = clustered(3, 5), list[str]()
    found = approximate_many(view, queries, on_notice=notes.append, **options)  # type: ignore[arg-type]
    assert len(notes) == 1
    assert notes[0].startswith(why)
    assert notes[0].endswith("The search was exact.")
    plain = {name: value for name, value in options.items() if name != "recall"}
    assert found == nearest_many(view, queries, **plain)  # type: ignore[arg-type]


def test_new_rows_are_found_and_deleted_rows_are_not(made: tuple[Path, IndexFacts], tmp_path: Path) -> None:
    path = tmp_path / "s.vifex"
    shutil.copytree(made[0], path)
    queries, new = clustered(1, 1), clustered(120, 7)
    with open_store(path) as opened:
        before = opened.view()
        nearest = approximate_many(before, queries, k=1)[0][0]
        name = before.take([nearest.place], ["name"]).column(0)[0].as_py()
        lost = before.count_rows(f"name = '{name}'")
    add_images(path, new)
    delete_rows(path, "main", [name])
    notes: list[str] = []
    with open_store(path) as opened:
        view = opened.view()
        index = view.indices()["head"]
        assert len(index.places_not_held) == 120
        found = approximate_many(view, new, k=1, on_notice=notes.append)
        assert found == nearest_many(view, new, k=1)
        gone = approximate_many(view, queries, k=5)[0]
        assert nearest.key not in {m.key for m in gone}
    assert "newer rows are not in the index and were compared exactly" in notes[0]
    assert f"The recall was measured when the view had {ROWS} rows" in notes[0]
    again = make_index(path, "main", recall=0.9)
    assert again.rows == ROWS + 120 - lost
    assert again.rows_held == ROWS - lost  # less than a tenth is new: the index stays


def test_an_index_that_still_holds_is_measured_again_and_stays(
    made: tuple[Path, IndexFacts], tmp_path: Path
) -> None:
    path = tmp_path / "s.vifex"
    shutil.copytree(made[0], path)
    with open_store(path) as opened:
        files = {p.name for p in (path / "views/main/rows.lance/_indices").iterdir()}
        assert opened.view().indices()
    again = make_index(path, "main", recall=0.9, seed=5)
    assert {p.name for p in (path / "views/main/rows.lance/_indices").iterdir()} == files
    assert again.partitions == made[1].partitions
    assert again.settings != made[1].settings  # other queries
    assert drop_index(path, "main")
    assert not drop_index(path, "main")
    with open_store(path) as opened:
        notes: list[str] = []
        approximate_many(opened.view(), clustered(1, 1), on_notice=notes.append)
    assert notes == [
        "The column 'head' of the view 'main' has no index; `vifex index` makes one. The search was exact."
    ]


@pytest.mark.parametrize("recall", [0.3, 1, 1.5, "high"])
def test_a_recall_out_of_range_is_refused(view: View, recall: float) -> None:
    with pytest.raises(InputError, match=r"a recall is a number from 0\.5 to below 1"):
        approximate_many(view, clustered(1, 1), recall=recall)


def test_few_rows_need_no_index(tmp_path: Path) -> None:
    path = write_store(tmp_path / "s.vifex", {"head": clustered(200, 1)})
    with pytest.raises(InputError, match="has 200 rows, and an index needs at least 256"):
        make_index(path, "main")
    with pytest.raises(InputError, match="there is no distance 'cosin'"):
        make_index(path, "main", metric="cosin")


def test_short_float16_rows_by_their_distance(tmp_path: Path) -> None:
    """Rows of 24 numbers cannot be mapped; equal rows count for each other."""
    metric = "l2"
    vectors = clustered(400, 1)[:, :24]
    vectors[100:200] = vectors[100]
    path = write_store(tmp_path / "s.vifex", {"head": vectors}, dtype="float16")
    make_index(path, "main", metric=metric)
    with open_store(path) as opened:
        view = opened.view()
        assert view.mapped("head") is None
        queries, notes = clustered(100, 2)[:, :24], list[str]()
        found = approximate_many(view, queries, metric=metric, on_notice=notes.append)
        exact = nearest_many(view, queries, metric=metric)
        assert notes[0].startswith("Approximate search")
        worst = [e[-1].score for e in exact]
        hit = [sum(m.score <= w for m in f) / 10 for f, w in zip(found, worst, strict=True)]
        assert np.mean(hit) >= 0.93


def test_probe_steps_grow_by_a_fifth_and_end_with_all() -> None:
    steps = probe_steps(1000)
    assert steps[:4] == [1, 2, 3, 4]
    assert steps[-1] == 1000
    assert max(b / a for a, b in pairwise(steps[5:])) < 1.3


def test_the_cheapest_setting_that_was_measured_high_enough_is_taken() -> None:
    def setting(k: int, probes: int, low: float) -> IndexSetting:
        return IndexSetting(0.9, k, probes, 20, low + 0.01, low, 500, 1.0)

    facts = IndexFacts(
        "head",
        "cosine",
        "IVF_SQ",
        50,
        0.9,
        10,
        10,
        1.0,
        (setting(10, 4, 0.91), setting(10, 9, 0.96), setting(100, 7, 0.92)),
    )
    assert IndexFacts.from_dict(facts.to_dict()) == facts
    assert [facts.setting_for(10, r) for r in (0.9, 0.95)] == [facts.settings[0], facts.settings[1]]
    assert facts.setting_for(11, 0.9) is facts.settings[2]
    assert facts.setting_for(11, 0.95) is None
    assert facts.setting_for(101, 0.5) is None


def test_a_view_that_has_grown_is_measured_again(made: tuple[Path, IndexFacts], tmp_path: Path) -> None:
    path = tmp_path / "s.vifex"
    shutil.copytree(made[0], path)
    assert measure_changed(path) == []
    add_images(path, clustered(10, 8))
    assert measure_changed(path) == []  # less than a hundredth
    with open_store(path) as opened:
        assert stored_index(opened.view(), opened.view().indices()["head"]).changed_rows == 10
    add_images(path, clustered(250, 8))
    [told] = measure_changed(path)
    assert told.startswith("The index of 'head' in the view 'main' does not hold 250 of 1750 rows.")
    with open_store(path) as opened:
        view = opened.view()
        now = stored_index(view, view.indices()["head"])
        assert (now.facts.rows, now.facts.rows_held, now.rows_not_held) == (ROWS + 250, ROWS, 250)
        assert now.facts.settings[0].low >= 0.9
    assert make_index(path, "main", recall=0.9).rows_held == ROWS + 250  # made anew
