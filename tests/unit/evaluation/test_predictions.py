"""Scores and labels are checked once, with sentences."""

from __future__ import annotations

import numpy as np
import pytest

from vifex.evaluation import average_views, compare_predictions, make_predictions, retrieval_figures
from vifex.evaluation.statistics.bootstrap import Resamples, bootstrap_interval, score_intervals
from vifex.values import InputError


def test_logits_go_through_a_softmax() -> None:
    made = make_predictions([[0.0, np.log(3.0)], [1000.0, -1000.0]], [1, 0])
    assert made.scores_were == "logits"
    assert made.probabilities == pytest.approx(np.array([[0.25, 0.75], [1.0, 0.0]]))


def test_rounded_probabilities_are_scaled() -> None:
    made = make_predictions([[0.333, 0.333, 0.333]], [0])
    assert (made.scores_were, made.probabilities.sum()) == ("probabilities", pytest.approx(1.0, abs=1e-15))


@pytest.mark.parametrize("label", ["cat", "1"])
def test_labels_are_names_or_numbers(label: str) -> None:
    assert make_predictions([[0.1, 0.9]], [label], classes=["dog", "cat"]).labels.tolist() == [1]


def test_a_name_that_looks_like_a_number_is_a_name() -> None:
    assert make_predictions([[0.1, 0.9], [0.5, 0.5]], ["1", "0"], classes=["1", "0"]).labels.tolist() == [
        0,
        1,
    ]


@pytest.mark.parametrize(
    ("scores", "labels", "options", "sentence"),
    [
        ([[0.5, np.nan], [0.5, 0.5]], [0, 1], {"names": ["a.jpg", "b.jpg"]}, r"1 of 2 rows .* 'a.jpg'"),
        ([[0.5, np.inf]], [0], {}, "NaN or infinite"),
        ([[0.5, 0.5]], [0, 1], {}, "1 rows of scores and 2 labels"),
        ([[0.5, 0.5]], [2], {}, "label 2 of '0' is no class; there are 2"),
        ([[0.5, 0.5]], [-1], {}, "label -1"),
        ([[0.5, 0.5]], ["catt"], {"classes": ["cat", "dog"]}, "'catt' of '0' is no class. Did you mean cat?"),
        ([[0.5, 0.5]], [0], {"classes": ["cat"]}, "2 columns and there are 1 classes"),
        ([[0.5, 0.5]], [0], {"classes": ["cat", "cat"]}, "'cat' is named twice"),
        ([[0.5, 0.5]], [0], {"names": ["a", "b"]}, "2 values of 'name'"),
        ([[3.0, 0.5]], [0], {"kind": "probabilities"}, "not probabilities"),
        (np.zeros((0, 2)), [], {}, "no predictions"),
        ([["a", "b"]], [0], {}, "not numbers"),
        (np.zeros((1, 2, 2)), [0], {}, "rows and classes"),
    ],
)
def test_what_is_wrong_is_a_sentence(scores: object, labels: object, options: dict, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        make_predictions(scores, labels, **options)


def test_views_are_averaged_by_medium() -> None:
    logits = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 9.0]])
    found = average_views(logits, ["b", "a", "b"])
    assert found.media == ("b", "a")
    assert found.views.tolist() == [2, 1]
    assert found.first_row.tolist() == [0, 1]
    sure = 1 / (1 + np.exp(-9))
    assert found.scores[0] == pytest.approx([(0.5 + 1 - sure) / 2, (0.5 + sure) / 2])
    assert found.protocol == "mean of the probabilities of 1 to 2 views of each medium"
    assert average_views(logits, ["b", "a", "b"], over="logits").scores[0].tolist() == [0.0, 4.5]
    with pytest.raises(InputError, match="logits are not known"):
        average_views(np.full((2, 2), 0.5), ["a", "a"], over="logits", kind="probabilities")


def test_an_interval_of_a_mean_is_the_normal_one() -> None:
    """1,600 of 2,000 right: 0.8 +- 1.96 x sqrt(0.8 x 0.2 / 2000)."""
    right = np.repeat([1.0, 0.0], [1600, 400])
    found = bootstrap_interval(lambda w: float((w * right).sum() / w.sum()), Resamples(2000))
    half = 1.96 * np.sqrt(0.16 / 2000)
    assert found.value == 0.8
    assert (found.low, found.high) == (
        pytest.approx(0.8 - half, abs=0.003),
        pytest.approx(0.8 + half, abs=0.003),
    )


def test_rows_of_a_group_are_drawn_together() -> None:
    """Copies of rows add nothing: ten copies of each row as one group have the interval of single rows."""
    rng = np.random.default_rng(0)
    single = make_predictions(rng.random((100, 2)), rng.integers(0, 2, 100), kind="logits")
    tenfold = single.take(np.repeat(np.arange(100), 10))
    one = score_intervals(single, Resamples(100, single.names))["accuracy"]
    grouped = score_intervals(tenfold, Resamples(1000, tenfold.names))["accuracy"]
    alone = score_intervals(tenfold, Resamples(1000))["accuracy"]
    assert (grouped.low, grouped.high) == (one.low, one.high)
    assert alone.high - alone.low < 0.5 * (one.high - one.low)
    for weights in Resamples(1000, tenfold.names, count=3).weights():
        assert (weights.reshape(100, 10) == weights[::10, None]).all()
        assert weights.sum() == 1000


def test_intervals_hold_the_figures_of_all_rows() -> None:
    from vifex.evaluation import calibration_figures, classification_figures

    rng = np.random.default_rng(1)
    made = make_predictions(rng.random((200, 5)), rng.integers(0, 4, 200), kind="logits")
    found, figures = score_intervals(made, Resamples(200, count=50)), classification_figures(made)
    assert found["accuracy"].value == pytest.approx(figures.accuracy)
    assert found["balanced_accuracy"].value == pytest.approx(figures.balanced_accuracy)
    assert found["macro_f1"].value == pytest.approx(figures.macro.f1)
    assert found["log_loss"].value == pytest.approx(calibration_figures(made).log_loss)


def test_one_group_has_no_interval() -> None:
    with pytest.raises(InputError, match="at least two groups"):
        Resamples(3, ["a", "a", "a"])


def test_two_models_are_matched_by_name() -> None:
    rng = np.random.default_rng(1)
    first = make_predictions(rng.random((50, 3)), rng.integers(0, 3, 50), kind="logits")
    found = compare_predictions(first, first.take(rng.permutation(50)), count=20)
    assert found.mcnemar.only_first == found.mcnemar.only_second == 0
    assert found.differences["log_loss"].interval.high == pytest.approx(0, abs=1e-12)
    assert found.differences["accuracy"].p == 1.0


def test_models_on_other_rows_are_not_compared() -> None:
    first = make_predictions([[0.9, 0.1], [0.1, 0.9]], [0, 1], names=["a", "b"])
    with pytest.raises(InputError, match="only one has 'b'"):
        compare_predictions(first, first.take(np.array([0])))
    other = make_predictions([[0.9, 0.1], [0.1, 0.9]], [0, 0], names=["a", "b"])
    with pytest.raises(InputError, match="label of 'b' differs"):
        compare_predictions(first, other)
    with pytest.raises(InputError, match="same name"):
        compare_predictions(first, first.take(np.array([0, 0])))


@pytest.mark.parametrize(
    ("vectors", "labels", "sentence"),
    [
        (np.zeros((2, 3)), ["a", "b"], "another row of its label"),
        (np.full((2, 3), np.nan), ["a", "a"], "2 of 2 vectors are not finite"),
        (np.zeros(3), ["a"], "rows and numbers"),
        (np.zeros((2, 3)), ["a"], "2 vectors and 1 labels"),
    ],
)
def test_vectors_are_checked(vectors: np.ndarray, labels: list[str], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        retrieval_figures(vectors, labels)
