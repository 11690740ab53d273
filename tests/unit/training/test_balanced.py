"""Balanced batches: P classes with K examples each, from seed, epoch and step alone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from vifex.training.data.balanced import BalancedBatches
from vifex.values import InputError

CLASSES = np.repeat(np.arange(7), [30, 9, 5, 4, 2, 20, 11])


def test_a_batch_has_k_examples_of_each_of_p_classes() -> None:
    batches = BalancedBatches(CLASSES, per_batch=3, examples=4)
    for step in range(batches.steps):
        rows = batches.batch(0, step)
        counts = Counter(CLASSES[rows].tolist())
        assert sorted(counts.values()) == [4, 4, 4]
        for c in counts:
            mine = rows[CLASSES[rows] == c]
            assert len(set(mine.tolist())) == min(4, np.count_nonzero(c == CLASSES))


def test_a_batch_depends_on_seed_epoch_and_step_alone() -> None:
    forwards = BalancedBatches(CLASSES, per_batch=3, examples=4, seed=1)
    wanted = {(e, s): forwards.batch(e, s) for e in range(3) for s in range(5)}
    for (e, s), rows in reversed(wanted.items()):
        np.testing.assert_array_equal(
            BalancedBatches(CLASSES, per_batch=3, examples=4, seed=1).batch(e, s), rows
        )
    assert len({rows.tobytes() for rows in wanted.values()}) == len(wanted)
    assert not np.array_equal(
        BalancedBatches(CLASSES, per_batch=3, examples=4, seed=2).batch(0, 0), wanted[0, 0]
    )


def test_a_round_takes_no_class_twice_and_over_many_rounds_all_come_equally_often() -> None:
    batches = BalancedBatches(CLASSES, per_batch=3, examples=2)
    counts: Counter[int] = Counter()
    for turn in range(700):
        seen = [c for s in (0, 1) for c in set(CLASSES[batches.batch(0, 2 * turn + s)].tolist())]
        assert len(seen) == len(set(seen)) == 6
        counts.update(seen)
    assert min(counts.values()) > 0.9 * max(counts.values())


def test_an_epoch_holds_about_as_many_examples_as_there_are() -> None:
    batches = BalancedBatches(np.arange(1000) % 10, per_batch=5, examples=10)
    assert batches.steps * 50 == 1000


@pytest.mark.parametrize(
    ("p", "k", "message"), [(8, 2, "has 7 classes"), (1, 4, "no pairs"), (2, 1, "no pairs")]
)
def test_batches_that_cannot_be_made_are_refused(p: int, k: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        BalancedBatches(CLASSES, per_batch=p, examples=k)
