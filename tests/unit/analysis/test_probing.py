"""Probes on arrays, against scikit-learn called directly and against formulas of papers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, PredefinedSplit, StratifiedGroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from vifex.analysis.probing.fitting import fit_chosen, fit_temperature, softmax
from vifex.analysis.probing.methods import METHODS, PENALTIES, Method, Settings, fit_model
from vifex.analysis.probing.probing import probe_rows
from vifex.analysis.probing.splitting import Fold, grouped_folds, held_out, stated_split
from vifex.evaluation.predictions import make_predictions
from vifex.values import InputError

CLASSES = 3


def made(seed: int = 0, per_class: int = 40, rows_per_group: int = 2) -> tuple[Any, Any, Any]:
    """Three overlapping classes in 8 columns of different scales; neighbouring rows are of one group."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(CLASSES), per_class)
    centres = rng.normal(size=(CLASSES, 8))
    rows = (centres[y] + rng.normal(size=(len(y), 8))) * 10.0 ** rng.integers(-2, 3, 8)
    return rows.astype(np.float32), y, np.arange(len(y)) // rows_per_group


def direct(method: str, c: float, balanced: bool = False) -> Any:
    weight = "balanced" if balanced else None
    if method == "logistic":
        return make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=1000, class_weight=weight))
    return make_pipeline(
        StandardScaler(),
        LinearSVC(C=c, max_iter=1000, class_weight=weight, dual="auto", random_state=0),
    )


@pytest.mark.parametrize("balanced", [False, True])
def test_logistic_regression_is_that_of_scikit_learn_in_every_fold(balanced: bool) -> None:
    rows, y, groups = made()
    rows, y, groups = rows[:100], y[:100], groups[:100]
    folds = grouped_folds(y, groups, 4, seed=1)
    found = probe_rows(
        "logistic", rows, y, groups, CLASSES, folds, Settings(c=0.1, calibrate=False, balanced=balanced)
    )
    own = StratifiedGroupKFold(4, shuffle=True, random_state=1).split(rows, y, groups)
    for train, test in own:
        theirs = direct("logistic", 0.1, balanced).fit(rows[train], y[train])
        np.testing.assert_allclose(found.probabilities[test], theirs.predict_proba(rows[test]), atol=1e-5)
    assert found.rows.tolist() == list(range(100))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("method", ["logistic", "svm"])
def test_scores_are_the_decisions_of_scikit_learn(method: Method, n_classes: int) -> None:
    rows, y, _ = made()
    rows, y = rows[y < n_classes], y[y < n_classes]
    scores = fit_model(method, rows, y, n_classes, Settings(), 0.01).scores(rows)
    theirs = direct(method, 0.01).fit(rows, y).decision_function(rows)
    np.testing.assert_allclose(
        scores[:, 1] - (0 if n_classes > 2 else scores[:, 0]),
        theirs if n_classes == 2 else theirs[:, 1],
        atol=1e-4,
    )
    assert np.array_equal(scores.argmax(1), direct(method, 0.01).fit(rows, y).predict(rows))


@pytest.mark.parametrize("method", ["logistic", "svm"])
def test_c_is_the_one_that_a_grid_search_takes(method: Method) -> None:
    rows, y, groups = made(3)
    inner = held_out(y, groups, seed=0)
    assert inner
    place = np.full(len(y), -1)
    place[inner.test] = 0
    name = "logisticregression__C" if method == "logistic" else "linearsvc__C"
    grid = GridSearchCV(
        direct(method, 1), {name: list(PENALTIES)}, cv=PredefinedSplit(place), scoring="accuracy"
    )
    fitted = fit_chosen(method, rows, y, groups, CLASSES, Settings())
    assert fitted.c == grid.fit(rows, y).best_params_[name]
    assert fitted.chosen_on == len(inner.test)


@pytest.mark.parametrize("method", ["knn", "knn-uniform"])
def test_neighbours_vote_as_in_scikit_learn(method: Method) -> None:
    rows, y, _ = made()
    train, test = np.arange(0, 120, 2), np.arange(1, 120, 2)
    found = fit_model(method, rows[train], y[train], CLASSES, Settings(k=7, calibrate=False)).scores(
        rows[test]
    )
    weights = "uniform" if method == "knn-uniform" else lambda distance: np.exp((1 - distance) / 0.07)
    theirs = KNeighborsClassifier(7, metric="cosine", algorithm="brute", weights=weights)
    np.testing.assert_allclose(
        softmax(found), theirs.fit(rows[train], y[train]).predict_proba(rows[test]), atol=1e-4
    )


def test_equal_votes_are_equal_probabilities() -> None:
    """Rounding would part ties, and areas under curves with them. scikit-learn has plain shares."""
    rows, y, groups = made()
    folds = grouped_folds(y, groups, 4, seed=0)
    found = probe_rows("knn-uniform", rows, y, groups, CLASSES, folds, Settings(k=20, calibrate=False))
    figures = make_predictions(found.probabilities, y, kind="probabilities").probabilities
    assert set(np.unique(figures)) <= {float(np.exp(np.log(votes / 20))) for votes in range(1, 21)} | {0.0}


def test_a_vote_is_that_of_the_published_formula() -> None:
    """Two neighbours of similarity 1 and 0.6: shares of exp(1 / 0.07) and exp(0.6 / 0.07)."""
    rows = np.array([[1, 0], [0.6, 0.8], [-1, 0]], np.float32)
    model = fit_model("knn", rows, np.array([0, 1, 1]), 2, Settings(k=2, calibrate=False))
    found = softmax(model.scores(np.array([[2, 0]], np.float32)))
    assert found[0, 0] == pytest.approx(1 / (1 + np.exp((0.6 - 1) / 0.07)), rel=1e-5)


def test_smoothing_spreads_one_vote_and_keeps_the_order() -> None:
    rows, y, _ = made()
    plain, smooth = (
        softmax(fit_model("knn", rows, y, CLASSES, Settings(calibrate=chosen)).scores(rows))
        for chosen in (False, True)
    )
    np.testing.assert_allclose(smooth, (20 * plain + 1 / 3) / 21, atol=1e-12)


def test_the_temperature_has_the_lowest_log_loss_of_all() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 400)
    scores = 8 * rng.normal(size=(400, 4)) + 6 * np.eye(4)[y]
    found = fit_temperature(scores, y)
    tried = np.exp(np.linspace(np.log(0.2), np.log(20), 150))
    losses = [log_loss(y, softmax(scores / t)) for t in tried]
    assert found == pytest.approx(tried[int(np.argmin(losses))], rel=0.03)
    assert log_loss(y, softmax(scores / found)) <= min(losses) + 1e-9


def test_the_temperature_is_that_of_scikit_learn() -> None:
    pytest.importorskip("sklearn", minversion="1.8", reason="CalibratedClassifierCV learned it in 1.8")
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    rows, y, _ = made(5)
    learn, check = np.arange(0, 120, 2), np.arange(1, 120, 2)
    theirs = CalibratedClassifierCV(
        FrozenEstimator(direct("logistic", 1.0).fit(rows[learn], y[learn])), method="temperature"
    )
    theirs.fit(rows[check], y[check])
    fold = Fold(learn, check, check)
    fitted = fit_chosen("logistic", rows, y, np.arange(120), CLASSES, Settings(c=1.0), fold)
    np.testing.assert_allclose(
        fitted.probabilities(rows[check]), theirs.predict_proba(rows[check]), atol=2e-3
    )


@pytest.mark.parametrize("method", METHODS)
def test_calibration_changes_no_class(method: Method) -> None:
    rows, y, groups = made(2)
    folds = grouped_folds(y, groups, 3, seed=0)
    found = [
        probe_rows(method, rows, y, groups, CLASSES, folds, Settings(calibrate=on, c=0.1))
        for on in (False, True)
    ]
    assert np.array_equal(*(one.probabilities.argmax(axis=1) for one in found))
    assert [fold.temperature for fold in found[0].folds] == [1.0] * 3
    assert all(fold.temperature != 1.0 for fold in found[1].folds)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_no_group_is_on_both_sides(data: st.DataObject) -> None:
    count = data.draw(st.integers(8, 40))
    y = np.array(data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)))
    groups = np.array(data.draw(st.lists(st.integers(0, 9), min_size=count, max_size=count)))
    try:
        folds = grouped_folds(y, groups, data.draw(st.integers(2, 6)), seed=0)
    except InputError:
        assert all(len(np.unique(groups[y == c])) < 2 for c in np.unique(y))
        return
    assert sorted(np.concatenate([fold.test for fold in folds]).tolist()) == list(range(count))
    for fold in folds:
        assert not set(groups[fold.train]) & set(groups[fold.test])
        assert len(fold.train) + len(fold.test) == count


def test_a_stated_split_that_leaks_is_refused() -> None:
    splits = ["train", "train", "test", None]
    fold = stated_split(splits, np.array([0, 1, 2, 1]), ["a", "b", "c"], by="files")
    assert (fold.train.tolist(), fold.test.tolist(), fold.validation) == ([0, 1], [2], None)
    with pytest.raises(InputError, match="1 files have rows in both train and test: b"):
        stated_split(splits, np.array([0, 1, 1, 1]), ["a", "b", "c"], by="files")
    with pytest.raises(InputError, match="the split 'dve' is unknown"):
        stated_split(["train", "dve"], np.array([0, 1]), ["a", "b"], by="files")
    with pytest.raises(InputError, match="no labelled row is of the split 'test'"):
        stated_split(["train", "train"], np.array([0, 1]), ["a", "b"], by="files")


def test_rows_of_val_choose_where_rows_of_test_test() -> None:
    fold = stated_split(["train", "val", "test"], np.arange(3), ["a", "b", "c"], by="files")
    assert fold.validation is not None
    assert (fold.validation.tolist(), fold.test.tolist()) == ([1], [2])
    fold = stated_split(["train", "val"], np.arange(2), ["a", "b"], by="files")
    assert (fold.test.tolist(), fold.validation) == ([1], None)


def test_a_class_without_training_rows_has_no_probability() -> None:
    rows, y, groups = made()
    fold = Fold(np.flatnonzero(y < 2), np.flatnonzero(y == 2))
    for method in METHODS:
        found = probe_rows(method, rows, y, groups, CLASSES, [fold], Settings(c=0.1, calibrate=False))
        assert (found.probabilities[:, 2] == 0).all()
        np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)


def test_one_class_and_too_many_neighbours_are_errors() -> None:
    rows, y, _ = made()
    with pytest.raises(InputError, match="all of one class"):
        fit_model("logistic", rows[:10], y[:10], CLASSES, Settings())
    with pytest.raises(InputError, match=r"30 neighbours are to vote, and there are 10 training rows.*k=10"):
        fit_model("knn", rows[:10], y[:10], CLASSES, Settings(k=30))
    assert fit_model("knn", rows[:10], y[:10], CLASSES, Settings()).k == 10  # type: ignore[union-attr]
    with pytest.raises(InputError, match="at least 1"):
        Settings(k=0)
    with pytest.raises(InputError, match="above 0"):
        Settings(c=0.0)


def test_a_constant_column_changes_nothing() -> None:
    rows, y, _ = made()
    more = np.concatenate([rows, np.full((len(rows), 1), 3, np.float32)], axis=1)
    for method in ("logistic", "svm"):
        plain = fit_model(method, rows, y, CLASSES, Settings(), 0.1).scores(rows)
        np.testing.assert_allclose(
            fit_model(method, more, y, CLASSES, Settings(), 0.1).scores(more), plain, atol=1e-3
        )


def test_a_class_weighs_as_much_as_another_of_more_rows() -> None:
    """Of three equally near rows two are of class 0; with class weights each of the classes has a half."""
    rows = np.array([[1, 0.1], [1, 0.1], [1, 0.1]], np.float32)
    model = fit_model(
        "knn-uniform", rows, np.array([0, 0, 1]), 2, Settings(k=3, balanced=True, calibrate=False)
    )
    np.testing.assert_allclose(softmax(model.scores(rows)), 0.5)


def test_arrays_are_read_as_they_were_written(tmp_path: Path) -> None:
    from vifex.analysis.probing.tensor_file import read_tensors, tensor_bytes

    arrays = {
        "weights": np.arange(6, dtype=np.float64).reshape(2, 3),
        "rows": np.ones((3, 1), np.float32),
        "labels": np.array([1, -2, 3]),
    }
    path = tmp_path / "a.safetensors"
    path.write_bytes(tensor_bytes(arrays))
    found = read_tensors(path)
    assert all(np.array_equal(found[name], array) for name, array in arrays.items())


def test_a_damaged_safetensors_file_is_an_error(tmp_path: Path) -> None:
    from vifex.analysis.probing.tensor_file import read_tensors, tensor_bytes

    whole = tensor_bytes({"a": np.arange(4, dtype=np.float64)})
    header = b'{"a":{"dtype":"F64","shape":[4],"data_offsets":[0,99]}}'
    for data in (b"", whole[:-1], whole[:20], b"\xff" * 40, len(header).to_bytes(8, "little") + header):
        (tmp_path / "a").write_bytes(data)
        with pytest.raises(InputError, match="not a whole safetensors file"):
            read_tensors(tmp_path / "a")
    with pytest.raises(InputError, match="cannot be read"):
        read_tensors(tmp_path / "b")
