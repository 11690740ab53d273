"""Plots are drawn from values, for a page and for a file."""

from __future__ import annotations

import importlib.util
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from vifex.evaluation import (
    calibration_figures,
    classification_curves,
    classification_figures,
    make_predictions,
)
from vifex.evaluation.plots import (
    Matrix,
    Plot,
    confusion_plot,
    draw_svg,
    line_plot,
    plot_bytes,
    pr_plot,
    reliability_plot,
    roc_plot,
)
from vifex.values import MissingExtraError

HAS_MATPLOTLIB = importlib.util.find_spec("matplotlib") is not None


def plots() -> dict[str, Plot | Matrix]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 12, 300)
    made = make_predictions(
        rng.standard_normal((300, 12)) + 2 * np.eye(12)[labels],
        labels,
        classes=[f"class <{n}> & more" for n in range(12)],
        kind="logits",
    )
    curves = classification_curves(made)
    return {
        "roc": roc_plot(curves),
        "pr": pr_plot(curves),
        "reliability": reliability_plot(calibration_figures(made)),
        "confusion": confusion_plot(classification_figures(made).confusion, made.classes),
        "lines": line_plot("Loss", "epoch", "loss (nats)", {"train": ([1, 2, 3], [3.0, np.nan, 1.0])}),
        "flat": line_plot("Loss", "epoch", "loss", {"one": ([1], [0.5])}),
        "nothing": line_plot("Loss", "epoch", "loss", {}),
    }


@pytest.mark.parametrize("name", list(plots()))
def test_a_plot_is_well_formed_and_within_its_frame(name: str) -> None:
    tree = ET.fromstring(draw_svg(plots()[name]))
    width, height = map(float, tree.attrib["viewBox"].split()[2:])
    for text in tree.iter("text"):
        assert 0 <= float(text.attrib["x"]) <= width
        assert 0 <= float(text.attrib["y"]) <= height
    assert "nan" not in draw_svg(plots()[name])


@pytest.mark.parametrize("classes", [("a", "b"), ("lower", "upper"), ("a very long name",)])
def test_the_words_beside_few_classes_are_not_cut(classes: tuple[str, ...]) -> None:
    tree = ET.fromstring(draw_svg(confusion_plot(np.eye(len(classes), dtype=np.int64), classes)))
    width, height = map(float, tree.attrib["viewBox"].split()[2:])
    labels = [text for text in tree.iter("text") if text.attrib["class"] == "label"]
    assert len(labels) == 2
    for text in labels:
        assert text.text is not None
        half = 6.2 * len(text.text) / 2  # as wide as the names beside the cells
        is_upright = "transform" in text.attrib
        middle, end = (float(text.attrib["y"]), height) if is_upright else (float(text.attrib["x"]), width)
        assert half <= middle <= end - half


def test_many_classes_are_not_all_drawn_and_the_plot_says_so() -> None:
    plot = plots()["roc"]
    assert isinstance(plot, Plot)
    assert len(plot.lines) == 1 + 8 + 1
    assert plot.note == "The 8 classes of the smallest AUC of 12."


def test_a_gap_interrupts_a_line() -> None:
    tree = ET.fromstring(draw_svg(plots()["lines"]))
    line = next(e.attrib["d"] for e in tree.iter("path") if e.attrib["class"] == "line c0")
    assert line.count("M") == 2


@pytest.mark.skipif(HAS_MATPLOTLIB, reason="matplotlib is installed")
def test_without_matplotlib_the_extra_is_named() -> None:
    with pytest.raises(MissingExtraError, match=r"matplotlib\. Install it .*\.\[train\]"):
        plot_bytes(plots()["roc"], "png")
