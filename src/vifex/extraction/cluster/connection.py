"""The connection to a Ray cluster, and what its machines offer."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final, Unpack
from urllib.parse import urlsplit

from vifex.extraction.cluster.link import ActorLink
from vifex.extraction.cluster.metrics import shows_progress
from vifex.extraction.cluster.places import Machine, plan_cluster_places
from vifex.extraction.cluster.shipped import ShippedFile, ship
from vifex.extraction.cluster.tasks import ClusterTasks, plan_tasks
from vifex.extraction.planning.budget import Costs
from vifex.extraction.planning.portable import portable
from vifex.extraction.planning.shard_plan import ShardPlace
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.extraction.progress import Progress
from vifex.extraction.shards.protocol import ShardSetup
from vifex.values import EngineError, InputError
from vifex.values.registry import require
from vifex.values.steps import step

__all__ = ["Cluster", "connected"]

_RAY: Final = "ray"
_PORT: Final = 10001
"""Of a cluster's clients, if nothing else was chosen."""
_KNOCK_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """The machines of a cluster."""

    machines: tuple[Machine, ...]
    is_joined: bool = True
    """Whether this process is a part of the cluster, and no client."""

    def watched(self, on_progress: Callable[[Progress], None] | None) -> Callable[[Progress], None] | None:
        """Return what shows the progress of a run as metrics too; those of a client reach no cluster."""
        from ray.util import metrics

        return shows_progress(on_progress, metrics) if self.is_joined else on_progress

    def places(
        self, plans: Sequence[ViewPlan], shards: int | None, **costs: Unpack[Costs]
    ) -> list[ShardPlace]:
        """Plan the shards; see `plan_cluster_places`."""
        return plan_cluster_places(self.machines, plans, shards, **costs)

    def tasks(self) -> ClusterTasks:
        """Plan tasks for work in parts; see `plan_tasks`."""
        return plan_tasks(self.machines)

    def starter(self, plans: Sequence[ViewPlan]) -> Starter:
        """Return what starts shards; the files of the networks go to the cluster now."""
        import ray

        return Starter(tuple(ship([portable(plan) for plan in plans], ray.put)))


@dataclass(frozen=True, slots=True)
class Starter:
    """Starts shards on the cluster, where Ray places them."""

    files: tuple[ShippedFile, ...]

    def __call__(self, setup: ShardSetup) -> ActorLink:
        """Start a shard."""
        options: dict[str, Any] = {"num_cpus": setup.cores, "scheduling_strategy": "SPREAD"}
        if setup.gpus:
            options["num_gpus"] = setup.gpus
        return ActorLink(setup, version("vifex"), self.files, options)


@contextlib.contextmanager
def connected(on: str) -> Iterator[Cluster]:
    """Connect to a cluster, and leave it at the end.

    Args:
        on: `ray` for the cluster of this machine, which is started if there is none, or `ray://HEAD:PORT`.

    Raises:
        InputError: If `on` is something else.
        MissingExtraError: If Ray is not installed.
        EngineError: If no cluster answers there.
    """
    address = _address(on)
    ray = require("ray", extra="ray", needed_for="a run on a cluster")
    was_there = ray.is_initialized()
    if not was_there:
        step("connecting to Ray")
        _connect(ray, on, address)
    try:
        yield Cluster(tuple(_machines(ray)), is_joined=address is None)
    finally:
        if not was_there:
            with contextlib.suppress(Exception):  # a cluster that is gone cannot be left
                ray.shutdown()


def _address(on: str) -> str | None:
    if on == _RAY:
        return None
    parts = urlsplit(on) if isinstance(on, str) else None
    if parts is None or parts.scheme != _RAY or not parts.hostname:
        raise InputError(
            f"takes ray or ray://HEAD:PORT, got {on!r}.",
            option="on",
            todo=f"The port of a cluster's clients is {_PORT} if nothing else was chosen.",
        )
    return on


def _connect(ray: Any, on: str, address: str | None) -> None:
    """Connect; the handlers of signals stay those of this program."""
    in_main = threading.current_thread() is threading.main_thread()
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        if address is not None:
            _knock(address)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Ray says the same again
            ray.init(
                address=address, log_to_driver=False, configure_logging=False, logging_level=logging.ERROR
            )
    except (OSError, RuntimeError, ValueError) as exc:
        raise EngineError(
            f"no Ray cluster can be used: {_reason(exc)}",
            of=on,
            todo="Look with `ray status` whether the cluster runs and is reached from here.",
        ) from exc
    finally:
        if in_main:
            for number, handler in kept.items():
                signal.signal(number, handler)


def _reason(error: Exception) -> str:
    """Return what is wrong in one line: the first, with the last where a traceback lies between."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return f"{lines[0]} {lines[-1].strip()}" if lines[0].endswith(":") else lines[0]


def _knock(address: str) -> None:
    """Raise an `OSError` if nothing listens at an address; Ray would try for half a minute."""
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname, parts.port or _PORT), timeout=_KNOCK_S):
        pass


def _machines(ray: Any) -> Iterator[Machine]:
    for node in ray.nodes():
        if node["Alive"]:
            offers = node["Resources"]
            yield Machine(int(offers.get("CPU", 0)), int(offers.get("GPU", 0)), int(offers.get("memory", 0)))
