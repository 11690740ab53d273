"""The order of the examples: a function of seed, epoch and step, so that a resumed run goes on exactly."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Order", "step_seed"]

_STREAM: Final = 0x5EED
_MASK: Final = (1 << 63) - 1


def step_seed(seed: int, epoch: int, step: int, stream: int = 0) -> int:
    """Return the seed of the random numbers of one step.

    Args:
        seed: Of the run.
        epoch: From 0.
        step: In the epoch, from 0.
        stream: Another number gives other random numbers for the same step.

    Returns:
        A number below 2 ** 63.
    """
    state = np.random.SeedSequence([seed, epoch, step, stream]).generate_state(1, np.uint64)
    return int(state[0]) & _MASK


class Order:
    """Batches of rows for each epoch.

    Args:
        count: Examples, N.
        batch: Examples of a batch. The examples that do not fill a last batch wait for another epoch.
        seed: Of the run.
        weights: How often each example is drawn, relative to the others `[N]`. With weights, examples are
            drawn with replacement; without them, an epoch has each example once.
    """

    def __init__(
        self, count: int, batch: int, seed: int, weights: npt.NDArray[np.float64] | None = None
    ) -> None:
        self.count, self.batch, self.seed = count, min(batch, count), seed
        self.steps = max(1, count // self.batch)
        self._shares = None if weights is None else weights / weights.sum()
        self._epoch = -1
        self._rows: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def rows(self, epoch: int, step: int) -> npt.NDArray[np.int64]:
        """Return the rows of one batch, `[batch]`."""
        if epoch != self._epoch:
            self._rows, self._epoch = self._drawn(epoch), epoch
        return self._rows[step * self.batch : (step + 1) * self.batch]

    def _drawn(self, epoch: int) -> npt.NDArray[np.int64]:
        rng = np.random.Generator(np.random.Philox(key=[self.seed ^ _STREAM, epoch]))
        if self._shares is None:
            return rng.permutation(self.count)
        return rng.choice(self.count, self.count, p=self._shares)
