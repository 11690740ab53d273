"""Every record is what a record must be, and the page says what the records say."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from page import BEGIN, END, FIGURES, PAGE, PLOTS, RECORDS, images, load, page, table
from plots import BARS_PX, bars
from record import check

RECORD_FILES = sorted(RECORDS.glob("*.json"))


@pytest.mark.parametrize("path", RECORD_FILES, ids=lambda p: p.stem)
def test_a_record_meets_the_schema(path: Path) -> None:
    record = json.loads(path.read_text())
    check(record)
    assert record["bench"] == path.stem
    assert len(record["commit"]) == 40
    assert int(record["commit"], 16)
    assert record["machine"]["cores"] >= 1


@pytest.mark.parametrize("path", RECORD_FILES, ids=lambda p: p.stem)
def test_medians_lie_between_quartiles(path: Path) -> None:
    """Whatever a record calls a spread is one."""

    def spreads(value: object) -> list[dict[str, float]]:
        if not isinstance(value, dict):
            return []
        if {"p25", "median", "p75"} <= set(value):
            return [value]
        return [s for v in value.values() for s in spreads(v)]

    for spread in spreads(json.loads(path.read_text())["results"]):
        assert spread["p25"] <= spread["median"] <= spread["p75"]


@pytest.mark.parametrize("field", ["commit", "machine", "rounds", "results"])
def test_a_record_without_a_field_is_refused(field: str) -> None:
    record = json.loads(RECORD_FILES[0].read_text())
    del record[field]
    with pytest.raises(ValueError, match="a record has the fields"):
        check(record)


def test_the_page_and_its_plots_are_those_of_the_records() -> None:
    """Run benchmarks/page.py where this fails."""
    records = load()
    text = PAGE.read_text()
    assert page(text, records) == text
    drawn = {path.name: path.read_text() for path in PLOTS.glob("*.svg")}
    assert drawn == images(records)


def test_the_page_shows_every_race() -> None:
    text = PAGE.read_text()
    assert text.count(BEGIN) == text.count(END) == 1
    for name in images(load()):
        assert f"(plots/{name})" in text


def test_a_changed_record_changes_the_page() -> None:
    records = copy.deepcopy(load())
    records["startup"]["results"]["help_over_numpy"] = 7.25
    assert "| 7.25 | at most 3 | **missed** |" in table(records)


def test_a_figure_at_its_aim_is_met() -> None:
    figure = next(f for f in FIGURES if f.record == "video_frames" and f.least == 2.5)
    assert figure.line(2.5).endswith("| at least 2.5 | met |")
    assert figure.line(2.49).endswith("| **missed** |")


def test_bars_are_as_long_as_their_rates() -> None:
    """By hand: the longest rate fills the width, half of it one half; the whisker spans the quartiles."""
    rates = {
        "vifex": {"p25": 90.0, "median": 100.0, "p75": 100.0},
        "<loop> & peer": {"p25": 50.0, "median": 50.0, "p75": 50.0},
    }
    svg = ElementTree.fromstring(bars("race", "images / s", rates))
    name = "{http://www.w3.org/2000/svg}"
    widths = [float(r.attrib["width"]) for r in svg.iter(f"{name}rect") if r.get("class") == "bar"]
    assert widths == pytest.approx([BARS_PX, BARS_PX / 2])
    spans = [float(x.attrib["x2"]) - float(x.attrib["x1"]) for x in svg.iter(f"{name}line")]
    assert spans == pytest.approx([BARS_PX / 10, 0])
    assert "<loop> & peer" in [t.text for t in svg.iter(f"{name}text")]
