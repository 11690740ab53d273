"""Batches ahead of their step: on a GPU the next one is made while the network computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from vifex.training.tasks import Batch, Task

__all__ = ["batches"]

_AHEAD = 3


def batches(task: Task, epoch: int, start: int, *, is_ahead: bool) -> Iterator[tuple[int, Batch]]:
    """Yield the batches of an epoch with their steps.

    Args:
        task: That makes them.
        epoch: From 0.
        start: First step.
        is_ahead: Whether a thread makes them ahead. On a CPU it would only take cores from the network.
    """
    if not is_ahead:
        for step in range(start, task.steps):
            yield step, task.batch(epoch, step)
        return
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
        waiting: deque[Future[Any]] = deque()
        following = iter(range(start, task.steps))
        for step in range(start, task.steps):
            while len(waiting) < _AHEAD and (ahead := next(following, None)) is not None:
                waiting.append(pool.submit(task.batch, epoch, ahead))
            yield step, waiting.popleft().result()
