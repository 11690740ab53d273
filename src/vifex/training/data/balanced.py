"""Balanced batches for metric learning: P classes, K examples of each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vifex.values import InputError

__all__ = ["BalancedBatches"]


class BalancedBatches:
    """Which examples are in a batch, as a function of seed, epoch and step; nothing is kept between calls.

    An epoch takes the classes in rounds. Each round shuffles the classes and deals them out P by P, so that
    every class comes equally often, up to the remainder of each round. A class that has fewer than K examples
    repeats some.

    Args:
        classes: `[N]`: the class of each example, integers.
        per_batch: P, classes of a batch.
        examples: K, examples of each class.
        seed: Seed of every choice.

    Raises:
        InputError: If there are fewer than P classes, P is below 2 or K below 2.
    """

    def __init__(
        self, classes: npt.NDArray[np.integer], *, per_batch: int, examples: int, seed: int = 0
    ) -> None:
        self._members = [np.flatnonzero(classes == c) for c in np.unique(classes)]
        if per_batch < 2 or examples < 2:
            raise InputError(
                f"a batch of {per_batch} classes with {examples} examples has no pairs.",
                todo="Take 2 or more.",
            )
        if len(self._members) < per_batch:
            raise InputError(
                f"the training part has {len(self._members)} classes, and a batch takes {per_batch}.",
                todo="Set fewer classes per batch.",
            )
        self._p, self._k, self._seed = per_batch, examples, seed

    @property
    def steps(self) -> int:
        """Batches of an epoch: as many as hold N examples, at least one round."""
        n = sum(len(m) for m in self._members)
        per_round = len(self._members) // self._p
        return max(1, round(n / (self._p * self._k * per_round))) * per_round

    @property
    def size(self) -> int:
        """Examples of a batch."""
        return self._p * self._k

    def batch(self, epoch: int, step: int) -> npt.NDArray[np.int64]:
        """Return the positions `[P * K]` of a batch's examples, those of one class after each other."""
        turn, place = divmod(step, len(self._members) // self._p)
        order = np.random.default_rng([self._seed, epoch, turn]).permutation(len(self._members))
        chosen = order[place * self._p : (place + 1) * self._p]
        return np.concatenate([self._examples(int(c), epoch, turn) for c in chosen])

    def _examples(self, c: int, epoch: int, turn: int) -> npt.NDArray[np.int64]:
        members = self._members[c]
        rng = np.random.default_rng([self._seed, epoch, turn, c])
        picked: npt.NDArray[np.int64] = rng.choice(members, self._k, replace=len(members) < self._k)
        return picked
