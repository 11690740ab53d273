"""The figures of `vifex probe` and those of scikit-learn called directly on the exported matrix.

usage: probe.py [--test N] [--methods knn,knn-uniform,logistic,svm] [--sets cifar10,tiny-imagenet] [--scale S]

CIFAR-10 with 1,000 training images of each class and Tiny-ImageNet with 50 of each, and N test images of each
set (default 10,000). scikit-learn chooses C by a grid search on the same held-out rows and fits on all of
them; its metrics compute the figures. A support vector machine is left out for Tiny-ImageNet: 200 classes are
200 problems, which take hours. S takes that part of the images. Takes about half an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from record import ROOT, write
from sklearn import metrics
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import vifex

DATA = ROOT.parent / "shared" / "data"
SETS = (
    ("cifar10", "cifar10-train", "cifar10-test", 1000),
    ("tiny-imagenet", "tiny-imagenet-train", "tiny-imagenet-val", 50),
)
SLOW = (("tiny-imagenet", "svm"),)
GRID = [0.0001, 0.001, 0.01, 0.1, 1.0]


def write_images(
    name: str, folder: Path, *, per_class: int | None, count: int | None
) -> list[dict[str, str]]:
    """Write images of a Parquet file as files, and give the name and the label of each."""
    table = pq.read_table(DATA / f"{name}.parquet").sort_by("name")
    labels = table["label"].to_numpy()
    chosen = np.arange(len(labels))
    if per_class is not None:
        chosen = np.concatenate([np.flatnonzero(labels == c)[:per_class] for c in np.unique(labels)])
    elif count is not None and count < len(labels):
        chosen = np.sort(np.random.default_rng(0).choice(len(labels), count, replace=False))
    side = folder.name
    folder.mkdir(parents=True)
    lines = []
    images = table["image"]
    for number, row in enumerate(chosen.tolist()):
        (folder / f"{number}.jpg").write_bytes(images[row].as_py())
        lines.append({"name": f"{side}/{number}.jpg", "label": str(labels[row]), "split": side})
    return lines


def estimator(method: str) -> tuple[Any, str | None]:
    """Give the estimator of scikit-learn, and the name of its C."""
    if method == "logistic":
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)), "logisticregression__C"
    if method == "svm":
        return make_pipeline(
            StandardScaler(), LinearSVC(max_iter=1000, dual="auto", random_state=0)
        ), "linearsvc__C"
    weights: Any = "uniform" if method == "knn-uniform" else lambda distance: np.exp((1 - distance) / 0.07)
    return KNeighborsClassifier(20, metric="cosine", algorithm="brute", weights=weights), None


def direct(method: str, x: Any, y: Any, test: Any, truth: Any) -> dict[str, Any]:
    """Fit, choose and measure by scikit-learn alone."""
    model, name = estimator(method)
    c = None
    if name is not None:
        learn, check = next(StratifiedKFold(4, shuffle=True, random_state=0).split(x, y))
        place = np.full(len(y), -1)
        place[check] = 0
        grid = GridSearchCV(model, {name: GRID}, cv=PredefinedSplit(place), scoring="accuracy")
        model, c = grid.fit(x, y).best_estimator_, grid.best_params_[name]
        assert len(learn) + len(check) == len(y)
    else:
        model.fit(x, y)
    guessed = model.predict(test)
    scores = model.decision_function(test) if method == "svm" else model.predict_proba(test)
    binary = np.eye(len(model.classes_))[np.searchsorted(model.classes_, truth)]
    return {
        "c": c,
        "accuracy": metrics.accuracy_score(truth, guessed),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, guessed),
        "macro_precision": metrics.precision_score(truth, guessed, average="macro", zero_division=0),
        "macro_recall": metrics.recall_score(truth, guessed, average="macro", zero_division=0),
        "macro_f1": metrics.f1_score(truth, guessed, average="macro", zero_division=0),
        # Areas of scores that are no probabilities are those of each column; a softmax changes their order.
        **(
            {}
            if method == "svm"
            else {
                "roc_auc": metrics.roc_auc_score(binary, scores, average="macro"),
                "average_precision": metrics.average_precision_score(binary, scores, average="macro"),
                "log_loss": metrics.log_loss(truth, scores, labels=model.classes_),
            }
        ),
    }


def ours(found: Any, method: str) -> dict[str, Any]:
    """Give the same figures of a probe."""
    one = found.methods[method]
    (fold,) = found.folds[method]
    return {
        "c": fold.c,
        "accuracy": one.classification.accuracy,
        "balanced_accuracy": one.classification.balanced_accuracy,
        "macro_precision": one.classification.macro.precision,
        "macro_recall": one.classification.macro.recall,
        "macro_f1": one.classification.macro.f1,
        "roc_auc": one.curves.roc_auc_macro,
        "average_precision": one.curves.average_precision_macro,
        "log_loss": one.calibration.log_loss,
    }


def measure(store: Path, labels: Path, methods: list[str]) -> dict[str, Any]:
    """Probe a store, do the same by scikit-learn, and compare."""
    options: dict[str, Any] = {"labels": labels, "methods": methods, "resamples": 200}
    plain = vifex.probe(store, calibrate=False, **options)
    calibrated = vifex.probe(store, **options)
    lines = {line["name"]: line for line in pq.read_table(labels).to_pylist()}
    with vifex.open(store) as opened:
        matrix = opened.to_numpy()
        names = opened.to_arrow(["name"]).column(0).to_pylist()
    y = np.array([lines[name]["label"] for name in names])
    is_train = np.array([lines[name]["split"] == "train" for name in names])
    results: dict[str, Any] = {}
    for method in methods:
        began_s = time.perf_counter()
        theirs = direct(method, matrix[is_train], y[is_train], matrix[~is_train], y[~is_train])
        took_s = time.perf_counter() - began_s
        own = ours(plain, method)
        (fold,), (warm,) = plain.folds[method], calibrated.folds[method]
        after = calibrated.methods[method]
        results[method] = {
            "vifex": {name: own[name] for name in theirs},
            "scikit-learn": {name: None if v is None else float(v) for name, v in theirs.items()},
            "largest_difference": max(abs(own[n] - theirs[n]) for n in theirs if theirs[n] is not None),
            "accuracy_interval": [getattr(after.intervals["accuracy"], side) for side in ("low", "high")],
            "calibrated": {
                "temperature": warm.temperature,
                "accuracy": after.classification.accuracy,
                "log_loss": after.calibration.log_loss,
                "ece": after.calibration.ece,
                "ece_before": plain.methods[method].calibration.ece,
            },
            "seconds": {"vifex": round(fold.seconds, 2), "scikit-learn": round(took_s, 2)},
        }
        print(method, json.dumps(results[method]), flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--test", type=int, default=10_000)
    parser.add_argument("--methods", default="knn,knn-uniform,logistic,svm")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--sets", default=",".join(name for name, *_ in SETS))
    chosen = parser.parse_args()
    results: dict[str, Any] = {}
    for name, train, test, per_class in SETS:
        if name not in chosen.sets.split(","):
            continue
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            lines = write_images(
                train, folder / "images" / "train", per_class=round(per_class * chosen.scale), count=None
            )
            lines += write_images(
                test, folder / "images" / "test", per_class=None, count=round(chosen.test * chosen.scale)
            )
            pq.write_table(pa.Table.from_pylist(lines), folder / "labels.parquet")
            vifex.extract(folder / "images", folder / "lib.vifex", precision="fp32")
            results[name] = measure(
                folder / "lib.vifex",
                folder / "labels.parquet",
                [m for m in chosen.methods.split(",") if (name, m) not in SLOW],
            )
    write(
        "probe",
        config={
            "model": "default",
            "precision": "fp32",
            "training_images_of_a_class": {name: per for name, _, _, per in SETS},
            "test_images": chosen.test,
            "scale": chosen.scale,
        },
        rounds=1,
        results=results,
    )


if __name__ == "__main__":
    main()
