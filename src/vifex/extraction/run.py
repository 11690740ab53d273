"""One command's work: sources and models in, a filled store and a report out."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO, Final, Unpack

from vifex.engines.precision import is_int8
from vifex.engines.scratch import scratch_folder
from vifex.extraction.calibration.calibrate import lacks_graph, settle_int8
from vifex.extraction.counting import Counter
from vifex.extraction.listing import Listing
from vifex.extraction.opening import facts_of_run, join_cluster, open_pipeline, share_out, view_writer
from vifex.extraction.planning.budget import MachineUse
from vifex.extraction.planning.shards import Shard
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.extraction.processes.listing import find_apart
from vifex.extraction.progress import Progress
from vifex.media.sources import find
from vifex.store import open_writer
from vifex.values import Medium, Outcome
from vifex.values.reports import Interrupted, Report, Tally
from vifex.values.steps import step

__all__ = ["report_of", "run_views"]

_WINDOW: Final = 32_768
"""Media that may wait for a decoder: among so many, videos and media of other disks are found in time."""


def run_views(
    sources: Sequence[str | os.PathLike[str]],
    store: str | os.PathLike[str],
    plans: Sequence[ViewPlan],
    *,
    shard: Shard | None = None,
    on: str | None = None,
    said: Mapping[str, object] | None = None,
    retry_failed: bool = False,
    stdin: BinaryIO | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
    **use: Unpack[MachineUse],
) -> Report:
    """Fill views of a store from sources; the same call again resumes.

    Args:
        sources: Files, folders, globs, manifests, `-` for a list on `stdin`.
        store: The store's folder; made if it is absent.
        plans: A plan for each view.
        shard: The part of the media that this run takes; by default all.
        on: The cluster whose machines run the shards: `ray`, or `ray://HEAD:PORT`. There `cores`, `workers`
            and `memory_bytes` are of each shard.
        said: What the run was given, as JSON can hold it; the ledger keeps it among the facts of the run.
        retry_failed: Try media again that failed in an earlier run.
        stdin: Where `-` reads from.
        on_progress: Called a few times a second.
        on_outcome: Called for each medium that did not end `ok`, or has a note.
        on_notice: Called with what a user must know of a view or a source; by default it is a `UserWarning`.
        **use: What the run may use of the machine.

    Raises:
        VifexError: If nothing was found, the store is another recipe's, the disk is full.
        Interrupted: At an interrupt, when what was finished is committed.
    """
    began_s = time.monotonic()
    shares = share_out(store, plans, on=on, **use)
    # To learn the ranges of int8 the media are found twice: what can be read only once is kept.
    heard = _heard(stdin) if "-" in sources and any(lacks_graph(p, store) for p in plans) else None

    notices: dict[str, None] = {}

    def notify(notice: str) -> None:
        if notice not in notices:  # the media may be found twice
            notices[notice] = None
            (on_notice or _warn)(notice)

    def find_media(on_notice: Callable[[str], None] = notify) -> Iterator[Medium | Outcome]:
        if on is not None and "-" not in sources:
            # What many machines do in a second keeps one interpreter busy without the listing.
            return find_apart([os.fsdecode(source) for source in sources], shard, on_notice)
        found = find(sources, stdin=stdin if heard is None else io.BytesIO(heard), on_notice=on_notice)
        return found if shard is None else shard.filtered(found)

    with contextlib.ExitStack() as stack:
        listing = Listing(find_media, notify, ahead="-" not in sources or heard is not None)
        stack.callback(listing.close)
        # Sources that lead nowhere end the run before a store is made or a network compiled.
        listing.prime()
        counter = None
        if on_progress is not None and ("-" not in sources or heard is not None):
            counter = Counter(lambda: find_media(_outbox))  # the run itself says what is to be said
            counter.start()
            stack.callback(counter.close)
        if any(is_int8(p.recipe.precision) for p in plans):
            plans = settle_int8(
                plans,
                store,
                find_media,
                stack.enter_context(scratch_folder()),
                workers=shares.whole.workers,
                limits=shares.whole.limits,
                on_notice=notify,
            )
        shares = join_cluster(stack, shares, plans, use.get("shards"))
        step(f"opening the store {os.fspath(store)}")
        writer = stack.enter_context(open_writer(store, run=facts_of_run(plans, shares, said), anywhere=True))
        pipeline = open_pipeline(
            stack,
            [view_writer(writer, plan) for plan in plans],
            plans,
            shares,
            window=_WINDOW,
            retry_failed=retry_failed,
            counter=counter,
            on_progress=on_progress,
            on_outcome=on_outcome,
            on_notice=notify,
        )
        step("")
        try:
            tally = pipeline.run(listing)
        except KeyboardInterrupt as exc:
            if not pipeline.is_committed:
                raise
            done = pipeline.tally
            media_done = done.finished - done.already_done
            raise Interrupted(os.fspath(store), media_done, done.rows, pipeline.unfinished) from exc
    report = report_of(store, plans, tally, time.monotonic() - began_s)
    return replace(report, notices=tuple(notices))


def _heard(stdin: BinaryIO | None) -> bytes:
    return (sys.stdin.buffer if stdin is None else stdin).read()


def _outbox(notice: str) -> None:
    pass


def _warn(notice: str) -> None:
    warnings.warn(notice, UserWarning, stacklevel=4)


def report_of(
    store: str | os.PathLike[str], plans: Sequence[ViewPlan], tally: Tally, seconds: float
) -> Report:
    """Return the report of what a pipeline did."""
    return Report(
        store=os.fspath(store),
        views=tuple(p.name for p in plans),
        media=tally.media,
        ok=tally.by_status["ok"],
        partial=tally.by_status["partial"],
        skipped=tally.by_status["skipped"],
        failed=tally.by_status["failed"],
        already_done=tally.already_done,
        already_failed=tally.already_failed,
        moved=tally.moved,
        copied=tally.copied,
        rows=tally.rows,
        seconds=round(seconds, 3),
        busy_s=round(tally.busy_s, 3),
        problems=tuple(tally.problems),
        precision={p.name: p.recipe.precision for p in plans},
    )
