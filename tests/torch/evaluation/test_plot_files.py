"""Plots as files, by matplotlib, which comes with the extra `train`."""

from __future__ import annotations

import io
import runpy
from pathlib import Path

import pytest
from PIL import Image

from vifex.evaluation.plots import plot_bytes

pytest.importorskip("matplotlib")
plots = runpy.run_path(str(Path(__file__).parents[2] / "unit" / "evaluation" / "test_plots.py"))["plots"]


@pytest.mark.parametrize("name", ["roc", "reliability", "confusion", "lines"])
def test_a_plot_is_an_svg_and_a_png(name: str) -> None:
    plot = plots()[name]
    svg = plot_bytes(plot, "svg").decode()
    assert plot.title in svg
    assert plot.x_label in svg
    assert svg == plot_bytes(plot, "svg").decode()
    image = Image.open(io.BytesIO(plot_bytes(plot, "png")))
    assert image.size == (900, 675)
    assert len(image.convert("L").getcolors(256) or []) > 5
