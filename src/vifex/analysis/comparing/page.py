"""The table of layers as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vifex.analysis.comparing.table import LayerComparison
from vifex.evaluation.report.parts import notes_part, numbers_part, section, share, table_part
from vifex.evaluation.report.report_style import REPORT_STYLE
from vifex.evaluation.statistics.bootstrap import Interval
from vifex.values.pages import html_text, page_head

__all__ = ["comparison_page"]


def comparison_page(found: LayerComparison, title: str) -> Iterator[str]:
    """Yield the HTML of a comparison, part by part."""
    best = found.best
    yield page_head(title, REPORT_STYLE)
    yield f"<header><h1>{html_text(title)}</h1></header>\n<main>\n"
    yield section(
        "Best layer",
        numbers_part(
            [
                ("layer", best.layer, f"of {best.model}, view {best.view}"),
                ("score", share(best.score.value), f"{share(best.score.low)} to {share(best.score.high)}"),
                ("examples", str(found.examples), f"of {found.media} media, {len(found.classes)} classes"),
            ]
        ),
    )
    if found.notes:
        yield section("Notes", notes_part(found.notes))
    yield section("Layers", _table(found))
    yield section("Likeness of layers", _likeness(found))
    yield f"</main>\n<footer>{html_text(_definitions(found))}</footer>\n</body>\n</html>\n"


def _table(found: LayerComparison) -> str:
    columns = (
        "layer", "rank", "rank 95 %", "score", "score 95 %", "k-NN", "linear", "numbers", "effective rank",
        "bytes a row", "seconds a row", "view", "model",
    )  # fmt: skip
    rows = [
        (
            layer.layer,
            f"{layer.rank.value:.0f}",
            f"{layer.rank.low:.0f} to {layer.rank.high:.0f}",
            share(layer.score.value),
            _range(layer.score),
            share(layer.knn.value),
            share(layer.linear.value),
            str(layer.size),
            f"{layer.effective_rank:.1f}",
            str(layer.row_bytes),
            "" if layer.seconds_per_row is None else f"{layer.seconds_per_row:.4f}",
            layer.view,
            layer.model,
        )
        for layer in found.layers
    ]
    return table_part(columns, rows, label="Layers by rank")


def _range(interval: Interval) -> str:
    return f"{share(interval.low)} to {share(interval.high)}"


def _likeness(found: LayerComparison) -> str:
    """Return the matrix of CKA, each cell with its number."""
    names = [f"{place}. {layer.layer}" for place, layer in enumerate(found.layers, 1)]
    rows = [
        (name, *("–" if np.isnan(value) else f"{value:.2f}" for value in values))
        for name, values in zip(names, found.cka, strict=True)
    ]
    heads = ("layer", *(str(place) for place in range(1, len(names) + 1)))
    return table_part(heads, rows, label="Linear CKA of layers")


def _definitions(found: LayerComparison) -> str:
    by = {"mean": "the mean of k-NN and linear", "knn": "k-NN", "linear": "linear"}[found.ranked_by]
    return (
        f"Layers are ranked by {by}. k-NN is the balanced accuracy of 20 neighbours weighted by exp(cosine "
        f"/ 0.07), linear that of a ridge classifier, both on held-out media ({found.folds} folds). "
        "Intervals are of 95 % over resampled media. The effective rank is of Roy and Vetterli (2007). "
        "Likeness is linear CKA (Kornblith et al. 2019) with the unbiased HSIC: 1 is the same but for a "
        "rotation and a scale, 0 is no relation."
    )
