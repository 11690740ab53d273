"""The judge of shots on cases by hand, and the detector on a short made video."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from made_shots import Transition, make_video
from PIL import Image
from shots import figures, matched

from vifex.media.shots.detector import ShotDetector
from vifex.media.shots.small import LUMA_SIZE


def test_what_overlaps_a_transition_two_frames_longer_counts() -> None:
    cut = [Transition(49, 50, "cut")]
    for last in (46, 49, 52):
        assert matched([(last, last + 1)], cut) == ([0], [])
    for last in (45, 53):
        assert matched([(last, last + 1)], cut) == ([], [0])


def test_a_transition_is_found_once() -> None:
    """Of two within a dissolve the second is wrong."""
    known = {"a": [Transition(49, 90, "dissolve"), Transition(149, 150, "cut")]}
    found = {"a": [(59, 60), (79, 80), (149, 150)]}
    assert figures(found, known) == {
        "f1": 0.8,
        "precision": 0.6667,
        "recall": 1.0,
        "recall_cut": 1.0,
        "recall_dissolve": 1.0,
    }


def test_transitions_of_a_made_video_are_found(shared_media: Path) -> None:
    photos = sorted((shared_media.parent / "data" / "photos").glob("*.jpg"))
    video = make_video(218, photos, shared_media / "good", n_shots=4)
    detector = ShotDetector()
    for number, rgb in enumerate(video.frames):
        luma = Image.fromarray(rgb).convert("L").resize(LUMA_SIZE, Image.Resampling.BOX)
        detector.feed(np.asarray(luma), Fraction(number, video.fps), Fraction(number + 1, video.fps))
    starts = [int(shot.start * video.fps) for shot in detector.finish()[1:]]
    hit, wrong = matched([(at - 1, at) for at in starts], video.transitions)
    assert {t.kind for t in video.transitions} == {"cut", "dissolve", "fade"}
    assert len(hit) == len(video.transitions)
    assert not wrong
