"""Evaluation: figures of classifiers and embeddings, with intervals, paired tests, plots and a report.

It takes arrays and returns frozen values. It knows no model, no store and no medium: `vifex.api` gets the
scores and writes the files.
"""

from vifex.evaluation.evaluation import Evaluation, evaluate_predictions
from vifex.evaluation.figures.calibration import Calibration, ReliabilityBin, calibration_figures
from vifex.evaluation.figures.classification import (
    Average,
    ClassFigures,
    Classification,
    GroupFigures,
    classification_figures,
    group_figures,
)
from vifex.evaluation.figures.curves import Curve, Curves, classification_curves
from vifex.evaluation.figures.retrieval import Retrieval, retrieval_figures
from vifex.evaluation.predictions import Predictions, make_predictions
from vifex.evaluation.statistics.bootstrap import Interval, Resamples, bootstrap_interval, score_intervals
from vifex.evaluation.statistics.paired import (
    Comparison,
    Difference,
    McNemar,
    compare_predictions,
    mcnemar_test,
)
from vifex.evaluation.views import average_views

__all__ = [
    "Average",
    "Calibration",
    "ClassFigures",
    "Classification",
    "Comparison",
    "Curve",
    "Curves",
    "Difference",
    "Evaluation",
    "GroupFigures",
    "Interval",
    "McNemar",
    "Predictions",
    "ReliabilityBin",
    "Resamples",
    "Retrieval",
    "average_views",
    "bootstrap_interval",
    "calibration_figures",
    "classification_curves",
    "classification_figures",
    "compare_predictions",
    "evaluate_predictions",
    "group_figures",
    "make_predictions",
    "mcnemar_test",
    "retrieval_figures",
    "score_intervals",
]
