"""Memory is bounded by slots and batches, not by the length of a video or the number of media."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from looped import loop_clip
from record import peak_bytes

import vifex


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="proportional set sizes are Linux's")
def test_an_hour_takes_no_more_memory_than_five_minutes(tmp_path: Path, shared_media: Path) -> None:
    """A real clip, looped; the peak of the whole process tree may grow by a tenth.

    The memory is looked at now and then, so a shorter run could be over between two looks at its peak.
    """
    peaks = {}
    for name, seconds in (("minutes", 300), ("hour", 3600)):
        video = tmp_path / f"{name}.mkv"
        loop_clip(shared_media / "good" / "clip-h264.flv", video, seconds)
        command = [sys.executable, "-m", "vifex", "extract", video, "-o"]
        if not peaks:
            peak_bytes([*command, tmp_path / "warm.vifex"])  # fills the cache of compiled graphs
        peaks[name] = peak_bytes([*command, tmp_path / f"{name}.vifex"])
        with vifex.open(tmp_path / f"{name}.vifex") as opened:
            assert len(opened.main) >= seconds
    assert peaks["hour"] <= 1.1 * peaks["minutes"], peaks
