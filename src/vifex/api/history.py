"""`vifex.history`: the runs that changed a store, as its ledger has them."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from vifex.api.arguments import checked
from vifex.store import View, open_store
from vifex.values.run_facts import read_facts

__all__ = ["StoreRun", "history"]


@dataclass(frozen=True, slots=True)
class StoreRun:
    """What one run changed in a view."""

    view: str
    number: int
    """Number of its first commit; 0 stands for runs that said nothing of themselves."""
    started: datetime | None
    """UTC; `None` where the run did not say."""
    command: str
    """The subcommand, e.g. `extract`; empty for calls from Python."""
    version: str
    """Of Vifex; empty where the run did not say."""
    media: dict[str, int]
    """Media that it entered, by status: `ok`, `partial`, `skipped`, `failed`."""
    deleted: int
    """Media that it deleted."""
    rows: int
    """Rows of the media that it entered."""
    seconds: float | None = None
    """From its start to its last commit; `None` where the ledger does not say, as in older stores."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `started` in ISO 8601."""
        return {**asdict(self), "started": None if self.started is None else self.started.isoformat()}


@checked("store")
def history(
    store: str | os.PathLike[str], *, view: str | None = None, at: str | None = None
) -> tuple[StoreRun, ...]:
    """Return the runs that changed a store, view by view, the oldest first.

    Media that a later run entered again count for both runs.

    Args:
        store: The store.
        view: Only of this view; by default of all.
        at: Name of a tag: only the runs up to it.

    Raises:
        StoreError: If there is no such store, view or tag.
    """
    with open_store(store, at=at) as opened:
        views = opened.views() if view is None else [view]
        return tuple(run for name in views for run in _runs(opened.view(name)))


def _runs(view: View) -> list[StoreRun]:
    texts = view.runs()
    media: dict[int, Counter[str]] = {}
    rows: Counter[int] = Counter()
    deleted: Counter[int] = Counter()
    for batch in view.ledger_batches(["run", "kind", "status", "rows"], history=True):
        for run, kind, status, count in zip(*(c.to_pylist() for c in batch.columns), strict=True):
            if kind == "medium":
                media.setdefault(run, Counter())[status] += 1
                rows[run] += count
            elif kind == "deleted":
                deleted[run] += 1
    ended = _last_commits(view)
    found = []
    for number in sorted({*media, *deleted, *texts}):
        facts = read_facts(texts.get(number, ""))
        started = facts.get("started_unix_s")
        ended_s = ended.get(number)
        seconds = None if started is None or ended_s is None else round(max(0.0, ended_s - started), 3)
        found.append(
            StoreRun(
                view=view.name,
                number=number,
                started=None if started is None else datetime.fromtimestamp(started, UTC),
                command=" ".join(map(str, facts.get("command", []))),
                version=str(facts.get("versions", {}).get("vifex", "")),
                media=dict(sorted(media.get(number, {}).items())),
                deleted=deleted[number],
                rows=rows[number],
                seconds=seconds,
            )
        )
    return found


def _last_commits(view: View) -> dict[int, float]:
    """Return for each run when its last commit was made, in seconds since 1970."""
    times: dict[int, float] = {}
    for batch in view.ledger_batches(["run", "reason"], "kind = 'time'", history=True):
        for run, reason in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            times[run] = max(times.get(run, 0.0), float(read_facts(reason).get("unix_s", 0.0)))
    return times
