"""What a run on a cluster shows to Prometheus, through the metrics that Ray collects on each machine.

Ray adds the machine to every metric, and its own prefix: `vifex_rows` is scraped as `ray_vifex_rows_total`. A
cluster without the dashboard's packages collects nothing, and metrics cost next to nothing there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from vifex.extraction.progress import Progress
from vifex.extraction.shards.protocol import Beat, Coordinator, FromShard, HandedOver

__all__ = ["CountedMessages", "shows_progress"]


class CountedMessages:
    """A `Coordinator` that counts what a shard says to another one.

    Args:
        coordinator: Gets every message.
        views: Names of the shard's views.
        metrics: `ray.util.metrics`.
    """

    def __init__(self, coordinator: Coordinator, views: tuple[str, ...], metrics: Any) -> None:
        self._coordinator, self._views = coordinator, views
        self._media = metrics.Counter(
            "vifex_media", "Media that shards have handed over, by outcome.", tag_keys=("view", "status")
        )
        self._rows = metrics.Counter("vifex_rows", "Rows that shards have handed over.", tag_keys=("view",))
        self._seconds = metrics.Counter(
            "vifex_decode_seconds", "Seconds that decoders have spent.", tag_keys=("view",)
        )
        self._in_work = metrics.Gauge("vifex_media_in_work", "Media that decoders are reading.")

    def say(self, message: FromShard) -> None:
        """Count a message, and pass it on; blocks while the coordinator does not take more."""
        if isinstance(message, HandedOver):
            self._count(message)
        elif isinstance(message, Beat):
            self._in_work.set(len(message.in_work))
        self._coordinator.say(message)

    def _count(self, message: HandedOver) -> None:
        view = {"view": self._views[message.view]}
        for status, count in Counter(message.outcomes.statuses).items():
            self._media.inc(count, {**view, "status": status})
        # Counters refuse to grow by nothing.
        for counter, amount in (
            (self._rows, message.outcomes.rows),
            (self._seconds, message.outcomes.wall_s),
        ):
            if (total := sum(amount)) > 0:
                counter.inc(total, view)


def shows_progress(
    on_progress: Callable[[Progress], None] | None, metrics: Any
) -> Callable[[Progress], None]:
    """Return a function that shows the progress of the whole run, and then calls the user's.

    Args:
        on_progress: The user's function, or `None`.
        metrics: `ray.util.metrics`.
    """
    found = metrics.Gauge("vifex_run_media_found", "Media that the sources have given.")
    over = metrics.Gauge(
        "vifex_run_media_finished",
        "Media that are over, those of earlier runs included.",
        tag_keys=("failed",),
    )
    left = metrics.Gauge("vifex_run_seconds_left", "Seconds that the run may still take.")

    def show(progress: Progress) -> None:
        found.set(progress.found)
        over.set(progress.failed, {"failed": "yes"})
        over.set(progress.finished - progress.failed, {"failed": "no"})
        if progress.left_s is not None:
            left.set(progress.left_s)
        if on_progress is not None:
            on_progress(progress)

    return show
