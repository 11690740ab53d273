"""From scores to moments: by hand, and against SciPy's widths of peaks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import peak_widths

from vifex import InputError
from vifex.search.moments.frames import Frames
from vifex.search.moments.merging import MergeRule, Run, merged, merged_by_medium


def frames(*counts: int, step_s: float = 1.0) -> Frames:
    """Media of some frames each, a frame every second that lasts 1/25 s."""
    starts = np.concatenate([np.arange(n) * step_s for n in counts])
    return Frames(
        np.arange(len(starts)),
        np.arange(len(starts)),
        starts,
        starts + 0.04,
        tuple(f"{i:032x}" for i in range(len(counts))),
        np.concatenate([[0], np.cumsum(counts)]),
    )


def spans(runs: list[Run]) -> list[tuple[float, float]]:
    return [(run.start_s, round(run.end_s, 6)) for run in runs]


def test_rows_within_half_the_height_of_the_peak_are_one_moment() -> None:
    """The peak is 0.9 above the background of 0.1: the floor is 0.5."""
    gains = np.array([0.1, 0.1, 0.6, 0.9, 0.5, 0.4, 0.1, 0.1, 0.1])
    first = next(merged(gains, frames(9), MergeRule(), 0.1))
    assert (first.gain, first.peak, first.start_s, first.end_s) == (0.9, 3, 2.0, 5.0)


def test_the_flank_of_a_moment_begins_no_other_and_a_rise_behind_it_does() -> None:
    gains = np.array([1.0, 0.45, 0.3, 0.2, 0.4, 0.1, 0.0, 0.0, 0.0, 0.0])
    runs = list(merged(gains, frames(10), MergeRule(), 0.0))
    assert [run.peak for run in runs[:2]] == [0, 4]
    assert spans(runs)[0] == (0.0, 1.0)


def test_a_dip_parts_moments_unless_it_is_bridged() -> None:
    gains = np.array([0.0, 0.9, 0.1, 0.8, 0.0, 0.0, 0.0, 0.0])
    assert spans(list(merged(gains, frames(8), MergeRule(), 0.0)))[:2] == [(1.0, 2.0), (3.0, 4.0)]
    assert spans(list(merged(gains, frames(8), MergeRule(gap_s=1.0), 0.0)))[0] == (1.0, 4.0)


def test_a_hole_in_the_rows_parts_moments() -> None:
    """Rows that a filter left out are not known to match."""
    whole = frames(7)
    some = Frames(
        whole.places[:5],
        whole.first_row[:5],
        np.array([0.0, 1, 2, 5, 6]),
        np.array([0.04, 1.04, 2.04, 5.04, 6.04]),
        whole.media,
        np.array([0, 5]),
    )
    assert spans(list(merged(np.full(5, 0.9), some, MergeRule(), 0.1))) == [(0.0, 3.0), (5.0, 6.04)]


def test_rows_that_stand_until_the_next_one_are_no_holes() -> None:
    """One that stands for frames that did not change is as long as it says, and no longer."""
    some = Frames(
        np.arange(6),
        np.arange(6),
        np.array([0.0, 0.5, 1.0, 9.0, 9.5, 14.0]),
        np.array([0.04, 0.54, 9.0, 9.04, 9.54, 14.04]),
        ("0" * 32,),
        np.array([0, 6]),
    )
    assert spans(list(merged(np.full(6, 0.9), some, MergeRule(), 0.1))) == [(0.0, 10.0), (14.0, 14.04)]


def test_the_last_row_of_a_medium_ends_with_its_own_frame() -> None:
    assert spans(list(merged(np.ones(3), frames(3), MergeRule(), 0.0))) == [(0.0, 2.04)]


def test_the_best_moments_come_first_and_media_are_apart() -> None:
    gains = np.array([0.9, 0.8, 0.0, 0.0, 1.0, 0.0, 0.0, 0.95])
    runs = list(merged(gains, frames(2, 3, 3), MergeRule(), 0.0))
    assert [(run.medium, run.gain) for run in runs][:3] == [(1, 1.0), (2, 0.95), (0, 0.9)]


def test_rows_below_the_least_score_belong_to_no_moment() -> None:
    gains = np.array([0.1, 0.7, 0.9, 0.7, 0.1, 0.65])
    runs = list(merged(gains, frames(6), MergeRule(least=0.8), 0.1))
    assert spans(runs) == [(2.0, 3.0)]
    assert not list(merged(np.full(6, -np.inf), frames(6), MergeRule(), 0.0))


def test_media_come_with_their_moments_in_the_order_of_time() -> None:
    gains = np.array([0.8, 0.0, 0.9, 0.0, 0.2, 0.0, 0.95, 0.0])
    groups = list(merged_by_medium(gains, frames(6, 2), MergeRule(), 0.0))
    assert [(group[0].medium, [run.peak for run in group]) for group in groups] == [(1, [6]), (0, [0, 2])]


def test_images_and_pages_are_moments_of_their_own() -> None:
    nothing = np.full(3, np.nan)
    pages = Frames(np.arange(3), np.arange(3), nothing, nothing, ("a" * 32,), np.array([0, 3]))
    assert [run.peak for run in merged(np.array([0.5, 0.9, 0.8]), pages, MergeRule(), 0.0)] == [1, 2, 0]


@pytest.mark.parametrize("width", [1.3, 2.6, 5.1, 8.8])
@pytest.mark.parametrize("drop", [0.3, 0.5, 0.8])
def test_the_width_of_a_peak_is_that_of_scipy(width: float, drop: float) -> None:
    x = np.arange(120.0)
    gains = np.exp(-((x - 60.3) ** 2) / (2 * width**2))
    (peak,) = [int(gains.argmax())]
    left, right = peak_widths(gains, [peak], rel_height=drop)[2:]
    run = next(merged(gains, frames(120), MergeRule(drop=drop), 0.0))
    assert (run.first, run.last) == (np.ceil(left[0]), np.floor(right[0]))


@pytest.mark.parametrize(("choice", "said"), [({"drop": 1.5}, "drop"), ({"gap_s": -1.0}, "gap_s")])
def test_a_rule_that_makes_no_sense_is_refused(choice: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        MergeRule(**choice)


def test_rows_of_one_frame_count_as_one() -> None:
    """Regions of a frame: the best of them stands for the frame."""
    some = Frames(
        np.arange(4), np.array([0, 2]), np.array([0.0, 1.0]), np.array([0.1, 1.1]), ("a",), np.array([0, 2])
    )
    gains, rows = some.best_rows(np.array([0.1, 0.7, 0.9, 0.2]))
    assert gains.tolist() == [0.7, 0.9]
    assert rows.tolist() == [1, 2]
