"""The batch of a GPU, chosen by measuring."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import torch

__all__ = ["choose_batch"]

_ENOUGH: Final = 0.95
"""A smaller batch at this part of the best rate is better: it waits less and pads less."""
_LONGEST_S: Final = 2.0


def choose_batch(rate: Callable[[int], float], *, first: int, most: int, seconds: float = _LONGEST_S) -> int:
    """Choose the inputs per batch: the fewest that come near the best rate.

    The batch is doubled until the rate no longer grows, the memory does not suffice, or the time is over.

    Args:
        rate: Measures a batch; returns inputs per second. `torch.OutOfMemoryError` ends the search.
        first: The smallest batch to try.
        most: The largest one.
        seconds: No further batch is tried after this time.

    Raises:
        torch.OutOfMemoryError: If the memory does not suffice for one input.
    """
    rates: dict[int, float] = {}
    began_s = time.monotonic()
    batch = first
    while batch <= most and (not rates or time.monotonic() - began_s < seconds):
        try:
            rates[batch] = rate(batch)
        except torch.OutOfMemoryError:
            if rates:
                break
            if batch == 1:
                raise
            first = batch = most = max(1, batch // 2)
            continue
        if batch > first and rates[batch] * _ENOUGH < rates[batch // 2]:
            break
        batch *= 2
    best = max(rates.values())
    return min(b for b, r in rates.items() if r >= _ENOUGH * best)
