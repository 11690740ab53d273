"""The real command over real media: good, odd and bad."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import vifex

pytestmark = [pytest.mark.shared, pytest.mark.slow]

SOUNDS = {"sound-mp3.mp3", "sound-ogg.ogg", "sound-wav.wav"}
NO_VIDEO = {"flac-with-cover.flac", "mp3-with-cover.mp3", "subtitles-only.mp4"}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, shared_media: Path, vifex_command: Any) -> Path:
    store = tmp_path_factory.mktemp("good") / "lib.vifex"
    done = vifex_command("extract", shared_media / "good", "-o", store, "--precision", "fp32", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["media"], report["ok"], report["skipped"]) == (94, 91, 3)
    return store


def ledger_of(store: Path) -> dict[str, dict[str, Any]]:
    with vifex.open(store) as opened:
        return {entry["name"]: entry for entry in opened.ledger().to_pylist()}


def test_every_good_file_has_rows_and_sounds_are_skipped(good: Path, shared_media: Path) -> None:
    ledger = ledger_of(good)
    assert set(ledger) == {p.name for p in (shared_media / "good").iterdir()}
    for name, entry in ledger.items():
        if name in SOUNDS:
            assert (entry["status"], entry["rows"]) == ("skipped", 0)
            assert "no video stream" in entry["reason"]
        else:
            assert entry["status"] == "ok", entry
            assert entry["rows"] > 0


def test_bad_files_beside_them_change_no_row_of_the_good_ones(
    good: Path, shared_media: Path, tmp_path: Path, vifex_command: Any
) -> None:
    store = tmp_path / "both.vifex"
    folders = [shared_media / "good", shared_media / "bad"]
    done = vifex_command("extract", *folders, "-o", store, "--precision", "fp32", "--stall-limit", "30")
    assert done.returncode == 3, done.stderr
    ledger = ledger_of(store)
    bad = {p.name for p in folders[1].iterdir()}
    assert set(ledger) == bad | {p.name for p in folders[0].iterdir()}
    for name in bad:
        entry = ledger[name]
        assert entry["rows"] > 0 or entry["reason"], entry
        assert (entry["status"] in ("ok", "partial")) == (entry["rows"] > 0)
    with vifex.open(good) as alone, vifex.open(store) as both:
        rows = alone.to_arrow().sort_by("key")
        names = ", ".join("'" + n + "'" for n in {p.name for p in folders[0].iterdir()})
        assert both.to_arrow(where=f"name IN ({names})").sort_by("key").equals(rows)


def test_every_odd_file_ends_in_rows_or_a_reason(
    shared_media: Path, tmp_path: Path, vifex_command: Any
) -> None:
    store = tmp_path / "odd.vifex"
    done = vifex_command("extract", shared_media / "odd", "-o", store, "--precision", "fp32")
    ledger = ledger_of(store)
    assert len(ledger) == 61
    assert {n for n, e in ledger.items() if e["status"] == "skipped"} == NO_VIDEO
    failed = {n: e["reason"] for n, e in ledger.items() if e["status"] == "failed"}
    partial = {n: e["reason"] for n, e in ledger.items() if e["status"] == "partial"}
    # A raw stream without any times needs --assume-fps, as its reason says.
    assert set(failed) <= {"no-pts-raw.h264", "all-pts-zero.mkv"}, failed
    assert done.returncode == (3 if failed or partial else 0), done.stderr
    for entry in ledger.values():
        assert (entry["rows"] > 0) == (entry["status"] in ("ok", "partial"))


def test_the_same_command_again_does_nothing(good: Path, shared_media: Path, vifex_command: Any) -> None:
    with vifex.open(good) as before:
        rows = before.to_arrow().sort_by("key")
    done = vifex_command("extract", shared_media / "good", "-o", good, "--precision", "fp32", "--json")
    report = json.loads(done.stdout)
    assert (report["already_done"], report["rows"], report["exit_status"]) == (94, 0, 0)
    with vifex.open(good) as after:
        assert after.to_arrow().sort_by("key").equals(rows)


def test_show_tells_what_is_in_it(good: Path, vifex_command: Any) -> None:
    shown = vifex_command("show", good)
    assert shown.returncode == 0
    assert "91 ok" in shown.stdout
    assert "no video stream" in shown.stdout
    facts = json.loads(vifex_command("show", good, "--json").stdout)
    assert facts["views"][0]["media"] == {"ok": 91, "skipped": 3}
    assert len(facts["views"][0]["problems"]) == 3


def test_the_same_values_in_another_profile_are_near_but_not_the_same(
    good: Path, vifex_command: Any, shared_media: Path
) -> None:
    """The two files hold equal numbers; one means them in Display P3, the other in sRGB."""
    query = shared_media / "good" / "photo-display-p3.jpg"
    done = vifex_command("search", good, query, "-k", 2, "--json", "--where", "t_s IS NULL")
    first, second = json.loads(done.stdout)["hits"]
    assert (first["name"], second["name"]) == ("photo-display-p3.jpg", "photo-same-srgb.jpg")
    assert first["score"] > 0.9999 > second["score"] > 0.9
