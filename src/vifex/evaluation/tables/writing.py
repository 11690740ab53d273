"""Predictions as an Arrow table, which `read_predictions` reads back."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

from vifex.evaluation.predictions import Predictions

__all__ = ["predictions_table"]


def predictions_table(predictions: Predictions) -> pa.Table:
    """Make a table with a row for each prediction.

    Returns:
        Columns `name`, `label`, `predicted` and `correct`, `confidence` (probability of the predicted class),
        `probabilities` (one for each class, float64) and a text column for each group. The metadata has the
        names of the classes as JSON under `classes`.
    """
    n_rows, n_classes = predictions.probabilities.shape
    flat = pa.array(np.ascontiguousarray(predictions.probabilities).reshape(-1), pa.float64())
    columns = {
        "name": pa.array(predictions.names, pa.string()),
        "label": pa.array([predictions.classes[i] for i in predictions.labels], pa.string()),
        "predicted": pa.array([predictions.classes[i] for i in predictions.predicted], pa.string()),
        "correct": pa.array(predictions.correct),
        "confidence": pa.array(predictions.probabilities.max(axis=1), pa.float64()),
        "probabilities": pa.FixedSizeListArray.from_arrays(flat, n_classes),
        **{name: pa.array(values, pa.string()) for name, values in predictions.groups.items()},
    }
    assert all(len(column) == n_rows for column in columns.values())
    return pa.table(columns).replace_schema_metadata({"classes": json.dumps(predictions.classes)})
