"""Hits: rows looked up in the order of the matches, and their JSON."""

from __future__ import annotations

import json

import pytest

from vifex.search.exact import Match, nearest
from vifex.search.hits import fetch_hits, sql_text
from vifex.values import Box, StoreError


def test_hits_keep_the_order_of_the_matches(plain_view):
    keys = plain_view.to_arrow(["key"]).column("key").to_pylist()
    hits = fetch_hits(plain_view, [Match(keys[9], 3.0), Match(keys[2], 2.0), Match(keys[9], 1.0)])
    assert [(h.rank, h.key, h.score) for h in hits] == [
        (1, keys[9], 3.0),
        (2, keys[2], 2.0),
        (3, keys[9], 1.0),
    ]


def test_a_frame_has_times_and_an_image_has_none(plain_view):
    keys = plain_view.to_arrow(["key"]).column("key").to_pylist()
    image, frame = fetch_hits(plain_view, [Match(keys[0], 1.0), Match(keys[3], 0.5)])
    assert (image.t_s, image.pts, image.time_base, image.box) == (
        None,
        None,
        None,
        Box(1, 2, 30.5, 40),
    )
    assert (frame.ordinal, frame.frame_index, frame.pts, frame.time_base) == (2, 50, 180_000, "1/90000")
    assert (frame.t_s, frame.t_start_s, frame.t_end_s, frame.box) == (2.0, 2.0, 2.04, None)
    assert (image.label, frame.label, image.name) == ("cat", None, "m0.jpg")


def test_json_has_the_documented_names_in_order(plain_view):
    keys = plain_view.to_arrow(["key"]).column("key").to_pylist()
    hit = fetch_hits(plain_view, [Match(keys[0], 0.25)])[0]
    plain = json.loads(json.dumps(hit.to_dict(), allow_nan=False))
    names = "rank score key medium_id uri name ordinal frame_index pts time_base t_s t_start_s t_end_s"
    assert " ".join(plain) == f"{names} box label split extra"
    assert plain["box"] == {"x0": 1.0, "y0": 2.0, "x1": 30.5, "y1": 40.0}
    assert plain["t_s"] is None


def test_many_matches_are_looked_up(plain_view):
    keys = plain_view.to_arrow(["key"]).column("key").to_pylist()
    matches = [Match(k, 0.0) for k in keys] * 6  # more than one filter takes
    assert [h.key for h in fetch_hits(plain_view, matches)] == keys * 6


def test_a_row_of_another_view_is_an_error(plain_view):
    with pytest.raises(StoreError, match="cannot be read"):
        fetch_hits(plain_view, [Match("f" * 32 + ":0", 1.0)])


def test_no_match_gives_no_hit(plain_view):
    assert fetch_hits(plain_view, []) == []


def test_quotes_in_sql_texts_are_doubled():
    assert sql_text("it's") == "'it''s'"


def test_matches_of_another_view_are_an_error_even_where_they_have_places(plain_view, make_view, numbers):
    """A place without its key names another row, or none."""
    found = nearest(plain_view, numbers[150], k=3)
    assert [h.key for h in fetch_hits(plain_view, found)] == [m.key for m in found]
    for rows in (200, 10):
        other = make_view({"head": numbers[:rows]}, names=[f"other{i}.jpg" for i in range(200)])
        with pytest.raises(StoreError, match="was found and cannot be read"):
            fetch_hits(other, [Match(f"0{m.key[1:]}", m.score, m.place) for m in found])
