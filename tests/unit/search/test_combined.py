"""Combined queries: their text, and what their scores are by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vifex import AllOf, AnyOf, InputError, MeanOf, Then, Without
from vifex.search.combined.grammar import parse_combined
from vifex.search.find import search
from vifex.search.moments.finding import MomentSearch, find_moments
from vifex.search.query import TextQuery
from vifex.store import View


def test_the_text_of_a_sequence() -> None:
    found = parse_combined("a.jpg THEN WITHIN 5s b.jpg NOT c.jpg THEN d.jpg")
    assert isinstance(found, Then)
    assert (found.second, found.within_s) == ("d.jpg", None)
    assert isinstance(found.first, Then)
    assert (found.first.first, found.first.within_s) == ("a.jpg", 5.0)
    assert isinstance(found.first.second, Without)
    assert (found.first.second.wanted, found.first.second.unwanted) == ("b.jpg", "c.jpg")


def test_words_in_quotes_are_words() -> None:
    found = parse_combined('"stop AND THEN go" NOT "a.jpg"')
    assert isinstance(found, Without)
    assert found.wanted == TextQuery("stop AND THEN go")
    assert found.unwanted == TextQuery("a.jpg")


@pytest.mark.parametrize("text", ["a dog then a cat", "knot NOTHING", 'a 5" disk', "text:DO NOT ENTER", "  "])
def test_other_texts_are_left_as_they_are(text: str) -> None:
    assert parse_combined(text) == text


def test_a_file_of_such_a_name_is_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a NOT b").write_bytes(b"")
    assert parse_combined("a NOT b") == "a NOT b"


@pytest.mark.parametrize("text", ["NOT a", "a NOT", "a THEN", "THEN a", "a THEN WITHIN 5s", "a NOT NOT b"])
def test_an_operator_without_a_query_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="between two queries"):
        parse_combined(text)


def test_a_time_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(InputError, match="'soon' is no time"):
        parse_combined("a THEN WITHIN soon b")


# One image, a video of five rows, one image, a video of five rows; see rows.py.
ROWS = np.array(
    [
        *([1, 0, 0], [1, 0.1, 0], [0.9, 0.2, 0], [0, 1, 0.1], [0, 1, 0], [0, 0, 1]),
        *([0, 0.1, 1], [0, 1, 0], [0, 0, 1], [1, 0, 0.2], [0, 0, 1], [0, 0, 1]),
    ],
    np.float32,
)
A, B, C = ([1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0])


@pytest.fixture
def view(make_view: Callable[..., View]) -> View:
    return make_view({"head": ROWS})


def places(view: View, query: object, k: int = 12) -> list[int]:
    keys = view.to_arrow(["key"]).column(0).to_pylist()
    return [keys.index(hit.key) for hit in search(view, query, k=k)]


def heights(axis: int) -> np.ndarray:
    """By the definition: 0 is the median row, 1 the best one."""
    own = (ROWS / np.linalg.norm(ROWS, axis=1, keepdims=True))[:, axis]
    return (own - np.median(own)) / (own.max() - np.median(own))


def test_without_leaves_out_what_is_nearer_to_the_other(view: View) -> None:
    found = places(view, Without(A, C))
    assert found[:4] == [0, 1, 9, 2]
    assert set(found) == set(np.flatnonzero(heights(2) <= heights(0)).tolist())
    assert not {5, 6, 8, 10, 11} & set(found)
    assert [hit.score for hit in search(view, Without(A, C), k=2)] == pytest.approx([1, 1 / 1.01**0.5])


def test_the_mean_is_the_search_of_the_mean_vector(view: View) -> None:
    """Of lengths 2 and 1 the mean of the directions counts."""
    wanted = [hit.key for hit in search(view, [0.5, 0.5, 0])]
    assert [hit.key for hit in search(view, MeanOf([[2.0, 0, 0], B]))] == wanted


def test_any_and_all_take_the_largest_and_the_smallest_height(view: View) -> None:
    both = (heights(0), heights(1))
    for query, wanted in ((AnyOf([A, B]), np.maximum(*both)), (AllOf([A, B]), np.minimum(*both))):
        found = search(view, query, k=12)
        assert [hit.score for hit in found] == pytest.approx(sorted(wanted, reverse=True))
        assert wanted[places(view, query)[0]] == pytest.approx(wanted.max())


def test_a_sequence_finds_both_parts_in_one_medium(view: View) -> None:
    """Rows 1 and 2 of the first video are near to A, row 3 starts those near to B."""
    (moment,) = find_moments(view, Then(A, B, 5.0), MomentSearch())
    assert (moment.start_s, moment.end_s) == (0.0, 4.0)
    assert [(part.start_s, part.end_s) for part in moment.parts] == [(0.0, 2.0), (2.0, 4.0)]
    assert moment.score == min(part.score for part in moment.parts)
    (three,) = find_moments(view, Then(Then(A, B), C), MomentSearch())
    assert len(three.parts) == 3


def test_within_counts_from_the_end_of_the_first_to_the_start_of_the_second(view: View) -> None:
    """A ends at 2 s, C starts at 4 s in the first video; in the second C comes 0 s after A."""
    names = [m.best.name for m in find_moments(view, Then(A, C), MomentSearch())]
    assert sorted(names) == ["m1.mp4", "m3.mp4"]
    (near,) = find_moments(view, Then(A, C, 1.9), MomentSearch())
    assert near.best.name == "m3.mp4"
    assert len(find_moments(view, Then(A, C, 2.0), MomentSearch())) == 2


def test_what_cannot_be_combined_is_refused(view: View) -> None:
    with pytest.raises(InputError, match="found as moments"):
        search(view, Then(A, B))
    with pytest.raises(InputError, match="part of another query"):
        search(view, AnyOf([Then(A, B), C]))
    with pytest.raises(InputError, match="a mean is of single queries"):
        search(view, MeanOf([Without(A, B), C]))
    with pytest.raises(InputError, match="at least one"):
        AnyOf([])
    with pytest.raises(InputError, match="by medium"):
        find_moments(view, Then(A, B), MomentSearch(by="medium"))


def test_moments_have_the_scores_of_a_search(view: View) -> None:
    hits = search(view, [0.4, 0.5, 0.6], k=12, metric="l2")
    best = {hit.name: hit for hit in reversed(hits)}
    for moment in find_moments(view, [0.4, 0.5, 0.6], MomentSearch(metric="l2", by="medium")):
        if moment.best.key == best[moment.name].key:
            assert moment.score == best[moment.name].score
    first = find_moments(view, [0.4, 0.5, 0.6], MomentSearch(metric="l2"))[0]
    assert (first.score, first.best.key) == (hits[0].score, hits[0].key)


def test_a_filter_and_a_least_score_hold_for_moments(view: View) -> None:
    found = find_moments(view, A, MomentSearch(where="t_s >= 1", min_score=0.9))
    assert [(m.name, m.start_s, m.rows) for m in found] == [("m3.mp4", 2.0, 1), ("m1.mp4", 1.0, 1)]
    far = find_moments(view, A, MomentSearch(metric="l2", min_score=0.15))
    assert [m.score for m in far] == pytest.approx([0, 0.1])
    assert not find_moments(view, A, MomentSearch(where="t_s > 99"))
