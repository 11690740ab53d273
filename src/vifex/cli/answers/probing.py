"""`vifex probe`: how well labels can be told from the features of a store, and a classifier of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import MODEL, OUTPUT, SAMPLING, SOURCE, Flag, Json, Quiet, helped
from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.reporting import Notices, Problems
from vifex.cli.targets import as_typed

if TYPE_CHECKING:
    from vifex import Evaluation, Probe

__all__ = ["probe"]

_LEARNING = Group.create_ordered("Learning")
_FIGURES = Group.create_ordered("Figures")

Method = Literal["knn", "knn-uniform", "logistic", "svm"]


@helped
def probe(
    store: Annotated[Path, Parameter(converter=as_typed)],
    /,
    *,
    labels: Annotated[str, Parameter(group=SOURCE)] = "label",
    view: Annotated[str | None, Parameter(group=SOURCE)] = None,
    column: Annotated[str | None, Parameter(group=SOURCE)] = None,
    where: Annotated[str | None, Parameter(group=SOURCE)] = None,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], group=OUTPUT)] = None,
    overwrite: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    json: Json = False,
    quiet: Quiet = False,
    method: Annotated[list[Method] | None, Parameter(negative=(), group=_LEARNING)] = None,
    folds: Annotated[int | None, Parameter(group=_LEARNING)] = None,
    group: Annotated[str | None, Parameter(name=["--group", "-g"], group=_LEARNING)] = None,
    k: Annotated[int | None, Parameter(name="-k", group=_LEARNING)] = None,
    c: Annotated[float | None, Parameter(name=["--c", "-c"], group=_LEARNING)] = None,
    class_weights: Annotated[Flag, Parameter(group=_LEARNING)] = False,
    no_calibration: Annotated[Flag, Parameter(group=_LEARNING)] = False,
    each_row: Annotated[Flag, Parameter(group=_FIGURES)] = False,
    resamples: Annotated[int, Parameter(group=_FIGURES)] = 1000,
    seed: Annotated[int, Parameter(group=_FIGURES)] = 0,
    model: Annotated[str | None, Parameter(name=["--model", "-m"], group=MODEL)] = None,
    fps: Annotated[float | None, Parameter(group=SAMPLING)] = None,
) -> int:
    """Measure how well labels can be told from the features of a store, and save a classifier.

    For example:
        vifex probe lib.vifex --labels labels.csv
        vifex probe photos --labels folder -o sorted
        vifex probe lib.vifex --labels labels.csv --group camera --method svm

    Every medium is predicted by a classifier that learned from other files. If the labels have a split, it
    learns from train and is tested on test; otherwise it is cross-validated.

    Parameters
    ----------
    store
        A store, or media that are extracted into the cache first.
    labels
        A column of the store, a table with name and label (.csv, .tsv, .jsonl or .parquet), or folder for the
        first folder of each name.
    view
        The view (default: the only one, or main).
    column
        Column of the layer. It may be left out if the view has one layer.
    where
        An SQL filter over the columns, e.g. "t_s >= 10".
    output
        A folder for the figures, the report and the classifier of the best method.
    overwrite
        Replace the files if they exist.
    method
        knn (neighbours weighted by their similarity), knn-uniform, logistic (logistic regression) or svm
        (linear support vector machine). It may be given several times (default: knn and logistic).
    folds
        Number of folds of the cross-validation, even if the labels have a split (default: 5).
    group
        A column of the table whose values stay on one side (default: the file).
    k
        Number of neighbours (default: 20).
    c
        Inverse strength of the penalty of logistic and svm (default: chosen on training rows).
    class_weights
        Give each class the same weight, however many rows it has.
    no_calibration
        Leave the probabilities as the method gives them.
    each_row
        Compute figures of single rows, not of media.
    resamples
        Number of bootstrap resamples of the confidence intervals.
    seed
        Seed of the folds and the resamples.
    model
        The model that media are extracted with.
    fps
        Frames per second that are extracted of videos.
    """
    keep_pandas_out()
    import vifex

    chosen: dict[str, Any] = {} if fps is None else {"fps": fps}
    found = vifex.probe(
        str(store),
        labels=labels,
        view=view,
        column=column,
        where=where,
        model=model,
        methods=method or ("knn", "logistic"),
        folds=folds,
        group=group,
        each_row=each_row,
        k=k,
        c=c,
        class_weights=class_weights,
        calibrate=not no_calibration,
        resamples=resamples,
        seed=seed,
        output=output,
        overwrite=overwrite,
        on_outcome=Problems(quiet=quiet).print,
        on_notice=Notices().print,
        **chosen,
    )
    if json:
        print_json(found.to_dict())
    else:
        _print(found)
    return 0


def _print(found: Probe) -> None:
    best = found.evaluation
    print_line(
        f"{clean(found.data)}, {clean(found.column)}: {found.n_media} media, {found.n_rows} rows, "
        f"{len(best.predictions.classes)} classes of {clean(found.labels)}"
    )
    print_line(clean(best.protocol))
    columns = [
        "method",
        "accuracy",
        "95 % interval",
        "balanced",
        "macro F1",
        "ROC AUC",
        "log loss",
        "ECE",
        "C",
    ]
    print_table(
        columns,
        [_figures(name, one, found) for name, one in found.methods.items()],
        right=(*columns[1:2], *columns[3:]),
    )
    for note in best.notes:
        print_line(f"note: {clean(note)}")
    for what in ("report", "classifier"):
        if what in found.files:
            print_line(f"{what}: {clean(found.files[what])}")


def _figures(name: str, one: Evaluation, found: Probe) -> list[str]:
    interval = one.intervals.get("accuracy")
    areas = one.curves.roc_auc_macro
    chosen = sorted({fold.c for fold in found.folds[name] if fold.c is not None})
    return [
        name,
        f"{one.classification.accuracy:.4f}",
        "" if interval is None else f"{interval.low:.4f} to {interval.high:.4f}",
        f"{one.classification.balanced_accuracy:.4f}",
        f"{one.classification.macro.f1:.4f}",
        "-" if areas is None else f"{areas:.4f}",
        f"{one.calibration.log_loss:.4f}",
        f"{one.calibration.ece:.4f}",
        ", ".join(f"{c:g}" for c in chosen),
    ]
