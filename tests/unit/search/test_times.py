"""Times as people write them."""

from __future__ import annotations

import pytest

from vifex.search.times import format_time, parse_time


@pytest.mark.parametrize(
    ("t_s", "text"),
    [
        (0.0, "00:00.0"),
        (12.4, "00:12.4"),
        (59.96, "01:00.0"),
        (3599.97, "01:00:00.0"),
        (3723.4, "01:02:03.4"),
        (360_000.0, "100:00:00.0"),
        (-0.04, "00:00.0"),
        (-1.25, "-00:01.2"),
        (None, ""),
        (float("nan"), ""),
    ],
)
def test_a_time_is_written_as_players_do(t_s, text):
    assert format_time(t_s) == text


@pytest.mark.parametrize(
    ("text", "t_s"),
    [
        ("12", 12.0),
        ("12.5", 12.5),
        ("12.5s", 12.5),
        (".5", 0.5),
        ("00:12", 12.0),
        ("0:12.25", 12.25),
        ("90:00", 5400.0),
        ("01:02:03.400", 3723.4),
        ("1:2:3", 3723.0),
    ],
)
def test_a_time_is_read(text, t_s):
    assert parse_time(text) == pytest.approx(t_s, abs=1e-9)


@pytest.mark.parametrize(
    "text",
    ["", "s", ".", "-1", "1:60", "1:60:00", "1:2:3:4", "nan", "inf", "1e3", "٣", "9" * 400, "12 ", "1,5"],
)
def test_what_is_no_time_is_none(text):
    assert parse_time(text) is None
