"""The run that goes on: what arrives is extracted in batches, with one engine and one pipeline.

A batch is a run of the pipeline over media that end. Decoder processes and compiled networks stay for the
next one. The store is closed while nothing arrives, so that other commands can change it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Generator, Sequence
from datetime import UTC, datetime
from typing import Final, Unpack

from vifex.engines.precision import is_int8
from vifex.engines.scratch import scratch_folder
from vifex.extraction.calibration.calibrate import settle_int8
from vifex.extraction.opening import Shares, facts_of_run, open_pipeline, share_out, view_writer
from vifex.extraction.planning.budget import MachineUse
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.extraction.progress import Progress
from vifex.extraction.renames import Renames
from vifex.extraction.watching.watched_addresses import POLL_S, WatchedAddresses
from vifex.extraction.watching.watched_media import WatchedMedia
from vifex.media.places import is_remote
from vifex.store import StoreWriter, open_writer
from vifex.values import InputError, Outcome
from vifex.values.errors import StoreInUseError
from vifex.values.reports import Tally
from vifex.values.steps import step
from vifex.values.watch_batches import WatchBatch

__all__ = ["watch_views"]

Watched = WatchedMedia | WatchedAddresses
Showing = Callable[[], contextlib.AbstractContextManager[Callable[[Progress], None] | None]]

_KEPT_OPEN_S: Final = 5.0
"""Seconds without a batch after which the store is closed."""


def watch_views(
    folders: Sequence[str],
    store: str | os.PathLike[str],
    plans: Sequence[ViewPlan],
    *,
    settle_s: float,
    poll_s: float | None,
    stop: Callable[[], bool],
    showing: Showing = contextlib.nullcontext,
    on_progress: Callable[[Progress], None] | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None],
    **use: Unpack[MachineUse],
) -> Generator[WatchBatch, None, None]:
    """Fill views of a store with what is in folders and with what arrives there, until stopped.

    Args:
        folders: Absolute paths of folders, or addresses as they are read, with `/` at their ends.
        store: The store's folder; made if it is absent.
        plans: A plan for each view.
        settle_s: Seconds for which a file must stay the same before it is read.
        poll_s: Seconds between two listings of the folders; `None` takes notifications of the system, and
            for addresses a minute.
        stop: Says whether to end: media at work are finished, nothing else is begun.
        showing: Shows the progress of a batch as long as it is entered; gives what takes the progress.
        on_progress: Called a few times a second while a batch runs.
        on_outcome: Called for each medium that did not end `ok`, or has a note.
        on_notice: Called with what a user must know.
        **use: What the run may use of the machine.

    Yields:
        Each batch once it is committed, and what was deleted in between. The first one tells of what was
        there at the start.

    Raises:
        VifexError: If a folder is not there at the start, the store is another recipe's, the disk is full.
    """
    shares = share_out(store, plans, **use)
    are_remote = _are_remote(folders)
    for folder in () if are_remote else folders:
        _check_folder(folder)
    with contextlib.ExitStack() as stack:
        # From here on nothing that changes is missed.
        watched: Watched
        if are_remote:
            every_s = POLL_S if poll_s is None else poll_s
            watched = WatchedAddresses(folders, poll_s=every_s, on_notice=on_notice, stop=stop)
        else:
            watched = WatchedMedia(folders, settle_s=settle_s, poll_s=poll_s, on_notice=on_notice, stop=stop)
        stack.callback(watched.close)
        if any(is_int8(p.recipe.precision) for p in plans):
            plans = settle_int8(
                plans,
                store,
                watched.everything,
                stack.enter_context(scratch_folder()),
                workers=shares.whole.workers,
                limits=shares.whole.limits,
                on_notice=on_notice,
            )
        run = _Run(
            stack,
            store,
            plans,
            shares,
            showing=showing,
            on_progress=on_progress,
            on_outcome=on_outcome,
            on_notice=on_notice,
        )
        yield run.batch(watched)
        while not stop():
            if watched.look():
                may_be_renamed, retry_failed = watched.take_has_gone(), watched.retries_failed
                if run.opens(stop, may_be_renamed=may_be_renamed, retry_failed=retry_failed):
                    yield run.batch(watched)
                continue
            if removed := watched.take_removed():
                yield _batch(Tally(), 0.0, removed)
            run.rest()


class _Run:
    """The pipeline, and the store as long as it is open.

    Args:
        stack: Closes everything.
        store: The store's folder.
        plans: A plan for each view.
        shares: What the run uses of the machine.
        showing: Shows the progress of a batch.
        on_progress: Called a few times a second while a batch runs.
        on_outcome: Called for each medium that did not end `ok`, or has a note.
        on_notice: Called with what a user must know.
    """

    def __init__(
        self,
        stack: contextlib.ExitStack,
        store: str | os.PathLike[str],
        plans: Sequence[ViewPlan],
        shares: Shares,
        *,
        showing: Showing,
        on_progress: Callable[[Progress], None] | None,
        on_outcome: Callable[[Outcome], None] | None,
        on_notice: Callable[[str], None],
    ) -> None:
        self._store, self._plans, self._on_notice = store, plans, on_notice
        self._showing, self._on_progress = showing, on_progress
        self._show: Callable[[Progress], None] | None = None
        self._facts = facts_of_run(plans, shares)
        self._tells_of_waiting = True
        self._may_be_renamed = False
        self._used_s = time.monotonic()
        step(f"opening the store {os.fspath(store)}")
        self._writer: StoreWriter | None = open_writer(store, run=self._facts)
        stack.callback(self._close)
        self._views = [view_writer(self._writer, plan) for plan in plans]
        # Without a window: all media that decoders have are finished before the end.
        self._pipeline = open_pipeline(
            stack,
            self._views,
            plans,
            shares,
            window=0,
            retry_failed=False,
            counter=None,
            on_progress=self._tell,
            on_outcome=on_outcome,
            on_notice=on_notice,
        )
        stack.callback(self._pipeline.close)
        step("")

    def opens(self, stop: Callable[[], bool], *, may_be_renamed: bool, retry_failed: bool) -> bool:
        """Open the store where it is closed, and count anew; returns whether that was possible by now.

        Args:
            stop: Says whether to end.
            may_be_renamed: Whether files may have left their places since the last batch.
            retry_failed: Whether media that failed are tried again in the next batch.
        """
        self._may_be_renamed = self._may_be_renamed or may_be_renamed
        if self._writer is None:
            try:
                self._writer = open_writer(self._store, run=self._facts)
                self._views = [view_writer(self._writer, plan) for plan in self._plans]
            except StoreInUseError as exc:
                if self._tells_of_waiting:
                    self._on_notice(f"{exc.what} The watch waits for it.")
                self._tells_of_waiting = False
                self._pipeline.rest()
                return False
            self._may_be_renamed = True
        if self._may_be_renamed:
            # What is known of contents is read again: what was committed since may be renamed now.
            recipes = [plan.recipe for plan in self._plans]
            self._pipeline.write_to(self._views, Renames(list(zip(recipes, self._views, strict=True))))
        self._may_be_renamed = False
        self._pipeline.begin_again(retry_failed=retry_failed)
        self._tells_of_waiting = True
        return not stop()

    def batch(self, watched: Watched) -> WatchBatch:
        """Extract a batch and commit it."""
        began_s = time.monotonic()
        watched.begin_batch()
        with self._showing() as self._show:
            step("")
            tally = self._pipeline.work(watched)
        self._show = None
        watched.end_batch()
        self._used_s = time.monotonic()
        return _batch(tally, self._used_s - began_s, watched.take_removed())

    def rest(self) -> None:
        """Wait for a tenth of a second, and close the store if nothing has come for a while."""
        if self._writer is not None and time.monotonic() - self._used_s > _KEPT_OPEN_S:
            self._close()
        self._pipeline.rest()

    def _tell(self, progress: Progress) -> None:
        for call in (self._show, self._on_progress):
            if call is not None:
                call(progress)

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()


def _are_remote(folders: Sequence[str]) -> bool:
    """Return whether addresses are watched.

    Raises:
        InputError: If there are folders among them.
    """
    remote = [is_remote(folder) for folder in folders]
    if any(remote) and not all(remote):
        raise InputError(
            "folders of this machine and addresses are watched in different ways.",
            of=folders[remote.index(False)],
            todo="Run a watch for each, with stores of their own, or one after the other.",
        )
    return any(remote)


def _check_folder(folder: str) -> None:
    if not os.path.isdir(folder):  # noqa: PTH112 - names of any bytes
        is_there = os.path.exists(folder)  # noqa: PTH110
        raise InputError(
            "only folders are watched, and this is a file." if is_there else "there is no such folder.",
            of=folder,
            todo="`vifex extract` reads files and lists." if is_there else "Check the path.",
        )


def _batch(tally: Tally, seconds: float, removed: tuple[str, ...]) -> WatchBatch:
    return WatchBatch(
        ended=datetime.now(UTC),
        media=tally.media,
        ok=tally.by_status["ok"],
        partial=tally.by_status["partial"],
        skipped=tally.by_status["skipped"],
        failed=tally.by_status["failed"],
        already_done=tally.already_done,
        moved=tally.moved,
        copied=tally.copied,
        rows=tally.rows,
        seconds=round(seconds, 3),
        removed=removed,
        problems=tuple(tally.problems),
    )
