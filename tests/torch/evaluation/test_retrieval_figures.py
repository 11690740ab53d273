"""Figures of retrieval against pytorch-metric-learning's `AccuracyCalculator`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vifex.evaluation import retrieval_figures

calculator = pytest.importorskip("pytorch_metric_learning.utils.accuracy_calculator")
inference = pytest.importorskip("pytorch_metric_learning.utils.inference")
distances = pytest.importorskip("pytorch_metric_learning.distances")


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_figures_equal_the_accuracy_calculators(metric: str) -> None:
    rng = np.random.default_rng(4)
    labels = np.concatenate([rng.integers(0, 9, 199), [99]])  # the last one has no other row of its label
    vectors = (rng.standard_normal((200, 8)) + np.eye(9, 8)[np.minimum(labels, 8)]).astype(np.float32)
    cosine, euclidean = distances.CosineSimilarity(), distances.LpDistance(normalize_embeddings=False)
    theirs = calculator.AccuracyCalculator(
        include=("precision_at_1", "mean_average_precision_at_r", "r_precision", "mean_average_precision"),
        k=199,
        knn_func=inference.CustomKNN(cosine if metric == "cosine" else euclidean),
        device=torch.device("cpu"),
    ).get_accuracy(torch.from_numpy(vectors), torch.from_numpy(labels))
    found = retrieval_figures(vectors, labels, metric=metric)
    assert found.recall_at[1] == pytest.approx(theirs["precision_at_1"], abs=1e-6)
    assert found.map_at_r == pytest.approx(theirs["mean_average_precision_at_r"], abs=1e-6)
    assert found.r_precision == pytest.approx(theirs["r_precision"], abs=1e-6)
    assert found.mean_average_precision == pytest.approx(theirs["mean_average_precision"], abs=1e-6)
