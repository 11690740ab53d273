"""The report of an evaluation as one self-contained HTML page.

The page has no script and loads nothing. It is readable at 360 pixels, in light and dark, and by keyboard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from vifex.evaluation.evaluation import Evaluation
from vifex.evaluation.figures.calibration import log_losses
from vifex.evaluation.figures.classification import ClassFigures
from vifex.evaluation.plots import Matrix, Plot, confusion_plot, pr_plot, reliability_plot, roc_plot
from vifex.evaluation.predictions import Ints, Predictions
from vifex.evaluation.report.parts import (
    notes_part,
    number,
    numbers_part,
    plots_part,
    section,
    share,
    table_part,
)
from vifex.evaluation.report.report_style import REPORT_STYLE
from vifex.evaluation.statistics.bootstrap import Interval
from vifex.evaluation.statistics.paired import Comparison
from vifex.values import VifexError
from vifex.values.pages import html_text, jpeg_address, page_head

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["RowImage", "evaluation_plots", "hardest_errors", "report_page"]

RowImage = Callable[[int], "Image | None"]
"""Returns the image of a row of the predictions, or `None` if it has none."""

_HARDEST: Final = 24
_CLASSES_DRAWN: Final = 60
_CLASSES_LISTED: Final = 200
_PAIRS: Final = 15
_FAILED: Final = 50


def report_page(evaluation: Evaluation, *, image: RowImage | None = None) -> Iterator[str]:
    """Yield the HTML of a report, part by part.

    Args:
        evaluation: What is reported.
        image: Gives the image of a row, for the hardest errors; without it they are listed by name.
    """
    title = f"Evaluation of {evaluation.model or 'predictions'}"
    yield page_head(title, REPORT_STYLE)
    yield _header(evaluation, title)
    yield "<main>\n" + section("Figures", numbers_part(_numbers(evaluation)))
    if evaluation.notes:
        yield section("Notes", notes_part(evaluation.notes))
    if evaluation.comparison is not None:
        yield section(
            f"Compared with {evaluation.compared_with or 'another model'}", _compared(evaluation.comparison)
        )
    yield section("Plots", plots_part(evaluation_plots(evaluation).values()))
    yield section("Classes", _classes(evaluation))
    pairs = list(_confused(evaluation))
    if pairs:
        columns = ("true class", "predicted class", "rows", "of the true class")
        yield section(
            "Most frequent confusions", table_part(columns, pairs, label="Most frequent confusions")
        )
    for column in evaluation.groups:
        yield section(f"By {column}", _groups(evaluation, column))
    yield from _hardest(evaluation.predictions, image)
    if evaluation.failed:
        rows = evaluation.failed[:_FAILED]
        yield section(
            f"Without a prediction: {len(evaluation.failed)}",
            table_part(("name", "reason"), rows, label="Media without a prediction"),
        )
    yield f"</main>\n<footer>{html_text(_definitions(evaluation))}</footer>\n</body>\n</html>\n"


def evaluation_plots(evaluation: Evaluation) -> dict[str, Plot | Matrix]:
    """Return the plots of an evaluation by the names of their files."""
    plots: dict[str, Plot | Matrix] = {"reliability": reliability_plot(evaluation.calibration)}
    if evaluation.curves.roc:
        plots |= {"roc": roc_plot(evaluation.curves), "pr": pr_plot(evaluation.curves)}
    if len(evaluation.predictions.classes) <= _CLASSES_DRAWN:
        plots["confusion"] = confusion_plot(
            evaluation.classification.confusion, evaluation.predictions.classes
        )
    return plots


def hardest_errors(predictions: Predictions, count: int = _HARDEST) -> Ints:
    """Return the rows that are wrong with the largest loss, largest first."""
    wrong = np.flatnonzero(~predictions.correct)
    order = np.argsort(-log_losses(predictions)[wrong], kind="stable")
    found: Ints = wrong[order[:count]].astype(np.int64)
    return found


def _header(evaluation: Evaluation, title: str) -> str:
    predictions = evaluation.predictions
    of = f" of <b><bdi>{html_text(evaluation.data)}</bdi></b>" if evaluation.data else ""
    return (
        f'<header><div><p class="over">Vifex</p>\n<h1><bdi>{html_text(title)}</bdi></h1>\n'
        f'<p class="facts"><b>{len(predictions)}</b> rows{of} · <b>{len(predictions.classes)}</b> classes · '
        f"{html_text(evaluation.protocol)}</p></div></header>\n"
    )


def _numbers(evaluation: Evaluation) -> Iterator[tuple[str, str, str]]:
    found, curves, intervals = evaluation.classification, evaluation.curves, evaluation.intervals
    yield "accuracy", share(found.accuracy), _within(intervals.get("accuracy"), share)
    for k, value in found.top_k.items():
        yield f"top-{k} accuracy", share(value), "true class among them"
    balanced = intervals.get("balanced_accuracy")
    yield "balanced accuracy", share(found.balanced_accuracy), _within(balanced, share)
    yield "macro F1", number(found.macro.f1), _within(intervals.get("macro_f1"), number)
    yield "ROC AUC, macro", number(curves.roc_auc_macro), "each class against the rest"
    yield "average precision, macro", number(curves.average_precision_macro), "each class against the rest"
    yield "log loss", number(evaluation.calibration.log_loss), _within(intervals.get("log_loss"), number)
    yield "ECE", number(evaluation.calibration.ece), f"{len(evaluation.calibration.bins)} bins of equal width"


def _within(interval: Interval | None, write: Callable[[float], str]) -> str:
    if interval is None:
        return ""
    return f"{write(interval.low)} to {write(interval.high)} ({interval.level:.0%})"


def _compared(comparison: Comparison) -> str:
    test = comparison.mcnemar
    rows = [
        (
            name.replace("_", " "),
            number(one.first),
            number(one.second),
            f"{one.first - one.second:+.4f}",
            f"{one.interval.low:+.4f} to {one.interval.high:+.4f}",
            f"{one.p:.4f}",
        )
        for name, one in comparison.differences.items()
    ]
    columns = ("figure", "this model", "the other", "difference", f"{_level(comparison)} interval", "p")
    chi2 = "" if test.chi2 is None else f", chi-square {test.chi2:.3f} with p = {test.p_chi2:.4g}"
    return table_part(columns, rows, label="Comparison") + notes_part(
        [
            f"McNemar: this model alone is right on {test.only_first} rows, the other alone on "
            f"{test.only_second}; exact p = {test.p_exact:.4g}{chi2}.",
            "The test takes the rows as independent.",
            f"The intervals and their p are of {comparison.n_units} resampled rows or groups, the same for "
            "both models.",
        ]
    )


def _level(comparison: Comparison) -> str:
    return f"{next(iter(comparison.differences.values())).interval.level:.0%}"


def _classes(evaluation: Evaluation) -> str:
    """Return the table of classes, the worst first where there are too many for all."""
    rows = list(evaluation.classification.per_class)
    shown = rows
    if len(rows) > _CLASSES_LISTED:
        shown = sorted(rows, key=lambda one: 1.0 if one.f1 is None else one.f1)[:_CLASSES_LISTED]
    areas = {curve.name: curve.area for curve in evaluation.curves.roc[:-1]}

    def cells(one: ClassFigures) -> tuple[str, ...]:
        return (
            one.name,
            str(one.support),
            str(one.predicted),
            number(one.precision),
            number(one.recall),
            number(one.f1),
            number(areas.get(one.name)),
        )

    columns = ("class", "rows", "predicted", "precision", "recall", "F1", "ROC AUC")
    table = table_part(columns, map(cells, shown), label="Figures of each class")
    if len(shown) < len(rows):
        table += notes_part([f"The {len(shown)} classes of the lowest F1 of {len(rows)}."])
    return table


def _confused(evaluation: Evaluation) -> Iterator[tuple[str, str, str, str]]:
    confusion, classes = evaluation.classification.confusion.copy(), evaluation.predictions.classes
    support = confusion.sum(axis=1)
    np.fill_diagonal(confusion, 0)
    for place in np.argsort(-confusion, axis=None, kind="stable")[:_PAIRS].tolist():
        row, column = divmod(place, len(classes))
        if not confusion[row, column]:
            return
        count = int(confusion[row, column])
        yield classes[row], classes[column], str(count), share(count / int(support[row]))


def _groups(evaluation: Evaluation, column: str) -> str:
    columns = (column, "rows", "accuracy", "balanced accuracy", "macro F1")
    rows = [
        (
            one.value or "(none)",
            str(one.n_rows),
            share(one.accuracy),
            share(one.balanced_accuracy),
            number(one.macro_f1),
        )
        for one in evaluation.groups[column]
    ]
    return table_part(columns, rows, label=f"Figures by {column}")


def _hardest(predictions: Predictions, image: RowImage | None) -> Iterator[str]:
    """Yield the errors with the largest loss, one image at a time."""
    rows = hardest_errors(predictions).tolist()
    if not rows:
        return
    yield '<section>\n<h2>Hardest errors</h2>\n<ol class="hits">\n'
    for rank, row in enumerate(rows, 1):
        shown = ""
        if image is not None:
            shown = f'<div class="image">{_image(row, image)}<span class="rank">{rank}</span></div>\n'
        yield (
            f'<li class="hit">{shown}<div class="words"><div class="line">'
            f'<span class="name"><bdi>{html_text(predictions.names[row])}</bdi></span></div>'
            f'<div class="chips">{_chip(predictions, row, predictions.labels, "is")}'
            f"{_chip(predictions, row, predictions.predicted, 'called')}</div></div></li>\n"
        )
    yield "</ol>\n</section>\n"


def _chip(predictions: Predictions, row: int, classes: Ints, word: str) -> str:
    place = int(classes[row])
    said = f"{word} {predictions.classes[place]}: {predictions.probabilities[row, place]:.3f}"
    return f'<span class="chip">{html_text(said)}</span>'


def _image(row: int, image: RowImage) -> str:
    try:
        found = image(row)
    except (VifexError, OSError):
        found = None
    if found is None:
        return '<span class="gone"><b>No image</b></span>'
    return f'<img src="{jpeg_address(found, side_px=240)}" alt="">'


def _definitions(evaluation: Evaluation) -> str:
    by = "rows" if evaluation.resampled_by is None else f"groups of {evaluation.resampled_by}"
    words = [
        "Macro means are over the classes that occur among the labels or the predictions.",
        "ECE: Guo et al. 2017.",
        "Average precision is a sum of steps.",
    ]
    if evaluation.intervals:
        words.append(f"Intervals: percentile bootstrap over {evaluation.n_resampled} {by}.")
    if evaluation.predictions.scores_were == "logits":
        words.append("The scores were logits; probabilities are their softmax.")
    return " ".join(words) + " Made by Vifex."
