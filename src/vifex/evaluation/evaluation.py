"""An evaluation: all figures of one model on one set of labelled rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from vifex.evaluation.figures.calibration import Calibration, calibration_figures
from vifex.evaluation.figures.classification import (
    Classification,
    GroupFigures,
    classification_figures,
    group_figures,
)
from vifex.evaluation.figures.curves import Curves, classification_curves
from vifex.evaluation.predictions import Predictions
from vifex.evaluation.statistics.bootstrap import Interval, Resamples, score_intervals
from vifex.evaluation.statistics.paired import Comparison, compare_predictions

__all__ = ["Evaluation", "evaluate_predictions"]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """All figures of one model on one set of labelled rows."""

    model: str
    """What made the scores."""
    data: str
    """What the rows are of."""
    protocol: str
    """How the views of a medium became one prediction."""
    predictions: Predictions
    classification: Classification
    calibration: Calibration
    curves: Curves
    intervals: Mapping[str, Interval]
    """By figure: `accuracy`, `balanced_accuracy`, `macro_f1` and `log_loss`. Empty if one row is all."""
    resampled_by: str | None
    """Column whose groups the intervals resample; `None` for single rows."""
    n_resampled: int
    """Rows or groups that were resampled."""
    groups: Mapping[str, tuple[GroupFigures, ...]] = field(default_factory=dict)
    """Column to figures for each of its values."""
    comparison: Comparison | None = None
    compared_with: str = ""
    notes: tuple[str, ...] = ()
    """Sentences on what a reader of the figures must know."""
    failed: tuple[tuple[str, str], ...] = ()
    """Name and reason of each medium that has no prediction."""
    files: Mapping[str, str] = field(default_factory=dict)
    """What was written: `predictions`, `figures`, `report` and plots, with their paths."""

    @property
    def exit_status(self) -> int:
        """0, or 3 if some media have no prediction."""
        return 3 if self.failed else 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without the single rows."""
        curves = self.curves
        return {
            "model": self.model,
            "data": self.data,
            "protocol": self.protocol,
            "rows": len(self.predictions),
            "classes": list(self.predictions.classes),
            "scores_were": self.predictions.scores_were,
            "accuracy": self.classification.accuracy,
            "top_k": {str(k): share for k, share in self.classification.top_k.items()},
            "balanced_accuracy": self.classification.balanced_accuracy,
            "macro": asdict(self.classification.macro),
            "micro": asdict(self.classification.micro),
            "weighted": asdict(self.classification.weighted),
            "roc_auc": {"macro": curves.roc_auc_macro, "micro": curves.roc_auc_micro},
            "average_precision": {
                "macro": curves.average_precision_macro,
                "micro": curves.average_precision_micro,
            },
            "log_loss": self.calibration.log_loss,
            "ece": self.calibration.ece,
            "mce": self.calibration.mce,
            "reliability": [asdict(one) for one in self.calibration.bins],
            "intervals": {name: asdict(one) for name, one in self.intervals.items()},
            "resampled_by": self.resampled_by,
            "resampled": self.n_resampled,
            "per_class": _per_class(self.classification, curves),
            "confusion": self.classification.confusion.tolist(),
            "groups": {column: [asdict(one) for one in rows] for column, rows in self.groups.items()},
            "compared_with": self.compared_with or None,
            "comparison": None if self.comparison is None else asdict(self.comparison),
            "notes": list(self.notes),
            "failed": [{"name": name, "reason": reason} for name, reason in self.failed],
            "files": dict(self.files),
        }


def evaluate_predictions(
    predictions: Predictions,
    *,
    model: str = "",
    data: str = "",
    protocol: str = "one view of each medium",
    groups: Sequence[str] = (),
    resample_by: str | None = None,
    resamples: int = 1000,
    seed: int = 0,
    bins: int = 15,
    top_k: Sequence[int] = (5,),
    other: Predictions | None = None,
    compared_with: str = "",
    notes: Sequence[str] = (),
    failed: Sequence[tuple[str, str]] = (),
) -> Evaluation:
    """Compute all figures of a model.

    Args:
        predictions: At least one row.
        model: What made the scores.
        data: What the rows are of.
        protocol: How the views of a medium became one prediction.
        groups: Columns with a table of figures for each value.
        resample_by: Column whose groups the intervals resample whole; `None` resamples rows.
        resamples: How many.
        seed: Of the resamples.
        bins: Of the reliability diagram.
        top_k: Numbers of most probable classes among which the true one counts.
        other: Predictions of another model on the same rows.
        compared_with: What made those.
        notes: Sentences that the caller adds.
        failed: Name and reason of media without a prediction.

    Raises:
        InputError: If a column is missing, the groups are too few, or the other model's rows differ.
    """
    classification = classification_figures(predictions, top_k=top_k)
    curves = classification_curves(predictions)
    units = None if resample_by is None else predictions.column(resample_by)
    several = len(predictions) > 1
    drawn = Resamples(len(predictions), units, resamples, seed) if several or units is not None else None
    comparison = None
    if other is not None:
        comparison = compare_predictions(predictions, other, groups=resample_by, count=resamples, seed=seed)
    return Evaluation(
        model=model,
        data=data,
        protocol=protocol,
        predictions=predictions,
        classification=classification,
        calibration=calibration_figures(predictions, bins=bins),
        curves=curves,
        intervals={} if drawn is None else score_intervals(predictions, drawn),
        resampled_by=resample_by,
        n_resampled=1 if drawn is None else drawn.n_units,
        groups={column: group_figures(predictions, column) for column in groups},
        comparison=comparison,
        compared_with=compared_with,
        notes=(*notes, *_notes(predictions, classification)),
        failed=tuple(failed),
    )


def _notes(predictions: Predictions, classification: Classification) -> list[str]:
    notes = []
    absent = classification.absent
    if absent:
        notes.append(f"{_listed(absent)} of the {len(predictions.classes)} classes have no row.")
    if len(absent) == len(predictions.classes) - 1:
        notes.append("All rows are of one class, so ROC and precision-recall curves have no value.")
    if predictions.ties:
        notes.append(
            f"{predictions.ties} rows have several classes with the highest score; the first of them counts."
        )
    return notes


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{len(names)} ({shown}{', ...' if len(names) > 5 else ''})"


def _per_class(classification: Classification, curves: Curves) -> list[dict[str, Any]]:
    areas = {curve.name: curve.area for curve in curves.roc[:-1]}
    precisions = {curve.name: curve.area for curve in curves.pr[:-1]}
    return [
        {
            **asdict(one),
            "roc_auc": areas.get(one.name),
            "average_precision": precisions.get(one.name),
        }
        for one in classification.per_class
    ]
