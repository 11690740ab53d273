"""Timecode, EDL and OTIO against OpenTimelineIO and its reader of CMX 3600."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from vifex.search.hits import Hit
from vifex.search.moments.moment import Moment
from vifex.search.timelines.edl import write_edl
from vifex.search.timelines.otio import write_otio
from vifex.search.timelines.sources import Source
from vifex.search.timelines.timecode import can_drop, frame_number, timecode
from vifex.values import InputError

otio = pytest.importorskip("opentimelineio", reason="OpenTimelineIO has no build for this Python")

NTSC = Fraction(30000, 1001)
RATES = [NTSC, Fraction(60000, 1001), Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30)]


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_timecode_is_that_of_opentimelineio(rate: Fraction) -> None:
    """Around every minute of the first hour and a half, and at 23:50."""
    fps = round(rate)
    minutes = [*range(91), 23 * 60 + 50]
    numbers = [n for m in minutes for n in range(max(0, m * 60 * fps - 160), m * 60 * fps + 8)]
    drop = can_drop(rate)
    assert drop == (rate.denominator == 1001 and fps % 30 == 0)
    for number in numbers:
        wanted = otio.opentime.to_timecode(
            otio.opentime.RationalTime(number, float(rate)), float(rate), drop_frame=drop
        )
        assert timecode(number, rate, drop=drop) == wanted
        assert frame_number(wanted, rate) == (number, drop)


def test_the_hour_of_drop_frame_keeps_up_with_the_clock() -> None:
    """SMPTE ST 12-1: 107,892 frames in an hour, and the codes :00 and :01 of a minute are left out."""
    assert timecode(107_892, NTSC, drop=True) == "01:00:00;00"
    assert timecode(1799, NTSC, drop=True) == "00:00:59;29"
    assert timecode(1800, NTSC, drop=True) == "00:01:00;02"
    assert timecode(17_982, NTSC, drop=True) == "00:10:00;00"
    assert timecode(1800, NTSC, drop=False) == "00:01:00:00"


def source(name: str, rate: Fraction, **known: object) -> Source:
    facts = {
        "first_frame": 0,
        "drop": can_drop(rate),
        "duration_s": 120.0,
        "has_video": True,
        "has_sound": True,
    }
    return Source(f"file:///media/{name}", name, rate, **{**facts, **known})  # type: ignore[arg-type]


def moment(rank: int, of: Source, start_s: float, end_s: float) -> Moment:
    best = Hit(
        rank, 0.9, "a:1", "a", of.uri, of.name, 1, 1, 1, "1/25", start_s, start_s, end_s, None, None, None
    )
    return Moment(rank, 0.9, start_s, end_s, 2, best)


@pytest.fixture
def cases() -> tuple[list[Moment], dict[str, Source]]:
    camera = source("a camera.mov", NTSC, first_frame=107_892)
    other = source("a camera.mp4", NTSC, has_sound=False)
    moments = [moment(1, camera, 59.5, 61.25), moment(2, other, 0.0, 10.0), moment(3, camera, 0.5, 0.51)]
    return moments, {camera.uri: camera, other.uri: other}


Cases = tuple[list[Moment], dict[str, Source]]


def test_an_edl_is_what_its_reader_reads(cases: Cases, tmp_path: Path) -> None:
    pytest.importorskip("otio_cmx3600_adapter")
    moments, sources = cases
    assert write_edl(tmp_path / "a.edl", "my hits", moments, sources) == []
    text = (tmp_path / "a.edl").read_text()
    assert text.startswith("TITLE: my hits\nFCM: DROP FRAME\n")
    rate = float(NTSC)
    timeline = otio.adapters.read_from_file(str(tmp_path / "a.edl"), rate=rate)
    clips = [clip for clip in timeline.video_tracks()[0] if isinstance(clip, otio.schema.Clip)]
    assert [clip.name for clip in clips] == ["a camera.mov", "a camera.mp4", "a camera.mov"]
    frames = [
        (round(clip.source_range.start_time.value), round(clip.source_range.duration.value)) for clip in clips
    ]
    assert frames == [(107_892 + 1783, 53), (0, 300), (107_892 + 15, 1)]
    assert [line.split()[1] for line in text.splitlines() if line[:1] == "0"] == [
        "ACAMERA",
        "ACAMERA2",
        "ACAMERA",
    ]
    assert timeline.global_start_time is None or round(timeline.global_start_time.value) == 107_892


def test_events_of_an_edl_follow_each_other(cases: Cases, tmp_path: Path) -> None:
    moments, sources = cases
    write_edl(tmp_path / "a.edl", "x", moments, sources)
    times = [line.split()[-2:] for line in (tmp_path / "a.edl").read_text().splitlines() if line[:1] == "0"]
    assert times[0][0] == "01:00:00;00"
    assert [one[0] for one in times[1:]] == [one[1] for one in times[:-1]]


def test_rates_that_differ_are_told(tmp_path: Path) -> None:
    one, two = source("a.mp4", NTSC), source("b.mp4", Fraction(25))
    moments = [moment(1, one, 1, 2), moment(2, two, 1, 2), moment(3, one, 4, 5)]
    (note,) = write_edl(tmp_path / "a.edl", "x", moments, {one.uri: one, two.uri: two})
    assert "29.97, 25" in note
    assert "00:00:01:00 00:00:02:00" in (tmp_path / "a.edl").read_text()


def test_an_edl_holds_999_events(tmp_path: Path) -> None:
    one = source("a.mp4", NTSC)
    with pytest.raises(InputError, match="at most 999"):
        write_edl(tmp_path / "a.edl", "x", [moment(1, one, 1, 2)] * 1000, {one.uri: one})


def test_an_otio_file_is_what_opentimelineio_reads(cases: Cases, tmp_path: Path) -> None:
    moments, sources = cases
    write_otio(tmp_path / "a.otio", "my hits", moments, sources)
    timeline = otio.adapters.read_from_file(str(tmp_path / "a.otio"))
    assert timeline.name == "my hits"
    clips = list(timeline.find_clips())
    assert [clip.name for clip in clips] == [m.name for m in moments]
    first = clips[0]
    assert first.media_reference.target_url == moments[0].uri
    assert first.source_range.start_time == otio.opentime.RationalTime(107_892 + 1783, float(NTSC))
    assert first.available_range().duration == otio.opentime.RationalTime(round(120 * NTSC), float(NTSC))
    assert first.metadata["vifex"]["score"] == 0.9
    assert timeline.duration().to_seconds() == pytest.approx((53 + 300 + 1) / NTSC)
    again = otio.adapters.write_to_string(timeline, "otio_json")
    assert otio.adapters.read_from_string(again, "otio_json").is_equivalent_to(timeline)
