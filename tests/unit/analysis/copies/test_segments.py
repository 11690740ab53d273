"""Copied segments in synthetic videos whose copies are known: spans, speeds, intros, and nothing else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from vifex.analysis.copies.segments.alignment import align
from vifex.analysis.copies.segments.calibration import LEAST_SCORE, LEAST_THRESHOLD, calibrate
from vifex.analysis.copies.segments.find import FoundSegments, find_segments
from vifex.analysis.copies.segments.frames import make_frames
from vifex.analysis.copies.segments.lines import Line, vote
from vifex.analysis.copies.segments.network import heaviest_paths
from vifex.analysis.rows import unit_vectors
from vifex.values import InputError

STEP_S = 0.25
SIZE = 64
Vectors = npt.NDArray[np.float32]


def video(chance: np.random.Generator, seconds: float) -> Vectors:
    """Shots of 2.5 s in which every frame differs a little from the one before."""
    count = int(seconds / STEP_S)
    shots = np.repeat(chance.normal(size=(count // 10 + 1, SIZE)), 10, axis=0)[:count]
    return unit_vectors((shots + 0.25 * np.cumsum(chance.normal(size=(count, SIZE)), axis=0)).astype("f4"))


def copy(
    chance: np.random.Generator, of: Vectors, start_s: float, end_s: float, speed: float = 1.0
) -> Vectors:
    """The frames of a span, shown at a speed, with noise."""
    places = np.round(np.arange(start_s, end_s, STEP_S * speed) / STEP_S).astype(int)
    noise = 0.04 * chance.normal(size=(len(places), SIZE))
    return unit_vectors((of[np.minimum(places, len(of) - 1)] + noise).astype("f4"))


def search(videos: list[Vectors], media_of_first: int | None = None) -> FoundSegments:
    lengths = [len(one) for one in videos]
    times = np.concatenate([np.arange(length) * STEP_S for length in lengths])
    medium = np.repeat(np.arange(len(videos)), lengths)
    return find_segments(make_frames(np.concatenate(videos), times, medium, media_of_first=media_of_first))


@pytest.fixture
def chance() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def others(chance: np.random.Generator) -> list[Vectors]:
    return [video(chance, chance.uniform(10, 20)) for _ in range(12)]


def test_a_compilation_names_both_spans_and_the_speed(
    chance: np.random.Generator, others: list[Vectors]
) -> None:
    """Seconds 3 to 9 of one video, then 2 to 8 of another, a quarter faster."""
    joined = np.concatenate([copy(chance, others[2], 3, 9), copy(chance, others[7], 2, 8, 1.25)])
    found = search([*others, joined]).segments
    assert [(one.a, one.b) for one in found] in ([(2, 12), (7, 12)], [(7, 12), (2, 12)])
    by_first = {one.a: one for one in found}
    for a, spans, speed in ((2, (3, 9, 0, 6), 1.0), (7, (2, 8, 6, 10.8), 0.8)):
        one = by_first[a]
        measured = (one.a_start_s, one.a_end_s, one.b_start_s, one.b_end_s)
        np.testing.assert_allclose(measured, spans, atol=STEP_S + 1e-9)
        assert abs(one.speed - speed) < 0.06
        assert one.similarity > 0.85
        assert one.false_alarms < 1e-4


def test_unrelated_videos_have_no_segment(others: list[Vectors]) -> None:
    found = search(others)
    assert found.segments == ()
    assert found.calibration.pairs == 66


def test_an_intro_that_all_videos_have_is_no_copy(chance: np.random.Generator, others: list[Vectors]) -> None:
    intro = video(chance, 5)
    with_intro = [np.concatenate([copy(chance, intro, 0, 5), one]) for one in others]
    assert search(with_intro).segments == ()
    # Where two videos alone have it, it is one.
    found = search([*with_intro[:2], *others[2:]]).segments
    assert [(one.a, one.b) for one in found] == [(0, 1)]


def test_of_two_stores_segments_are_between_them_alone(
    chance: np.random.Generator, others: list[Vectors]
) -> None:
    videos = [*others, copy(chance, others[0], 2, 9), copy(chance, others[11], 2, 9)]
    assert {(one.a, one.b) for one in search(videos).segments} == {(0, 12), (11, 13)}
    assert {(one.a, one.b) for one in search(videos, media_of_first=13).segments} == {(11, 13)}


def test_two_spans_of_one_pair_are_two_segments(chance: np.random.Generator, others: list[Vectors]) -> None:
    other = np.concatenate([copy(chance, others[0], 1, 4), video(chance, 4), copy(chance, others[0], 6, 9)])
    found = [one for one in search([*others, other]).segments if (one.a, one.b) == (0, 12)]
    spans = sorted((one.a_start_s, one.b_start_s) for one in found)
    np.testing.assert_allclose(spans, [(1, 0), (6, 7)], atol=STEP_S + 1e-9)


def still(chance: np.random.Generator, of: Vectors, likeness: float) -> Vectors:
    """A scene in which nothing moves, by the cosine of its frames to one frame."""
    aside = chance.normal(size=SIZE)
    aside = unit_vectors((aside - (aside @ of) * of)[None].astype("f4"))[0]
    scene = likeness * of + np.sqrt(1 - likeness**2) * aside
    return unit_vectors((scene + 0.02 * chance.normal(size=(40, SIZE))).astype("f4"))


@pytest.mark.parametrize(("likeness", "is_copy"), [(0.62, False), (0.9, True)])
def test_where_nothing_moves_a_copy_must_be_more_alike(
    likeness: float, is_copy: bool, chance: np.random.Generator, others: list[Vectors]
) -> None:
    """Two fixed cameras before scenes of one kind: every frame of one is like every frame of the other."""
    scene = unit_vectors(chance.normal(size=(1, SIZE)).astype("f4"))[0]
    found = search([*others, still(chance, scene, 1.0), still(chance, scene, likeness)])
    assert [(one.a, one.b) for one in found.segments] == ([(12, 13)] if is_copy else [])
    assert found.calibration.least_score >= LEAST_THRESHOLD


def test_a_span_of_a_slow_scene_is_not_found_in_the_rest_of_it(
    chance: np.random.Generator, others: list[Vectors]
) -> None:
    """The second half of the scene resembles the first; the copy is of the second."""
    scene = chance.normal(size=SIZE) + 0.07 * np.cumsum(chance.normal(size=(80, SIZE)), axis=0)
    slow = unit_vectors(scene.astype("f4"))
    found = search([*others, slow, copy(chance, slow, 10, 20)]).segments
    (one,) = [segment for segment in found if segment.a == 12]
    assert one.a_start_s == pytest.approx(10, abs=0.5)
    assert one.a_end_s == pytest.approx(20, abs=0.5)


def test_the_vote_finds_speed_and_offset_of_matches_on_a_line() -> None:
    t = np.arange(80) * STEP_S
    line = Line(0.8, 3.0)
    evidence = np.full((80, 80), -1, np.float32)
    columns = np.round(line.at(t) / STEP_S).astype(int)
    inside = columns < 80
    evidence[np.flatnonzero(inside), columns[inside]] = 1
    best = vote(evidence, t, t, step_s=STEP_S)[0]
    assert best.speed == pytest.approx(0.8)
    assert best.offset_s == pytest.approx(3.0, abs=STEP_S)


def test_the_path_equals_the_best_sum_found_by_trying_every_path() -> None:
    """On a line without steps aside the heaviest path is the heaviest contiguous run of the diagonal."""
    chance = np.random.default_rng(3)
    t = np.arange(12.0)
    diagonal = chance.normal(size=12).astype(np.float32)
    evidence = np.full((12, 12), -9, np.float32)
    np.fill_diagonal(evidence, diagonal)
    best = max(float(diagonal[i:j].sum()) for i in range(12) for j in range(i + 1, 13))
    path = heaviest_paths(evidence, t, t, [Line(1.0, 0.0)], gap=12)[0]
    assert path is not None
    assert path.score == pytest.approx(best)
    assert path.score == pytest.approx(float(evidence[path.rows, path.columns].sum()))


def test_a_path_passes_over_a_frame_without_evidence() -> None:
    t = np.arange(10.0)
    evidence = np.full((10, 10), -1, np.float32)
    np.fill_diagonal(evidence, 2)
    evidence[5, 5] = -1
    (found,) = align(evidence, t, t, step_s=1.0, least=1.0)
    assert found.spans == ((0, 9), (0, 9))
    assert found.score == pytest.approx(17)


def test_the_threshold_rises_with_the_scores_of_decoys() -> None:
    """Excesses of mean 4 beside the prior: the threshold is where the exponential leaves 0.05 of them."""
    chance = np.random.default_rng(0)
    decoys = LEAST_SCORE + chance.exponential(4, 2000)
    half = np.arange(2000) % 2 == 0
    got = calibrate(np.zeros(2000), decoys, half, pairs=10_000, false_alarms=0.05)
    assert got.least_score == pytest.approx(LEAST_SCORE + 4 * np.log(2000 / 0.05), rel=0.1)
    assert got.expected_false_alarms == pytest.approx(0.05)
    assert got.false_alarms(got.least_score) == pytest.approx(0.05)
    assert got.checked_decoys <= 1


@pytest.mark.parametrize(
    ("times", "medium", "words"),
    [
        ([0.0, 1.0], [0, 2], "numbered 0, 1, 2"),
        ([1.0, 0.0], [0, 0], "do not go back"),
        ([0.0, np.nan], [0, 0], "must have times"),
        ([0.0], [0, 0], "do not fit"),
    ],
)
def test_frames_that_do_not_fit_are_refused(times: list[float], medium: list[int], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make_frames(np.eye(2, dtype=np.float32), np.array(times), np.array(medium))
