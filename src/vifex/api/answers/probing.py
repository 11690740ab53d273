"""`vifex.probe`: how well the labels of a store can be told from its features, and a classifier of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Unpack

import numpy as np

from vifex.analysis.probing.classifier import DESCRIPTION, NUMBERS, Classifier
from vifex.analysis.probing.fitting import Fitted, fit_chosen
from vifex.analysis.probing.methods import METHODS, Method, Settings
from vifex.analysis.probing.probing import ProbedRows, ProbeFold, probe_rows
from vifex.analysis.rows import read_rows
from vifex.api.answers.given import Given, opened
from vifex.api.answers.labelled_rows import LabelledRows, labelled_rows
from vifex.api.answers.labels import LabelSource, media_labels
from vifex.api.arguments import checked
from vifex.api.evaluation.files import check_output, write_evaluation
from vifex.api.stores.naming import last_ref
from vifex.api.stores.sheets import thumbnail_of
from vifex.api.stores.view import View
from vifex.api.views import Choices
from vifex.evaluation.evaluation import Evaluation, evaluate_predictions
from vifex.evaluation.predictions import Ints, Predictions, make_predictions
from vifex.evaluation.statistics.bootstrap import SCORES, scores_by_weights
from vifex.evaluation.views import average_views
from vifex.search.files import check_target
from vifex.values import InputError, Outcome
from vifex.values.registry import near

if TYPE_CHECKING:
    from PIL import Image

    from vifex.api.models.loaded import LoadedModel

__all__ = ["Probe", "probe"]

_FILES: Final = (DESCRIPTION, NUMBERS)


@dataclass(frozen=True, eq=False)
class Probe:
    """How well the classes of a feature column can be told apart, by each method."""

    data: str
    """The store."""
    view: str
    column: str
    labels: str
    """Where the labels are from."""
    methods: Mapping[str, Evaluation]
    """Method to all its figures, on rows of media that it did not learn from."""
    folds: Mapping[str, tuple[ProbeFold, ...]]
    """Method to what was chosen in each fold."""
    best: str
    """The method with the highest accuracy; balanced accuracy where classes weigh the same."""
    grouped_by: str
    """What is never on both sides: `file`, or a column."""
    n_rows: int
    """Labelled rows that were used."""
    n_media: int
    notes: tuple[str, ...] = ()
    """Sentences on what was left out and how rows were divided."""
    files: Mapping[str, str] = field(default_factory=dict)
    """What was written of the best method: `predictions`, `figures`, `report` and `classifier`."""

    @property
    def evaluation(self) -> Evaluation:
        """All figures of the best method."""
        return self.methods[self.best]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "store": self.data,
            "view": self.view,
            "column": self.column,
            "labels": self.labels,
            "rows": self.n_rows,
            "media": self.n_media,
            "grouped_by": self.grouped_by,
            "best": self.best,
            "methods": {name: found.to_dict() for name, found in self.methods.items()},
            "folds": {name: [asdict(one) for one in facts] for name, facts in self.folds.items()},
            "notes": list(self.notes),
            "files": dict(self.files),
        }


@checked("given", "labels", "model", "output")
def probe(
    given: Given,
    *,
    labels: LabelSource = "label",
    view: str | None = None,
    column: str | None = None,
    where: str | None = None,
    model: str | os.PathLike[str] | LoadedModel | None = None,
    methods: Sequence[Literal["knn", "knn-uniform", "logistic", "svm"]] = ("knn", "logistic"),
    folds: int | None = None,
    group: str | None = None,
    each_row: bool = False,
    k: int | None = None,
    c: float | None = None,
    class_weights: bool = False,
    calibrate: bool = True,
    resamples: int = 1000,
    seed: int = 0,
    output: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
    **choices: Unpack[Choices],
) -> Probe:
    """Measure how well labels can be told from features, by classifiers that learn from them.

    Every row is predicted by a classifier that learned from rows of other files. Where the labels state a
    split, it learns from `train` and is tested on `test`; else rows are divided into folds, and each fold is
    tested by a classifier that learned from the others. The frames of one file stay together. A medium with
    several rows has the mean of their probabilities.

    The linear methods learn from standardised rows. Their C and the temperature that calibrates
    probabilities are chosen on a quarter of the training rows, or on those of the split `val`.

    Args:
        given: A store, an open store or view, or media that are extracted first.
        labels: A column of the view, a table with `name` and `label` (`.csv`, `.tsv`, `.jsonl`, `.parquet`),
            `folder` for the first folder of each name, or a mapping of names to labels.
        view: The view; by default the only one, or `main`.
        column: The feature column or its layer; by default the only one.
        where: An SQL filter over the row columns.
        model: The model that media are extracted with.
        methods: `knn` (20 neighbours by cosine similarity s, weighted by exp(s / 0.07)), `knn-uniform` (each
            neighbour counts once), `logistic` (logistic regression) and `svm` (linear support vectors).
        folds: Cross-validate with so many folds, whatever the split; 5 where no split is stated.
        group: A column of the table or the view whose values stay together, in place of the file.
        each_row: Whether figures are of single rows, not of media.
        k: Neighbours that vote; by default 20, or all training rows where there are fewer.
        c: Inverse strength of the penalty of the linear methods; by default it is chosen from 0.0001 to 1.
        class_weights: Whether each class weighs the same, however many rows it has.
        calibrate: Whether a temperature is fitted that makes the probabilities right on average.
        resamples: Bootstrap resamples of the confidence intervals, of whole groups.
        seed: Of the folds and the resamples.
        output: Folder for `predictions.parquet`, `figures.json`, `report.html` and the classifier
            (`classifier.json`, `classifier.safetensors`) of the best method.
        overwrite: Whether these files may be replaced.
        on_outcome: Called with what became of each medium that could not be extracted whole.
        on_notice: Called with what a user must know; by default it is a `UserWarning`.
        **choices: For the extraction of media, as for `vifex.extract`.

    Raises:
        InputError: If labels match no medium, there are fewer than two classes, a split has a group on both
            sides, or a choice is wrong.
        VifexError: If the store or the media cannot be read.
    """
    wanted = _methods(methods)
    settings = Settings(k, c, class_weights, calibrate, seed)
    folder = None if output is None else Path(output)
    if folder is not None:
        check_output(folder, overwrite=overwrite, plots=False)
        for name in _FILES:
            check_target(folder / name, overwrite=overwrite)
    taken = opened(given, view=view, model=model, choices=choices, on_outcome=on_outcome, on_notice=on_notice)
    with taken as read:
        rows = read_rows(read._stored, column, where=where)
        found = labelled_rows(rows, media_labels(rows, labels), group=group, folds=folds, seed=seed)
        probed = {method: _probed(found, method, settings) for method in wanted}
        scored = {method: _scored(found, one, each_row=each_row) for method, one in probed.items()}
        ranked = _ranked(scored, balanced=class_weights)
        evaluations = {
            str(method): evaluate_predictions(
                scored[method].predictions,
                model=f"{method} on {rows.column}",
                data=str(read.path),
                protocol=f"{scored[method].protocol}; {found.protocol}",
                resample_by=scored[method].resample_by,
                resamples=resamples,
                seed=seed,
                notes=(*found.notes, *probed[method].notes, *_chosen_by(ranked, method)),
                **_second(scored, ranked, method),
            )
            for method in wanted
        }
        best = ranked[0]
        result = Probe(
            data=str(read.path),
            view=read.name,
            column=rows.column,
            labels=found.source,
            methods=evaluations,
            folds={str(method): one.folds for method, one in probed.items()},
            best=best,
            grouped_by=found.grouped_by,
            n_rows=len(found.y),
            n_media=len(np.unique(found.medium)),
            notes=found.notes,
        )
        if folder is None:
            return result
        fitted = _final(found, probed[best], best, settings)
        files = write_evaluation(
            evaluations[best],
            folder,
            image=lambda row: _image(read, found, int(scored[best].rows[row])),
            overwrite=overwrite,
            plots=False,
        )
        saved = _classifier(read, found, fitted, rows.column, evaluations[best])
        return replace(result, files={**files, **saved.write(folder, overwrite=overwrite)})


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """Predictions of a method for media or rows."""

    predictions: Predictions
    protocol: str
    rows: Ints
    """The first row of each prediction."""

    @property
    def resample_by(self) -> str | None:
        """The column whose groups are resampled; none where each group is one prediction."""
        groups = self.predictions.groups
        column = next((name for name in groups if name != "fold"), None)
        return None if column is None or len(set(groups[column])) < 2 else column


def _methods(methods: Sequence[str]) -> list[Method]:
    given = [methods] if isinstance(methods, str) else list(dict.fromkeys(methods))
    if not given:
        raise InputError("names no method.", option="methods", todo=f"Known: {', '.join(METHODS)}.")
    for name in given:
        if name not in METHODS:
            raise InputError(
                f"there is no method {name!r}.",
                todo=f"{near(name, list(METHODS))}Known: {', '.join(METHODS)}.",
            )
    return [name for name in METHODS if name in given]


def _probed(found: LabelledRows, method: Method, settings: Settings) -> ProbedRows:
    return probe_rows(method, found.vectors, found.y, found.groups, len(found.classes), found.folds, settings)


def _scored(found: LabelledRows, probed: ProbedRows, *, each_row: bool) -> _Scored:
    """Make predictions of media or of single rows."""
    rows = probed.rows
    probable, first, protocol = probed.probabilities, np.arange(len(rows)), "single rows"
    if not each_row:
        keys = [found.medium_ids[m] for m in found.medium[rows]]
        averaged = average_views(probable, keys, kind="probabilities")
        probable, first, protocol = averaged.scores, averaged.first_row, averaged.protocol
    chosen = rows[first]
    columns = {"fold": [str(fold) for fold in probed.fold[first]]} if len(found.folds) > 1 else {}
    names = [found.group_names[g] for g in found.groups[chosen]]
    if each_row or found.grouped_by != "file" or len(set(names)) < len(names):
        columns[found.grouped_by] = names
    made = make_predictions(
        probable,
        found.y[chosen],
        classes=found.classes,
        names=found.names_of(chosen, each_row=each_row),
        groups=columns,
        kind="probabilities",
    )
    return _Scored(made, protocol, chosen)


def _ranked(scored: Mapping[Method, _Scored], *, balanced: bool) -> list[Method]:
    """Return the methods by their accuracy, the best first; of equal ones that of the lower log loss."""
    figure = SCORES.index("balanced_accuracy" if balanced else "accuracy")
    loss = SCORES.index("log_loss")

    def order(method: Method) -> tuple[float, float]:
        made = scored[method].predictions
        scores = scores_by_weights(made)(np.ones(len(made), np.int64))
        return -float(scores[figure]), float(scores[loss])

    return sorted(scored, key=order)


def _second(scored: Mapping[Method, _Scored], ranked: Sequence[Method], method: Method) -> dict[str, Any]:
    """Return what the best method is compared with: the second best."""
    if method != ranked[0] or len(ranked) < 2:
        return {}
    return {"other": scored[ranked[1]].predictions, "compared_with": ranked[1]}


def _chosen_by(ranked: Sequence[Method], method: Method) -> list[str]:
    if method != ranked[0] or len(ranked) < 2:
        return []
    return [f"{method} is the best of {len(ranked)} methods by these figures, which favours it slightly."]


def _image(view: View, found: LabelledRows, row: int) -> Image.Image | None:
    uri, t_s = found.place_of(row)
    return thumbnail_of(uri, t_s, None, view.recipe.sampling.assume_fps)


def _final(found: LabelledRows, probed: ProbedRows, method: Method, settings: Settings) -> Fitted:
    """Return the classifier that is saved: of all rows, or of the training rows of a stated split."""
    if len(found.folds) == 1:
        return probed.last
    return fit_chosen(method, found.vectors, found.y, found.groups, len(found.classes), settings)


def _classifier(
    view: View, found: LabelledRows, fitted: Fitted, column: str, evaluation: Evaluation
) -> Classifier:
    stored = view._stored
    figures = evaluation.to_dict()
    return Classifier(
        method=fitted.method,
        classes=found.classes,
        model=fitted.model,
        temperature=fitted.temperature,
        recipe=stored.recipe,
        column=column,
        ref=last_ref(stored),
        facts={
            "rows": len(found.y) if len(found.folds) > 1 else len(found.folds[0].train),
            "labels": found.source,
            "c": fitted.c,
            "protocol": evaluation.protocol,
            "figures": {name: figures[name] for name in ("accuracy", "balanced_accuracy", "log_loss", "ece")},
        },
    )
