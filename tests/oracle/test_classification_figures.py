"""Figures of classification against scikit-learn called directly, scipy, and numbers worked out by hand."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy.stats import binomtest, chi2
from sklearn import metrics
from sklearn.preprocessing import label_binarize

from vifex.evaluation import (
    Predictions,
    calibration_figures,
    classification_curves,
    classification_figures,
    compare_predictions,
    group_figures,
    make_predictions,
    mcnemar_test,
)


def random_predictions(rows: int = 400, classes: int = 7, seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, rows)
    logits = rng.standard_normal((rows, classes)) + 1.5 * np.eye(classes)[labels]
    return make_predictions(logits, labels, kind="logits", groups={"site": rng.integers(0, 5, rows).tolist()})


@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
def test_averages_equal_scikit_learns(average: str) -> None:
    made = random_predictions()
    found = getattr(classification_figures(made), average)
    for name in ("precision", "recall", "f1"):
        theirs = getattr(metrics, f"{name}_score")(made.labels, made.predicted, average=average)
        assert getattr(found, name) == theirs, name


def test_the_other_figures_equal_scikit_learns() -> None:
    made = random_predictions()
    found = classification_figures(made, top_k=(2, 5))
    assert found.accuracy == metrics.accuracy_score(made.labels, made.predicted)
    assert found.balanced_accuracy == metrics.balanced_accuracy_score(made.labels, made.predicted)
    assert np.array_equal(found.confusion, metrics.confusion_matrix(made.labels, made.predicted))
    for k in (2, 5):
        assert found.top_k[k] == metrics.top_k_accuracy_score(made.labels, made.probabilities, k=k)
    calibration = calibration_figures(made)
    assert calibration.log_loss == metrics.log_loss(made.labels, made.probabilities)
    each = metrics.precision_recall_fscore_support(made.labels, made.predicted)
    for place, one in enumerate(found.per_class):
        assert (one.precision, one.recall, one.f1, one.support) == tuple(row[place] for row in each)


def test_areas_equal_scikit_learns() -> None:
    made = random_predictions()
    found = classification_curves(made)
    one_hot = label_binarize(made.labels, classes=range(7))
    score = {"labels": range(7), "multi_class": "ovr"}
    assert found.roc_auc_macro == pytest.approx(
        metrics.roc_auc_score(made.labels, made.probabilities, average="macro", **score), abs=1e-12
    )
    assert found.roc_auc_micro == pytest.approx(
        metrics.roc_auc_score(made.labels, made.probabilities, average="micro", **score), abs=1e-12
    )
    for average in ("macro", "micro"):
        theirs = metrics.average_precision_score(one_hot, made.probabilities, average=average)
        assert getattr(found, f"average_precision_{average}") == pytest.approx(theirs, abs=1e-12)
    for curve in found.roc:
        assert (curve.x[0], curve.y[0], curve.x[-1], curve.y[-1]) == (0, 0, 1, 1)
        assert len(curve.x) <= 200


def test_two_classes_by_one_score() -> None:
    rng = np.random.default_rng(1)
    labels, scores = rng.integers(0, 2, 300), rng.random(300)
    found = classification_curves(make_predictions(scores, labels))
    assert found.roc_auc_macro == pytest.approx(metrics.roc_auc_score(labels, scores), abs=1e-12)


def test_tables_by_group_equal_scikit_learns() -> None:
    made = random_predictions()
    sites = np.array(made.groups["site"])
    for one in group_figures(made, "site"):
        labels, predicted = made.labels[sites == one.value], made.predicted[sites == one.value]
        assert one.n_rows == len(labels)
        assert one.accuracy == metrics.accuracy_score(labels, predicted)
        assert one.balanced_accuracy == metrics.balanced_accuracy_score(labels, predicted)
        assert one.macro_f1 == metrics.f1_score(labels, predicted, average="macro")


def test_expected_calibration_error_by_hand() -> None:
    """Two bins: (0.5, 1] has 0.9 and 0.6, of which one is right: |1.5 - 1| / 2; the other one 0.4, right."""
    scores = [[0.9, 0.1, 0.0], [0.6, 0.4, 0.0], [0.4, 0.3, 0.3]]
    found = calibration_figures(make_predictions(scores, [0, 1, 0]), bins=2)
    assert found.ece == pytest.approx((2 * 0.25 + 1 * 0.6) / 3)
    assert found.mce == pytest.approx(0.6)
    assert [one.n_rows for one in found.bins] == [1, 2]
    assert found.bins[1].confidence == pytest.approx(0.75)
    assert found.bins[1].accuracy == 0.5


def test_a_confidence_on_an_edge_is_in_the_bin_below() -> None:
    found = calibration_figures(make_predictions([[0.5, 0.5], [1.0, 0.0]], [0, 0]), bins=2)
    assert [one.n_rows for one in found.bins] == [1, 1]


@pytest.mark.parametrize(
    ("only_first", "only_second"), [(5, 15), (0, 6), (12, 12), (1, 0), (0, 0), (700, 900)]
)
def test_mcnemar_by_hand(only_first: int, only_second: int) -> None:
    """The exact test is scipy's `binomtest`, the other the formula of Edwards 1948."""
    first = np.repeat([True, True, False, False], [30, only_first, only_second, 10])
    second = np.repeat([True, False, True, False], [30, only_first, only_second, 10])
    found = mcnemar_test(first, second)
    assert (found.both_right, found.only_first, found.only_second, found.both_wrong) == (
        30,
        only_first,
        only_second,
        10,
    )
    apart = only_first + only_second
    if not apart:
        assert (found.p_exact, found.chi2, found.p_chi2) == (1.0, None, None)
        return
    assert found.p_exact == pytest.approx(binomtest(only_first, apart, 0.5).pvalue, rel=1e-9)
    by_hand = max(abs(only_first - only_second) - 1, 0) ** 2 / apart
    assert found.chi2 == pytest.approx(by_hand)
    assert found.p_chi2 == pytest.approx(chi2.sf(by_hand, 1), rel=1e-9)


def test_mcnemar_of_a_published_table() -> None:
    """5 and 15: chi-square (10 - 1)^2 / 20 = 4.05, as the formula gives by hand."""
    found = mcnemar_test(np.repeat([True, False], [5, 15]), np.repeat([False, True], [5, 15]))
    assert found.chi2 == pytest.approx(4.05)
    assert found.p_exact == pytest.approx(2 * sum(math.comb(20, i) for i in range(6)) / 2**20)


def test_a_class_that_is_absent_warns_of_nothing() -> None:
    """Class 2 has no row and is predicted once; class 3 neither occurs nor is predicted."""
    scores = np.eye(4)[[0, 1, 2, 1]]
    made = make_predictions(scores, [0, 1, 1, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, curves = classification_figures(made), classification_curves(made)
    assert found.absent == ("2", "3")
    assert (found.per_class[2].recall, found.per_class[2].precision) == (None, 0.0)
    assert (found.per_class[3].precision, found.per_class[3].f1) == (None, None)
    assert found.balanced_accuracy == pytest.approx((1 + 2 / 3) / 2)
    assert found.macro.f1 == metrics.f1_score([0, 1, 1, 1], [0, 1, 2, 1], average="macro", zero_division=0)
    assert curves.without == ("2", "3")
    areas = [metrics.roc_auc_score(made.labels == c, made.probabilities[:, c]) for c in (0, 1)]
    assert curves.roc_auc_macro == pytest.approx(np.mean(areas))


def test_one_class_has_no_curves() -> None:
    made = make_predictions([[0.9, 0.1], [0.2, 0.8]], [0, 0])
    curves = classification_curves(made)
    assert (curves.roc, curves.roc_auc_macro, curves.average_precision_micro) == ((), None, None)
    assert classification_figures(made).accuracy == 0.5


def test_of_equal_scores_the_first_class_counts() -> None:
    made = make_predictions(np.full((4, 3), 1 / 3), [0, 1, 2, 0])
    found = classification_figures(made, top_k=(2,))
    assert made.ties == 4
    assert (found.accuracy, found.top_k) == (0.5, {2: 0.75})


def test_the_paired_bootstrap_knows_the_better_one() -> None:
    """Of 1,000 rows the first model has 900 right and the second 850: p is small and the interval is near
    the normal one of paired proportions, 0.05 +- 1.96 x sqrt((60 + 10 - 2500 / 1000)) / 1000."""
    right = np.repeat([True, True, False, False], [840, 60, 10, 90])
    other = np.repeat([True, False, True, False], [840, 60, 10, 90])
    labels = np.zeros(1000, np.int64)
    first, second = (
        make_predictions(np.where(one[:, None], [0.9, 0.1], [0.1, 0.9]), labels) for one in (right, other)
    )
    found = compare_predictions(first, second).differences["accuracy"]
    half = 1.96 * math.sqrt(70 - 2.5) / 1000
    assert (found.first, found.second) == (0.9, 0.85)
    assert found.interval.low == pytest.approx(0.05 - half, abs=0.003)
    assert found.interval.high == pytest.approx(0.05 + half, abs=0.003)
    assert found.p < 0.005
