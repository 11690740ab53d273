"""Work in parts as Ray tasks: each is done by whatever machine has its cores free.

This module imports nothing of Ray at its top: the machines that do the work import it too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final, TypeVar

from vifex.extraction.cluster.places import Machine
from vifex.extraction.cluster.versions import check_same_version
from vifex.values import EngineError, VifexError

__all__ = ["ClusterTasks", "plan_tasks"]

_T = TypeVar("_T")
_MOST_CORES: Final = 16
"""Of a task: with more threads, those of one task wait for each other."""
_TRIES_AGAIN: Final = 3
"""Of a task whose machine or process is lost."""


@dataclass(frozen=True, slots=True)
class ClusterTasks:
    """The machines of a cluster as places for parts of a work; a `vifex.values.machines.Machines`."""

    cores: int
    """Of each task."""
    width: int
    """Tasks for which the cluster has cores at the same time."""

    def each(
        self, work: Callable[..., _T], shared: Sequence[Any], parts: Sequence[slice]
    ) -> Iterator[tuple[slice, _T]]:
        """Do each part as a task, and give the results as they come."""
        import ray
        from ray.exceptions import RayError

        task = ray.remote(do_part).options(
            num_cpus=self.cores, max_retries=_TRIES_AGAIN, scheduling_strategy="SPREAD"
        )
        waiting: dict[Any, slice] = {}
        try:
            there = [ray.put(one) for one in shared]
            waiting = {task.remote(version("vifex"), work, part, self.cores, *there): part for part in parts}
            while waiting:
                (done, *_), _ = ray.wait(list(waiting), num_returns=1)
                answer = ray.get(done)
                if isinstance(answer, VifexError):
                    raise answer
                yield waiting.pop(done), answer
        except RayError as exc:
            raise EngineError(
                f"the cluster could not do a part of the work: {_first_line(exc)}",
                option="on",
                todo="Look with `ray status` at its machines, or ask without `on`.",
            ) from exc
        finally:
            for task_id in waiting:
                with contextlib.suppress(RayError):
                    ray.cancel(task_id)


def plan_tasks(machines: Sequence[Machine]) -> ClusterTasks:
    """Plan tasks that fit on every machine.

    Raises:
        EngineError: If no machine offers a core.
    """
    useful = [machine.cores for machine in machines if machine.cores]
    if not useful:
        raise EngineError(
            "no machine of the cluster offers a CPU core to Ray.",
            option="on",
            todo="Look with `ray status` what the cluster has.",
        )
    cores = min(_MOST_CORES, *useful)
    return ClusterTasks(cores, sum(one // cores for one in useful))


def do_part(here: str, work: Callable[..., Any], part: slice, threads: int, *shared: Any) -> Any:
    """Do a part on a machine of the cluster; return what `work` returns, or the error that it raises.

    Args:
        here: Version of Vifex where the command runs.
        work: Called with `*shared`, the part and the number of threads.
        part: Of the work.
        threads: That it may use.
        *shared: What all parts use.
    """
    try:
        check_same_version(here)
        return work(*shared, part, threads)
    except VifexError as exc:
        return exc


def _first_line(exc: Exception) -> str:
    lines = [line.strip() for line in str(exc).splitlines() if line.strip()]
    return (lines or [type(exc).__name__])[-1]
