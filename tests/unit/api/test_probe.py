"""`vifex.probe` and `vifex.classify` on small stores: labels, splits, groups, files and what is refused."""

from __future__ import annotations

import json
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from sklearn import metrics
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import vifex
from vifex.evaluation.tables import read_predictions
from vifex.values import InputError

write_store: Callable[..., Path] = runpy.run_path(str(Path(__file__).parents[1] / "search" / "rows.py"))[
    "write_store"
]
SIZE = 6
CLASSES = ("ant", "bee", "cow")


def media_of(total: int) -> list[int]:
    """Give the medium of each row: in turn an image of one row and a video of five."""
    owners: list[int] = []
    while len(owners) < total:
        number = owners[-1] + 1 if owners else 0
        owners += [number] * (5 if number % 2 else 1)
    return owners[:total]


def make(path: Path, total: int = 180, noise: float = 1.2, **options: Any) -> tuple[Path, Any, list[str]]:
    """Write a store whose media are of three overlapping classes; give it, its rows and the class of each."""
    rng = np.random.default_rng(0)
    owners = media_of(total)
    of_medium = [CLASSES[m % 3] for m in range(owners[-1] + 1)]
    y = [of_medium[m] for m in owners]
    centres = {name: rng.normal(size=SIZE) for name in CLASSES}
    rows = np.array([centres[name] for name in y]) + noise * rng.normal(size=(total, SIZE))
    labels = options.pop("labels", of_medium)
    return write_store(path, {"x": rows}, labels=labels, **options), rows.astype(np.float32), y


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("probe") / "lib.vifex")[0]


def test_figures_are_those_of_scikit_learn_on_the_exported_matrix(store: Path, tmp_path: Path) -> None:
    found = vifex.probe(store, methods=["logistic"], c=0.1, calibrate=False, each_row=True, resamples=20)
    with vifex.open(store) as opened:
        rows = opened.to_numpy()
        table = opened.to_arrow(["uri", "label"]).to_pydict()
    y, groups = np.array(table["label"]), np.unique(table["uri"], return_inverse=True)[1]
    probable = np.zeros((len(y), 3))
    for train, test in StratifiedGroupKFold(5, shuffle=True, random_state=0).split(rows, y, groups):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
        probable[test] = model.fit(rows[train], y[train]).predict_proba(rows[test])
    probable /= probable.sum(axis=1, keepdims=True)
    guessed = np.array(CLASSES)[probable.argmax(axis=1)]
    figures = found.evaluation
    assert 0.5 < figures.classification.accuracy < 0.99
    assert figures.classification.accuracy == metrics.accuracy_score(y, guessed)
    assert figures.classification.balanced_accuracy == metrics.balanced_accuracy_score(y, guessed)
    assert figures.classification.macro.f1 == pytest.approx(metrics.f1_score(y, guessed, average="macro"))
    assert figures.classification.confusion.tolist() == metrics.confusion_matrix(y, guessed).tolist()
    assert figures.calibration.log_loss == pytest.approx(metrics.log_loss(y, probable), abs=1e-5)
    assert figures.curves.roc_auc_macro == pytest.approx(
        metrics.roc_auc_score(y, probable, multi_class="ovr"), abs=1e-5
    )
    assert figures.resampled_by == "file"
    assert figures.n_resampled == len(set(table["uri"]))


def test_a_medium_has_the_mean_of_its_rows(store: Path) -> None:
    by_row = vifex.probe(store, methods=["knn"], each_row=True, resamples=5).evaluation.predictions
    by_medium = vifex.probe(store, methods=["knn"], resamples=5).evaluation.predictions
    names = [name.partition("@")[0] for name in by_row.names]
    assert list(by_medium.names) == list(dict.fromkeys(names))
    for name, probable in zip(by_medium.names, by_medium.probabilities, strict=True):
        own = [i for i, other in enumerate(names) if other == name]
        np.testing.assert_allclose(by_row.probabilities[own].mean(axis=0), probable)


def test_a_table_gives_labels_splits_and_groups(tmp_path: Path) -> None:
    store, _, y = make(tmp_path / "lib.vifex", labels=None)
    owners = media_of(len(y))
    count = owners[-1] + 1
    with pytest.raises(InputError, match=r"the column label: no medium has a label.*labels=\"labels.csv\""):
        vifex.probe(store)
    with vifex.open(store) as opened:
        names = list(dict.fromkeys(opened.to_arrow(["name"]).column(0).to_pylist()))
    table = {
        "name": names,
        "label": [CLASSES[m % 3] for m in range(count)],
        "camera": [f"c{m % 7}" for m in range(count)],
    }
    path = tmp_path / "labels.csv"
    pyarrow.csv.write_csv(pa.table(table), path)
    found = vifex.probe(store, labels=path, group="camera", methods=["knn"], resamples=5)
    assert found.grouped_by == "camera"
    assert found.evaluation.resampled_by == "camera"
    assert found.evaluation.n_resampled == 7
    made = found.evaluation.predictions
    assert set(zip(made.names, made.column("camera"), strict=True)) == set(
        zip(names, table["camera"], strict=True)
    )
    for camera in set(table["camera"]):
        assert (
            len({f for f, c in zip(made.column("fold"), made.column("camera"), strict=True) if c == camera})
            == 1
        )

    table["split"] = ["train" if m % 7 < 5 else "test" for m in range(count)]
    pq.write_table(pa.table(table), tmp_path / "labels.parquet")
    found = vifex.probe(
        store, labels=tmp_path / "labels.parquet", group="camera", methods=["knn"], resamples=5
    )
    assert len(found.folds["knn"]) == 1
    assert sorted(found.evaluation.predictions.names) == sorted(
        name for name, split in zip(names, table["split"], strict=True) if split == "test"
    )
    assert "stated split" in found.evaluation.protocol
    crossed = vifex.probe(store, labels=tmp_path / "labels.parquet", folds=3, methods=["knn"], resamples=5)
    assert len(crossed.folds["knn"]) == 3
    assert "The split that the labels state was not used." in crossed.notes

    table["split"][0] = "test"  # of camera c0, whose other media learn
    lines = pa.table(table).to_pylist()
    (tmp_path / "labels.jsonl").write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(InputError, match=r"1 values of camera have rows in both train and test: c0"):
        vifex.probe(store, labels=tmp_path / "labels.jsonl", group="camera")
    with pytest.raises(InputError, match=r"no column 'camra'.*Did you mean camera"):
        vifex.probe(store, labels=path, group="camra")


def test_labels_that_match_nothing_offer_near_ones(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("name,label\nm0.jpeg,ant\n")
    with pytest.raises(
        InputError, match=r"none of the 1 lines names a medium.*'m0.jpeg'.*Did you mean m0.jpg"
    ):
        vifex.probe(store, labels=path)
    path.write_text("name,label\nm0.jpg,ant\nm0.jpg,bee\n")
    with pytest.raises(InputError, match=r"'m0.jpg' has the labels 'ant' and 'bee'"):
        vifex.probe(store, labels=path)
    path.write_text("name,klass\nm0.jpg,ant\n")
    with pytest.raises(InputError, match=r"no column label.*It has name, klass"):
        vifex.probe(store, labels=path)
    with pytest.raises(InputError, match=r"no column 'lable' and no table.*Did you mean label"):
        vifex.probe(store, labels="lable")
    with pytest.raises(InputError, match="cannot be read: No such file"):
        vifex.probe(store, labels=tmp_path / "none.csv")
    found = vifex.probe(
        store, labels={**{f"m{i}.jpg": CLASSES[i % 3] for i in range(0, 60, 2)}, "m1.mov": "ant"}, resamples=5
    )
    assert any(
        "1 of 31 lines of the table name no medium of the store, the first 'm1.mov'" in n for n in found.notes
    )
    assert any("media have no label and were left out" in n for n in found.notes)
    assert found.n_media == 30


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["ant"] * 60, "all labelled rows are of the class 'ant', and a probe needs two classes"),
        (["ant", *["bee"] * 59], "all labelled rows are of the class 'bee'"),
    ],
)
def test_one_class_is_refused(labels: list[str], said: str, store: Path) -> None:
    given = {f"m{i}.{'mp4' if i % 2 else 'jpg'}": label for i, label in enumerate(labels)}
    with pytest.raises(InputError, match=said):
        vifex.probe(store, labels=given)


def test_a_class_with_one_example_is_left_out_and_said(store: Path) -> None:
    given = {f"m{i}.{'mp4' if i % 2 else 'jpg'}": CLASSES[i % 2] for i in range(40)}
    found = vifex.probe(store, labels={**given, "m40.jpg": "elk"}, methods=["knn"], resamples=5)
    assert found.evaluation.predictions.classes == ("ant", "bee")
    assert any("1 classes of one file were left out: elk" in note for note in found.notes)


def test_a_class_that_is_absent_from_the_training_rows_counts_as_wrong(store: Path, tmp_path: Path) -> None:
    lines = ["name,label,split"]
    for i in range(60):
        label = CLASSES[i % 3]
        lines.append(
            f"m{i}.{'mp4' if i % 2 else 'jpg'},{label},{'train' if i % 2 and label != 'cow' else 'test'}"
        )
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    found = vifex.probe(store, labels=tmp_path / "labels.csv", resamples=5)
    assert any(
        "have rows to test and none to learn from, which are always wrong: cow" in n for n in found.notes
    )
    for figures in found.methods.values():
        assert figures.classification.per_class[2].recall == 0


def test_features_that_are_nan_or_constant(tmp_path: Path) -> None:
    _, rows, _ = make(tmp_path / "nan.vifex")
    rows[3] = np.nan
    rows[10, 0] = np.inf
    labels = [CLASSES[m % 3] for m in range(60)]
    broken = write_store(tmp_path / "broken.vifex", {"x": rows}, labels=labels)
    found = vifex.probe(broken, methods=["knn"], resamples=5)
    assert "2 rows have NaN or infinite numbers and were left out." in found.notes
    assert found.n_rows == len(rows) - 2
    flat = write_store(tmp_path / "flat.vifex", {"x": np.ones_like(rows)}, labels=labels)
    with pytest.raises(InputError, match="all 180 labelled rows have the same features"):
        vifex.probe(flat)


def test_more_neighbours_than_rows_and_unknown_methods(store: Path) -> None:
    with pytest.raises(InputError, match="1000 neighbours are to vote, and there are"):
        vifex.probe(store, k=1000)
    with pytest.raises(InputError, match=r"`methods=` takes|no method 'kn'.*knn"):
        vifex.probe(store, methods=["kn"])  # type: ignore[list-item]
    with pytest.raises(InputError, match="at least 2"):
        vifex.probe(store, folds=1)


def test_ties_count_for_the_first_class_and_are_said(tmp_path: Path) -> None:
    """All rows that a fold learns from are neighbours, as many of one class as of the other."""
    rows = np.tile([[1.0, 2.0], [3.0, 1.0]], (30, 1))
    labels = [CLASSES[m // 2 % 2] for m in range(60)]
    store = write_store(
        tmp_path / "ties.vifex", {"x": rows}, labels=labels, names=[f"{i}.jpg" for i in range(60)]
    )
    found = vifex.probe(store, methods=["knn-uniform"], k=48, resamples=5, each_row=True)
    assert found.evaluation.predictions.ties == 60
    assert set(found.evaluation.predictions.predicted.tolist()) == {0}
    assert any("several classes with the highest score" in note for note in found.evaluation.notes)


def test_the_files_of_a_probe(store: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    found = vifex.probe(store, methods=["knn", "logistic"], output=folder, resamples=20)
    assert {path.name for path in folder.iterdir()} == {
        "predictions.parquet",
        "figures.json",
        "report.html",
        "classifier.json",
        "classifier.safetensors",
    }
    again, _ = read_predictions(folder / "predictions.parquet")
    np.testing.assert_allclose(again.probabilities, found.evaluation.predictions.probabilities)
    figures = json.loads((folder / "figures.json").read_text())
    assert figures["accuracy"] == found.evaluation.classification.accuracy
    assert figures["compared_with"] == ({"knn", "logistic"} - {found.best}).pop()
    told = json.loads((folder / "classifier.json").read_text())
    assert told["classes"] == list(CLASSES)
    with pytest.raises(InputError, match="the file exists already"):
        vifex.probe(store, output=folder)
    with pytest.raises(InputError, match="inside a store"):
        vifex.probe(store, output=store / "out")


@pytest.fixture(scope="module", params=["knn", "logistic"])
def saved(request: pytest.FixtureRequest, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / request.param
    vifex.probe(store, methods=[request.param], output=folder, resamples=5)
    return folder


def test_a_saved_classifier_gives_the_classes_that_it_learned(
    store: Path, saved: Path, tmp_path: Path
) -> None:
    found = vifex.classify(store, saved, output=tmp_path / "a.csv", top_k=2)
    with vifex.open(store) as opened:
        truth = dict(zip(*opened.to_arrow(["name", "label"]).to_pydict().values(), strict=True))
    right = np.mean([truth[name] == label for name, label in zip(found.names, found.labels, strict=True)])
    assert right > 0.85
    table = pyarrow.csv.read_csv(tmp_path / "a.csv")
    assert table.column("label").to_pylist() == list(found.labels)
    np.testing.assert_allclose(
        table.column("probability").to_numpy() + table.column("probability_2").to_numpy(),
        np.sort(found.probabilities, axis=1)[:, -2:].sum(axis=1),
    )
    rows = vifex.classify(store, saved, each_row=True)
    assert len(rows) == 180
    np.testing.assert_allclose(rows.probabilities[:1], found.probabilities[:1])
    np.testing.assert_allclose(rows.probabilities[1:6].mean(axis=0), found.probabilities[1])
    assert found.n_rows[:2].tolist() == [1, 5]


def test_labels_are_written_into_the_store(saved: Path, tmp_path: Path) -> None:
    bare, _, _ = make(tmp_path / "bare.vifex", labels=None)
    found = vifex.classify(bare, saved, relabel=True, min_probability=0.6)
    sure = {n for n, p in zip(found.names, found.probabilities.max(axis=1), strict=True) if p >= 0.6}
    assert found.relabelled == len(sure) > 0
    with vifex.open(bare) as opened:
        written = dict(zip(*opened.to_arrow(["name", "label"]).to_pydict().values(), strict=True))
        assert opened.verify().ok
    said = dict(zip(found.names, found.labels, strict=True))
    assert written == {name: said[name] if name in sure else None for name in said}


def test_features_of_another_recipe_are_refused(saved: Path, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(20, SIZE))
    other = write_store(tmp_path / "other.vifex", {"y": rows})
    with pytest.raises(InputError, match=r"another recipe.*layers.*anyway=True"):
        vifex.classify(other, saved)
    found = vifex.classify(other, saved, anyway=True)
    assert len(found) == len(set(media_of(20)))
    assert found.notes[0].startswith("The classifier learned from features of another recipe")
    wide = write_store(tmp_path / "wide.vifex", {"y": np.ones((20, SIZE + 1))})
    with pytest.raises(InputError, match="have 6 numbers, and these 7"):
        vifex.classify(wide, saved, anyway=True)


def test_a_damaged_classifier_is_refused(store: Path, saved: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(saved, copy)
    numbers = copy / "classifier.safetensors"
    data = bytearray(numbers.read_bytes())
    data[-1] ^= 1
    numbers.write_bytes(data)
    with pytest.raises(InputError, match="do not belong"):
        vifex.classify(store, copy)
    description = copy / "classifier.json"
    told = json.loads(description.read_text())
    shutil.copy(saved / numbers.name, numbers)
    for change in ({"classes": ["a"]}, {"column": "z"}, {"temperature": 0}, {"recipe_hash": ""}):
        description.write_text(json.dumps({**told, **change}))
        with pytest.raises(InputError, match="the classifier is damaged"):
            vifex.classify(store, copy)
    description.write_text("{")
    with pytest.raises(InputError, match="the classifier is damaged"):
        vifex.classify(store, copy)
    with pytest.raises(InputError, match="no classifier can be read here"):
        vifex.classify(store, tmp_path)


def test_what_classify_cannot_take(store: Path, saved: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="from a classifier or from words"):
        vifex.classify(store)
    with pytest.raises(InputError, match="describes 1 classes"):
        vifex.classify(store, words="a cat")
    with pytest.raises(InputError, match="not of rows"):
        vifex.classify(store, saved, relabel=True, each_row=True)
    with pytest.raises(InputError, match=r"Known: .csv, .parquet"):
        vifex.classify(store, saved, output=tmp_path / "a.txt")
    with pytest.raises(InputError, match="media have no store"):
        vifex.classify(tmp_path, saved, relabel=True)


def test_images_without_groups_are_divided_by_class_alone(tmp_path: Path) -> None:
    """Where every file has one row, folds are those of scikit-learn's StratifiedKFold."""
    from vifex.analysis.probing.splitting import grouped_folds

    y = np.repeat([0, 1], 20)
    ours = [fold.test.tolist() for fold in grouped_folds(y, np.arange(40), 5, seed=3)]
    theirs = StratifiedKFold(5, shuffle=True, random_state=3).split(y, y)
    assert ours == [test.tolist() for _, test in theirs]
