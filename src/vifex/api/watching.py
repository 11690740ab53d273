"""`vifex.watch`: what arrives in folders or buckets to a store, until stopped."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Generator, Sequence
from typing import Unpack

from vifex.api.arguments import checked
from vifex.api.extracting import listed_sources, measure_indexes
from vifex.api.notices import tell
from vifex.api.progress import shown_progress
from vifex.api.views import RunOptions, plan_run
from vifex.extraction.progress import Progress
from vifex.extraction.watching.watch import watch_views
from vifex.media.places import is_remote
from vifex.media.remote.addresses import address_of, public
from vifex.values import InputError, Outcome
from vifex.values.watch_batches import WatchBatch

__all__ = ["watch"]


@checked("folders")
def watch(
    folders: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    store: str | os.PathLike[str],
    *,
    settle_s: float = 2.0,
    poll_s: float | None = None,
    stop: Callable[[], bool] | None = None,
    progress: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
    **options: Unpack[RunOptions],
) -> Generator[WatchBatch, None, None]:
    """Extract what is in folders and what arrives there, and yield each batch once it is committed.

    A file is read when it is whole: its size and its time of change stayed the same for `settle_s`, and no
    process writes to it as far as the system says. Hidden files and those with names of unfinished ones
    (`.tmp`, `.part`) are passed over. A file that changes later is computed again. Files that are deleted are
    named and keep their rows until `vifex.prune`. Networks and decoder processes stay between batches. The
    store is closed while nothing arrives, so that other calls can write to it.

    Addresses such as `s3://bucket/folder/` are listed every `poll_s` seconds. An object is taken when its
    size or its entity tag is another one than before.

    The rows are those of `vifex.extract`, and the same call or `vifex.extract` goes on after any end.

    Args:
        folders: Folders, with all that is below them; or addresses of buckets and other servers that can be
            listed (extra `remote`).
        store: The store's folder, e.g. `lib.vifex`; made if absent.
        settle_s: Seconds for which a file must stay the same before it is read.
        poll_s: List the folders every so many seconds. By default the system tells of changes, by watchdog
            of the extra `watch`; network file systems do not tell of those of other machines. Addresses are
            listed every 60 s by default.
        stop: Called several times a second, e.g. `threading.Event().is_set`; once it returns true, the media
            at work are finished and the generator ends.
        progress: Show on standard error how far a batch is.
        on_progress: Called a few times a second while a batch runs.
        on_outcome: Called for each medium that did not end `ok`, or has a note.
        on_notice: Called with what a user must know of a model or a folder, e.g. that it vanished; by default
            it is a `UserWarning`.
        **options: As for `vifex.extract`: `model`, `view`, `views`, `workers`, `cores`, `memory`, `limits`,
            `shards`, and the choices for every view that does not choose by itself.

    Yields:
        What was there at the start, then each batch of arrivals. Close the generator, or let `stop` return
        true, so that the decoder processes end.

    Raises:
        VifexError: If a choice is wrong, a folder is not there at the start, or the store cannot be written.
        MissingExtraError: If watchdog is not installed and `poll_s` is not given.
    """
    for option, value, least in (("settle_s", settle_s, 0.0), ("poll_s", poll_s, 0.1)):
        if value is not None and not (math.isfinite(value) and value >= least):
            raise InputError(f"is {value:g}.", option=option, todo=f"Give {least:g} or more seconds.")
    listed = [_place(os.fspath(folder)) for folder in listed_sources(folders)]
    if not listed:
        raise InputError("no folder was given.", todo="Name a folder.")
    plans, use = plan_run(options, on_notice)
    batches = watch_views(
        list(dict.fromkeys(listed)),
        store,
        plans,
        settle_s=settle_s,
        poll_s=poll_s,
        stop=stop or (lambda: False),
        showing=lambda: shown_progress(progress),
        on_progress=on_progress,
        on_outcome=on_outcome,
        on_notice=lambda notice: tell(notice, on_notice),
        **use,
    )
    return _then_measure_indexes(batches, store, on_notice)


def _place(folder: str) -> str:
    """Return the path of a folder, or the address of one on a server.

    Raises:
        InputError: If it cannot be an address.
    """
    if not is_remote(folder) or os.path.lexists(folder):
        return os.path.abspath(folder)  # noqa: PTH100
    try:
        access = address_of(folder).access
    except ValueError as exc:
        raise InputError(f"this is not an address: {exc}.", of=public(folder)) from exc
    return access if access.endswith("/") else f"{access}/"


def _then_measure_indexes(
    batches: Generator[WatchBatch, None, None],
    store: str | os.PathLike[str],
    on_notice: Callable[[str], None] | None,
) -> Generator[WatchBatch, None, None]:
    with contextlib.closing(batches):
        yield from batches
    measure_indexes(store, on_notice)
