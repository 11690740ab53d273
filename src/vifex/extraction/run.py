"""One command's work: sources and models in, a filled store and a report out."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from vifex.engines.precision import is_int8
from vifex.engines.scratch import scratch_folder
from vifex.extraction.calibration.calibrate import graph_files, lacks_graph, settle_int8
from vifex.extraction.counting import Counter
from vifex.extraction.listing import Listing
from vifex.extraction.pipeline.pipeline import Pipeline, RunningView
from vifex.extraction.planning.budget import Budget, plan_budget, share_budget
from vifex.extraction.planning.portable import portable
from vifex.extraction.planning.shard_plan import plan_shards
from vifex.extraction.planning.shards import Shard
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.extraction.progress import Progress
from vifex.extraction.renames import Renames
from vifex.media.sources import find
from vifex.store import StoreWriter, ViewWriter, open_writer, row_schema
from vifex.store.files.inside import store_around
from vifex.values import InputError, Limits, Medium, Outcome
from vifex.values.reports import Interrupted, Report, Tally
from vifex.values.run_facts import run_facts
from vifex.values.steps import step

if TYPE_CHECKING:  # a run without shards starts without them
    from vifex.extraction.shards.coordinator import ShardedPipeline
    from vifex.extraction.shards.protocol import ShardSetup

__all__ = ["run_views"]

_WINDOW: Final = 32_768
"""Media that may wait for a decoder: among so many, videos and media of other disks are found in time."""


def _check_costs(workers: int | None, limits: Limits) -> None:
    """Refuse what no run can keep to, NaN included, before each file fails of it."""
    if workers is not None and workers < 0:
        raise InputError(f"there cannot be {workers} decoder processes.", todo="Give 1 or more.")
    given = {
        "max_pixels": limits.max_pixels,
        "decoded_frames": limits.decoded_frames,
        "file_s": limits.file_s,
        "stall_s": limits.stall_s,
    }
    for option, value in given.items():
        if not value > 0:
            raise InputError(
                f"is {value:g}, so no file can pass.", option=option, todo="Give a number above 0."
            )
    if limits.memory_bytes < 0:
        raise InputError("is below 0.", option="memory_bytes", todo="Give a size, or 0 for no limit.")


def run_views(
    sources: Sequence[str | os.PathLike[str]],
    store: str | os.PathLike[str],
    plans: Sequence[ViewPlan],
    *,
    workers: int | None = None,
    cores: int | None = None,
    memory_bytes: int | None = None,
    limits: Limits | None = None,
    shard: Shard | None = None,
    shards: int | None = None,
    devices: Sequence[str] = (),
    retry_failed: bool = False,
    stdin: BinaryIO | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> Report:
    """Fill views of a store from sources; the same call again resumes.

    Args:
        sources: Files, folders, globs, manifests, `-` for a list on `stdin`.
        store: The store's folder; made if it is absent.
        plans: A plan for each view.
        workers: Decoder processes; by default one for each core, and fewer if the memory is short.
        cores: Cores to use; by default those that affinity and cgroup allow.
        memory_bytes: Memory of all processes together; by default the limit of the cgroup, if it has one.
        limits: What one file may cost.
        shard: The part of the media that this run takes; by default all.
        shards: Processes with decoders and networks; by default one for each device, or each GPU that is
            asked for.
        devices: Of the shards, in turn; by default those of the plans.
        retry_failed: Try media again that failed in an earlier run.
        stdin: Where `-` reads from.
        on_progress: Called a few times a second.
        on_outcome: Called for each medium that did not end `ok`, or has a note.
        on_notice: Called with what a user must know of a view or a source; by default it is a `UserWarning`.

    Raises:
        VifexError: If nothing was found, the store is another recipe's, the disk is full.
        Interrupted: At an interrupt, when what was finished is committed.
    """
    began_s = time.monotonic()
    if len({p.name for p in plans}) < len(plans):
        raise InputError("two models would fill one view.", todo="Give models with different names.")
    _check_place(Path(store))
    _check_costs(workers, limits or Limits())
    budget = plan_budget(cores=cores, memory_bytes=memory_bytes, workers=workers, limits=limits)
    places = plan_shards(shards, devices, plans)
    budgets = [budget]
    if len(places) > 1:
        budgets = share_budget(
            len(places), cores=cores, memory_bytes=memory_bytes, workers=workers, limits=limits
        )
        for plan in plans:
            portable(plan)  # refuses what no other process can load, before the sources are read
    # To learn the ranges of int8 the media are found twice: what can be read only once is kept.
    heard = _heard(stdin) if "-" in sources and any(lacks_graph(p, store) for p in plans) else None

    notices: dict[str, None] = {}

    def notify(notice: str) -> None:
        if notice not in notices:  # the media may be found twice
            notices[notice] = None
            (on_notice or _warn)(notice)

    def find_media(on_notice: Callable[[str], None] = notify) -> Iterator[Medium | Outcome]:
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
                workers=budget.workers,
                limits=budget.limits,
                on_notice=notify,
            )
        step(f"opening the store {os.fspath(store)}")
        facts = _run_facts(plans, budget.cores, places)
        writer = stack.enter_context(open_writer(store, run=facts))
        pipeline = _open_pipeline(
            stack,
            writer,
            plans,
            places,
            budgets,
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
    report = _report(store, plans, tally, time.monotonic() - began_s)
    return replace(report, notices=tuple(notices))


def _check_place(store: Path) -> None:
    try:
        around = store_around(store.resolve().parent)
    except (OSError, RuntimeError, ValueError):
        return  # opening the store reports what is wrong with its path
    if around is not None:
        todo = f"Choose a folder outside of {around} for the store."
        raise InputError("this lies inside a store.", of=str(store), todo=todo)


def _heard(stdin: BinaryIO | None) -> bytes:
    return (sys.stdin.buffer if stdin is None else stdin).read()


def _outbox(notice: str) -> None:
    pass


def _warn(notice: str) -> None:
    warnings.warn(notice, UserWarning, stacklevel=4)


def _open_pipeline(
    stack: contextlib.ExitStack,
    writer: StoreWriter,
    plans: Sequence[ViewPlan],
    places: Sequence[str | None],
    budgets: Sequence[Budget],
    *,
    retry_failed: bool,
    counter: Counter | None,
    on_progress: Callable[[Progress], None] | None,
    on_outcome: Callable[[Outcome], None] | None,
    on_notice: Callable[[str], None],
) -> Pipeline | ShardedPipeline:
    """Open the views, and make what fills them: this process, or shards at `places`."""
    views = [_view_writer(writer, plan) for plan in plans]
    recipes_and_views = [(plan.recipe, view) for plan, view in zip(plans, views, strict=True)]
    renames = Renames(recipes_and_views)
    if len(places) == 1:
        (budget,) = budgets
        return Pipeline(
            [_open_view(stack, view, plan, budget.cores) for plan, view in zip(plans, views, strict=True)],
            workers=budget.workers,
            slow_workers=budget.slow_workers,
            window=_WINDOW,
            limits=budget.limits,
            retry_failed=retry_failed,
            counter=counter,
            on_progress=on_progress,
            on_outcome=on_outcome,
            renames=renames,
        )
    from vifex.extraction.shards.coordinator import ShardedPipeline

    return ShardedPipeline(
        recipes_and_views,
        [_shard_setup(plans, place, budget) for place, budget in zip(places, budgets, strict=True)],
        retry_failed=retry_failed,
        counter=counter,
        on_progress=on_progress,
        on_outcome=on_outcome,
        on_notice=on_notice,
        renames=renames,
    )


def _view_writer(writer: StoreWriter, plan: ViewPlan) -> ViewWriter:
    files = graph_files(plan.model.file.parent) if plan.model.int8_sha256 else ()
    return writer.view(plan.name, plan.recipe, files=files)


def _shard_setup(plans: Sequence[ViewPlan], device: str | None, budget: Budget) -> ShardSetup:
    from vifex.extraction.shards.protocol import ShardSetup

    return ShardSetup(
        tuple(portable(plan, device) for plan in plans),
        workers=budget.workers,
        cores=budget.cores,
        limits=budget.limits,
        schemas=tuple(row_schema(plan.recipe) for plan in plans),
        import_paths=tuple(path for path in sys.path if path),
    )


def _open_view(stack: contextlib.ExitStack, view: ViewWriter, plan: ViewPlan, cores: int) -> RunningView:
    network = plan.engine.compile(
        plan.model, plan.layers, precision=plan.recipe.precision, batch=plan.network_batch, cores=cores
    )
    stack.callback(network.close)
    return RunningView(plan, network, view, row_schema(plan.recipe))


def _run_facts(plans: Sequence[ViewPlan], cores: int, shards: Sequence[str | None]) -> str:
    """Return the facts of this run for the ledger, with the words by which its models were loaded."""
    names = ["numpy", "pillow", "av", "openvino", "pylance", "pyarrow"]
    names += ["cykooz-resizer"] if find_spec("cykooz_resizer") else []
    names += ["vifex-jpeg"] if find_spec("vifex_jpeg") else []
    # What makes networks that are code, as far as this run has loaded it.
    names += [n for n in ("torch", "torchvision", "timm", "transformers", "open_clip") if n in sys.modules]
    machine: dict[str, object] = {"cores": cores}
    if len(shards) > 1:
        machine["shards"] = list(shards) if any(shards) else len(shards)
    return run_facts(
        names,
        machine=machine,
        models={p.name: p.ref.name for p in plans},
        weights={p.name: p.ref.weights for p in plans if p.ref.weights},
        cards={p.name: p.ref.card for p in plans if p.ref.card},
        engines={p.name: p.engine_choice for p in plans},
    )


def _report(store: str | os.PathLike[str], plans: Sequence[ViewPlan], tally: Tally, seconds: float) -> Report:
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
        rows=tally.rows,
        seconds=round(seconds, 3),
        busy_s=round(tally.busy_s, 3),
        problems=tuple(tally.problems),
        precision={p.name: p.recipe.precision for p in plans},
    )
