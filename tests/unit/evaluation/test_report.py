"""The report: one page that is complete, escaped, and needs nothing outside itself."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vifex.evaluation import Evaluation, evaluate_predictions, make_predictions
from vifex.evaluation.report import hardest_errors, report_page
from vifex.evaluation.report.report_style import REPORT_STYLE

Page = runpy.run_path(str(Path(__file__).parents[1] / "search" / "test_contact_sheet.py"))["Page"]
HOSTILE = "<script>alert(1)</script>\"' onerror=x"


def evaluation(rows: int = 60, classes: int = 5, **options: Any) -> Evaluation:
    rng = np.random.default_rng(0)
    made = make_predictions(
        rng.standard_normal((rows, classes)),
        rng.integers(0, classes, rows),
        classes=[f"class {n}{HOSTILE if n == 1 else ''}" for n in range(classes)],
        names=[f"{i}{HOSTILE if i == 3 else ''}.jpg" for i in range(rows)],
        groups={"site": [HOSTILE if i % 3 else "" for i in range(rows)]},
        kind="logits",
    )
    return evaluate_predictions(made, resamples=20, **options)


def page(found: Evaluation, **options: Any) -> Any:
    return Page("".join(report_page(found, **options)))


def test_the_page_is_whole_and_needs_nothing_outside_itself() -> None:
    found = evaluation(groups=["site"], model=HOSTILE, data=HOSTILE, failed=[(HOSTILE, HOSTILE)])
    shown = page(found, image=lambda row: Image.new("RGB", (64, 48), "teal") if row % 2 else None)
    assert not {"script", "link", "iframe", "object", "video", "base", "form"} & {
        t for t, _ in shown.elements
    }
    assert not any("onerror" in attributes for _, attributes in shown.elements)
    loaded = [attributes["src"] for _, attributes in shown.elements if "src" in attributes]
    assert loaded
    assert all(address.startswith("data:image/jpeg;base64,") for address in loaded)
    assert "url(" not in shown.text
    (policy,) = shown.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy["content"].startswith("default-src 'none'")
    assert "No image" in shown.text
    headings = ["Figures", "Plots", "Classes", "By site", "Hardest errors", "Without a prediction: 1"]
    assert not [heading for heading in headings if heading not in shown.text]
    assert f"{found.classification.accuracy:.2%}".replace("%", " %") in shown.text


def test_tables_scroll_by_keyboard_and_have_names() -> None:
    shown = page(evaluation(groups=["site"]))
    scrolls = shown.all("div", **{"class": "scroll"})
    assert len(scrolls) == 3
    assert all(one["tabindex"] == "0" and one["aria-label"] for one in scrolls)
    assert all(one["role"] == "img" for one in shown.all("svg"))


def test_the_style_has_both_schemes_and_a_narrow_form() -> None:
    assert "prefers-color-scheme: dark" in REPORT_STYLE
    assert "max-width: 34rem" in REPORT_STYLE
    assert REPORT_STYLE.count("{") == REPORT_STYLE.count("}")


def test_a_comparison_is_shown() -> None:
    first = evaluation()
    found = evaluate_predictions(
        first.predictions, other=first.predictions, compared_with="other.onnx", resamples=20
    )
    shown = page(found)
    assert "Compared with other.onnx" in shown.text
    assert "exact p = 1" in shown.text


def test_many_classes_have_no_matrix_and_the_worst_are_listed() -> None:
    shown = page(evaluation(rows=300, classes=210))
    assert "Confusion" not in [text.strip() for text in shown.texts]
    assert "The 200 classes of the lowest F1 of 210." in shown.text


def test_one_row_has_a_report() -> None:
    found = evaluate_predictions(make_predictions([[0.9, 0.1]], [0]))
    assert found.intervals == {}
    assert "one class" in page(found).text
    assert found.to_dict()["roc_auc"] == {"macro": None, "micro": None}


def test_the_hardest_errors_are_the_surest_wrong_ones() -> None:
    scores = [[0.9, 0.1], [0.4, 0.6], [0.01, 0.99], [0.3, 0.7]]
    made = make_predictions(scores, [0, 0, 0, 0])
    assert hardest_errors(made).tolist() == [2, 3, 1]
    assert hardest_errors(made, 1).tolist() == [2]
