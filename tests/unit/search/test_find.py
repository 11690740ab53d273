"""From a query in any form to hits; and query vectors."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from vifex.search.exact import Searcher
from vifex.search.find import search, search_many
from vifex.search.query import FrameQuery
from vifex.search.vectors import load_vector
from vifex.store import View
from vifex.values import InputError


def test_a_row_finds_itself(plain_view):
    key = plain_view.to_arrow(["key"]).column("key").to_pylist()[7]
    hits = search(plain_view, f"row:{key}", k=3)
    assert [h.rank for h in hits] == [1, 2, 3]
    assert hits[0].key == key
    assert search(plain_view, f"row:{key}", k=3, where=f"key != '{key}'")[0].key == hits[1].key


def test_an_absent_row_is_an_error(plain_view):
    with pytest.raises(InputError, match="row:abc:0: the view has no such row"):
        search(plain_view, "row:abc:0")


def test_a_vector_and_its_file_find_the_same(plain_view, numbers, tmp_path):
    np.save(tmp_path / "q.npy", numbers[11].astype(np.float64)[None])
    assert search(plain_view, tmp_path / "q.npy") == search(plain_view, numbers[11])


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e-140, 1e-40, 1e30, 5e-324])
def test_the_length_of_a_query_changes_no_cosine(plain_view, size):
    # The squares of the smallest of them are 0 in float64.
    query = np.sign(np.arange(16) - 5.5)
    near = [(h.key, h.score) for h in search(plain_view, query, k=5)]
    found = search(plain_view, query * size, k=5)
    assert [h.key for h in found] == [key for key, _ in near]
    np.testing.assert_allclose([h.score for h in found], [score for _, score in near], rtol=1e-12)


@pytest.mark.parametrize("wrong", [None, 5, ["a.jpg"], b"a.jpg", object()])
def test_what_is_no_query_is_an_error(plain_view, wrong):
    with pytest.raises(InputError, match="is no query"):
        search(plain_view, wrong)


@pytest.mark.parametrize("wrong", [2.5, "3", None])
def test_the_number_of_hits_is_whole(plain_view, numbers, wrong):
    with pytest.raises(InputError, match="number of hits is a whole number"):
        search(plain_view, numbers[0], k=wrong)


def test_a_searcher_finds_the_same(plain_view, numbers):
    held = Searcher(plain_view)
    assert search(plain_view, numbers[11], searcher=held, metric="l2") == search(
        plain_view, numbers[11], metric="l2"
    )


def test_a_searcher_of_another_view_is_refused(plain_view, make_view, numbers):
    with pytest.raises(InputError, match="the searcher holds column"):
        search(make_view({"head": numbers}), numbers[11], searcher=Searcher(plain_view))


def test_many_queries_of_any_kind_share_one_pass(plain_view, numbers, monkeypatch, tmp_path):
    """Each gets the hits that it gets alone; the vectors are read once."""
    keys = plain_view.to_arrow(["key"]).column("key").to_pylist()
    np.save(tmp_path / "q.npy", numbers[11])
    queries = [f"row:{keys[7]}", tmp_path / "q.npy", numbers[19], numbers[7]]
    alone = [search(plain_view, query, k=5, where="label = 'cat'") for query in queries]
    passes = []
    batches = View.batches

    def counted(self, columns=None, where=None, batch_rows=8192):
        passes.append(columns)
        return batches(self, columns, where, batch_rows)

    vectors = [numbers[7], numbers[11], numbers[19], numbers[7]]
    monkeypatch.setattr(View, "batches", counted)
    together = search_many(plain_view, np.stack(vectors), k=5, where="label = 'cat'")
    assert len([columns for columns in passes if "head" in columns]) <= 1
    monkeypatch.undo()
    assert together == [alone[0], alone[1], alone[2], alone[3]]
    assert search_many(plain_view, queries, k=5, where="label = 'cat'") == alone


def test_no_queries_give_no_answers(plain_view):
    assert search_many(plain_view, []) == []


def test_one_query_among_many_that_does_not_fit_is_named(plain_view, numbers):
    with pytest.raises(InputError, match="has 5 numbers, but a row of column 'head' has 16"):
        search_many(plain_view, [numbers[1], np.ones(5)])


def test_pixels_go_through_the_function_given(plain_view, numbers, tmp_path):
    video = tmp_path / "clip.mp4"
    video.touch()
    asked = []

    def embed(query):
        asked.append(query)
        return numbers[5][None]

    hits = search(plain_view, f"{video}@00:12", embed=embed)
    assert asked == [FrameQuery(video, 12.0)]
    assert hits == search(plain_view, numbers[5])
    with pytest.raises(InputError, match="pixels cannot be turned into a query here"):
        search(plain_view, f"{video}@00:12")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((3, 16)), r"holds 3 vectors, a query is one"),
        (np.ones(8), r"an array \[8\], column 'head' has 16 numbers a row"),
        (np.ones((1, 8)), r"an array \[1, 8\]"),
        (np.ones((1, 1, 16)), r"an array \[1, 1, 16\]"),
        (np.float32(1), r"an array \[\]"),
        (np.ones(16, dtype=np.int64), "holds floating point numbers, this file int64"),
        (np.ones(16, dtype=np.complex64), "this file complex64"),
        (np.full(16, np.nan), "NaN or infinity"),
        (np.array([None] * 16), "not a readable .npy file"),
    ],
)
def test_a_file_with_another_thing_than_a_vector_is_refused(array, message, tmp_path):
    np.save(tmp_path / "q.npy", array)
    with pytest.raises(InputError, match=message):
        load_vector(tmp_path / "q.npy", size=16, column="head")


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04 a zip"])
def test_a_file_that_is_no_npy_is_refused(data, tmp_path):
    (tmp_path / "q.npy").write_bytes(data)
    with pytest.raises(InputError, match=r"not a readable .npy file"):
        load_vector(tmp_path / "q.npy", size=16, column="head")


def test_a_truncated_file_is_refused(tmp_path):
    np.save(tmp_path / "q.npy", np.ones(16))
    data = (tmp_path / "q.npy").read_bytes()
    (tmp_path / "q.npy").write_bytes(data[:-8])
    with pytest.raises(InputError, match=r"not a readable .npy file"):
        load_vector(tmp_path / "q.npy", size=16, column="head")


@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8"])
def test_every_float_dtype_is_read(dtype, tmp_path):
    np.save(tmp_path / "q.npy", np.arange(16).astype(dtype))
    assert load_vector(tmp_path / "q.npy", size=16, column="head").tolist() == list(range(16))


def test_a_search_by_row_loads_neither_scikit_learn_nor_an_engine(plain_view, plain_store):
    key = plain_view.to_arrow(["key"]).column("key").to_pylist()[7]
    code = f"""
import sys
from vifex.search.find import search, search_many
from vifex.store import open_store
with open_store({str(plain_store)!r}) as store:
    assert search(store.view("main"), "row:{key}", k=2)[0].key == "{key}"
print(sorted({{"sklearn", "scipy", "openvino", "av", "torch", "PIL"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
