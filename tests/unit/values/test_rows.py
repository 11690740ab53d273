"""The list of row columns, and what derives from it, agree."""

from __future__ import annotations

from dataclasses import fields

from vifex.search.hits import Hit
from vifex.store.schema import ROW_FIELDS
from vifex.values import Box, Medium, Sample
from vifex.values.outcomes import worst
from vifex.values.rows import BOX_SIDES, OF_MEDIUM, OF_SAMPLE, ROW_COLUMNS, ROW_NAMES
from vifex.values.sample_facts import BOX_NUMBER, FACT_DTYPE


def test_every_column_has_its_field() -> None:
    assert {*OF_MEDIUM} <= {f.name for f in fields(Medium)}
    assert {*OF_SAMPLE} <= {f.name for f in fields(Sample)}
    assert {*BOX_SIDES} <= {f.name for f in fields(Box)}
    assert {*FACT_DTYPE.names} == {*OF_SAMPLE, *BOX_SIDES, BOX_NUMBER}
    assert {*ROW_NAMES} - {*BOX_SIDES} | {"rank", "score", "box", "extra"} == {f.name for f in fields(Hit)}
    assert [f.name for f in ROW_FIELDS] == [c.name for c in ROW_COLUMNS] == list(ROW_NAMES)
    assert {f.name for f in ROW_FIELDS if not f.nullable} == {c.name for c in ROW_COLUMNS if c.required}


def test_the_worst_of_several_ways_to_end() -> None:
    assert worst(["ok", "skipped"]) == "ok"
    assert worst(["skipped"]) == "skipped"
    assert worst(["partial", "ok", "failed", "skipped"]) == "failed"
