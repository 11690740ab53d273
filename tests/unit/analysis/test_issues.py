"""Measures of images and of labels, against scipy, the paper's example and images that are made worse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy.ndimage import laplace

from vifex.analysis.issues.images import ImageFacts, image_facts, image_problems
from vifex.analysis.issues.label_errors import label_errors


def kinds(facts: ImageFacts) -> list[str]:
    return [kind for kind, _, _ in image_problems(facts)]


def test_the_measures_are_those_of_scipy_and_numpy() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (66, 82), np.uint8)
    found = image_facts(Image.fromarray(grey))
    detail = laplace(grey.astype(float))[1:-1, 1:-1] ** 2
    blocks = [detail[y : y + 16, x : x + 16].mean() for y in range(0, 64, 16) for x in range(0, 80, 16)]
    assert found.detail == pytest.approx(np.sqrt(np.percentile(blocks, 90)), rel=1e-5)
    assert found.dark_level == np.percentile(grey, 99)
    assert found.bright_level == np.percentile(grey, 5)
    assert found.sides_ratio == 82 / 66


def test_photographs_are_fine_until_they_are_made_worse(shared_data: Path) -> None:
    for path in sorted((shared_data / "photos").iterdir())[:12]:
        image = Image.open(path).convert("RGB")
        assert kinds(image_facts(image)) == []
        radius = max(image.size) / 100
        assert kinds(image_facts(image.filter(ImageFilter.GaussianBlur(radius)))) == ["blurred"]
        assert kinds(image_facts(image.point(lambda level: level // 4))) == ["dark"]
        assert kinds(image_facts(image.point(lambda level: 243 + level // 24))) == ["bright"]
        width, height = image.size
        assert "odd-shape" in kinds(image_facts(image.crop((0, 0, width, min(height, width // 4)))))


def test_small_images_have_measures() -> None:
    assert image_facts(Image.new("L", (2, 2), 128)).detail == np.inf
    assert kinds(image_facts(Image.new("RGB", (8, 8), (128, 128, 128)))) == ["blurred"]


def test_label_errors_are_those_of_confident_learning() -> None:
    """By hand: the thresholds are the means of 0.9, 0.8, 0.1 and of 0.7, 0.6: 0.6 and 0.65."""
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.3, 0.7], [0.4, 0.6]])
    found = label_errors(probabilities, np.array([0, 0, 0, 1, 1]))
    assert [(one.row, one.likely, one.own, one.other) for one in found] == [(2, 1, 0.1, 0.9)]


def test_labels_that_were_changed_are_found_first() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 300)
    scores = np.exp(2 * np.eye(3)[truth] + rng.normal(size=(300, 3)))
    labels = truth.copy()
    changed = rng.choice(300, 20, replace=False)
    labels[changed] = (labels[changed] + 1) % 3
    found = [one.row for one in label_errors(scores / scores.sum(axis=1, keepdims=True), labels)]
    assert np.isin(found[:20], changed).mean() >= 0.5
    assert np.isin(changed, found).mean() >= 0.6
    assert label_errors(np.array([[1.0, 0.0]]), np.array([0])) == []
