"""What a run needs before its first medium: its share of the machine, and what fills its views."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from vifex.extraction.calibration.calibrate import graph_files
from vifex.extraction.counting import Counter
from vifex.extraction.pipeline.pipeline import Pipeline, RunningView
from vifex.extraction.planning.budget import Budget, Costs, MachineUse, plan_budget
from vifex.extraction.planning.portable import portable
from vifex.extraction.planning.shard_plan import ShardPlace, plan_places
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.extraction.progress import Progress
from vifex.extraction.renames import Renames
from vifex.store import Place, RowsPlace, StoreWriter, ViewWriter, place_of, row_schema
from vifex.store.files.inside import store_around
from vifex.values import InputError, Limits, Outcome
from vifex.values.run_facts import run_facts

if TYPE_CHECKING:  # a run without shards starts without them
    from vifex.extraction.shards.coordinator import ShardedPipeline
    from vifex.extraction.shards.protocol import ShardLink, ShardSetup

__all__ = ["Shares", "facts_of_run", "join_cluster", "open_pipeline", "share_out", "view_writer"]


OnProgress = Callable[[Progress], None] | None


@dataclass(frozen=True, slots=True)
class Shares:
    """What a run uses of the machine, or of the machines of a cluster."""

    whole: Budget
    """Of all processes of this machine together."""
    costs: Costs
    """As the user gave them."""
    places: tuple[ShardPlace, ...]
    """Of each shard. One place is this process, unless a cluster is used."""
    on: str | None = None
    """The cluster."""
    start: Callable[[ShardSetup], ShardLink] | None = None
    """Starts a shard on the cluster."""
    watched: Callable[[OnProgress], OnProgress] | None = None
    """Makes a function that shows progress to the cluster too."""

    @property
    def is_one_process(self) -> bool:
        """Whether this process decodes and computes."""
        return len(self.places) == 1 and self.start is None


def share_out(
    store: str | os.PathLike[str],
    plans: Sequence[ViewPlan],
    *,
    on: str | None = None,
    **use: Unpack[MachineUse],
) -> Shares:
    """Check the choices of a run and share the machine out.

    Args:
        store: The store's folder.
        plans: A plan for each view.
        on: A cluster; its machines are shared out by `join_cluster`.
        **use: What the run may use.

    Raises:
        VifexError: If a choice cannot be.
    """
    if len({p.name for p in plans}) < len(plans):
        raise InputError("two models would fill one view.", todo="Give models with different names.")
    _check_place(place_of(store))
    devices = use.get("devices", ())
    _check_costs(use.get("workers"), use.get("limits") or Limits())
    if on is not None and devices:
        raise InputError(
            "takes one kind of device on a cluster.",
            option="device",
            todo="Give cuda for a GPU for each shard.",
        )
    costs: Costs = {
        "cores": use.get("cores"),
        "memory_bytes": use.get("memory_bytes"),
        "workers": use.get("workers"),
        "limits": use.get("limits"),
    }
    places = [] if on is not None else plan_places(use.get("shards"), devices, plans, **costs)
    if len(places) != 1:
        for plan in plans:
            portable(plan)  # refuses what no other process can load, before the sources are read
    return Shares(plan_budget(**costs), costs, tuple(places), on)


def join_cluster(
    stack: contextlib.ExitStack, shares: Shares, plans: Sequence[ViewPlan], shards: int | None
) -> Shares:
    """Connect to the cluster of a run and share its machines out.

    Args:
        stack: Leaves the cluster.
        shares: From `share_out`; without a cluster they are returned as they are.
        plans: A plan for each view. Files of their networks go to the cluster.
        shards: How many; by default one for each machine, or each GPU.

    Raises:
        VifexError: If there is no such cluster, or it lacks what a shard needs.
    """
    if shares.on is None:
        return shares
    from vifex.extraction.cluster.connection import connected

    cluster = stack.enter_context(connected(shares.on))
    places = cluster.places(plans, shards, **shares.costs)
    starter = cluster.starter(plans)
    return replace(shares, places=tuple(places), start=starter, watched=cluster.watched)


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


def _check_place(store: Place) -> None:
    if not isinstance(store, Path):
        return
    try:
        around = store_around(store.resolve().parent)
    except (OSError, RuntimeError, ValueError):
        return  # opening the store reports what is wrong with its path
    if around is not None:
        todo = f"Choose a folder outside of {around} for the store."
        raise InputError("this lies inside a store.", of=str(store), todo=todo)


def open_pipeline(
    stack: contextlib.ExitStack,
    views: Sequence[ViewWriter],
    plans: Sequence[ViewPlan],
    shares: Shares,
    *,
    window: int,
    retry_failed: bool,
    counter: Counter | None,
    on_progress: Callable[[Progress], None] | None,
    on_outcome: Callable[[Outcome], None] | None,
    on_notice: Callable[[str], None],
) -> Pipeline | ShardedPipeline:
    """Make what fills views: this process, or shards.

    Args:
        stack: Closes the networks.
        views: Writers of the views.
        plans: A plan for each view.
        shares: What the run uses of the machine.
        window: Media that may wait for a decoder.
        retry_failed: Whether media that failed in an earlier run are tried again.
        counter: Counts the media ahead; the caller starts and closes it.
        on_progress: Called a few times a second.
        on_outcome: Called for each medium that did not end `ok`, or has a note.
        on_notice: Called with what a user must know.
    """
    recipes_and_views = [(plan.recipe, view) for plan, view in zip(plans, views, strict=True)]
    renames = Renames(recipes_and_views)
    if shares.is_one_process:
        budget = shares.places[0].budget
        return Pipeline(
            [_open_view(stack, view, plan, budget.cores) for plan, view in zip(plans, views, strict=True)],
            workers=budget.workers,
            slow_workers=budget.slow_workers,
            window=window,
            limits=budget.limits,
            retry_failed=retry_failed,
            counter=counter,
            on_progress=on_progress,
            on_outcome=on_outcome,
            renames=renames,
        )
    from vifex.extraction.shards.coordinator import ShardedPipeline
    from vifex.extraction.shards.pipes import ShardProcess

    # Between processes of one machine rows cost next to nothing; between machines they all pass one network.
    tables = tuple(view.place() for view in views) if shares.on is not None else ()
    return ShardedPipeline(
        recipes_and_views,
        [_shard_setup(plans, place, tables) for place in shares.places],
        retry_failed=retry_failed,
        counter=counter,
        on_progress=shares.watched(on_progress) if shares.watched is not None else on_progress,
        on_outcome=on_outcome,
        on_notice=on_notice,
        renames=renames,
        start=shares.start or ShardProcess,
        option="shards" if shares.on is None else "on",
        doubles=shares.on is not None,
    )


def view_writer(writer: StoreWriter, plan: ViewPlan) -> ViewWriter:
    """Open a plan's view to write."""
    files = graph_files(plan.model.file.parent) if plan.model.int8_sha256 else ()
    return writer.view(plan.name, plan.recipe, files=files)


def _shard_setup(plans: Sequence[ViewPlan], place: ShardPlace, tables: tuple[RowsPlace, ...]) -> ShardSetup:
    from vifex.extraction.shards.protocol import ShardSetup

    return ShardSetup(
        tuple(portable(plan, place.device) for plan in plans),
        workers=place.budget.workers,
        cores=place.budget.cores,
        limits=place.budget.limits,
        schemas=tuple(row_schema(plan.recipe) for plan in plans),
        import_paths=tuple(path for path in sys.path if path),
        gpus=place.gpus,
        tables=tables,
    )


def _open_view(stack: contextlib.ExitStack, view: ViewWriter, plan: ViewPlan, cores: int) -> RunningView:
    network = plan.engine.compile(
        plan.model, plan.layers, precision=plan.recipe.precision, batch=plan.network_batch, cores=cores
    )
    stack.callback(network.close)
    return RunningView(plan, network, view, row_schema(plan.recipe))


def facts_of_run(plans: Sequence[ViewPlan], shares: Shares, said: Mapping[str, object] | None = None) -> str:
    """Return the facts of this run for the ledger, with the words by which its models were loaded.

    Args:
        plans: Of the views.
        shares: What the run uses.
        said: What the run was given, as JSON can hold it.
    """
    names = ["numpy", "pillow", "av", "openvino", "pylance", "pyarrow"]
    names += ["cykooz-resizer"] if find_spec("cykooz_resizer") else []
    names += ["vifex-jpeg"] if find_spec("vifex_jpeg") else []
    # What makes networks that are code, as far as this run has loaded it.
    names += [n for n in ("torch", "torchvision", "timm", "transformers", "open_clip") if n in sys.modules]
    machine: dict[str, object] = {"cores": shares.whole.cores}
    devices = [place.device for place in shares.places]
    if shares.on is not None:
        machine["on"] = shares.on.partition(":")[0]
        machine["cores"] = sum(place.budget.cores for place in shares.places)
    if len(devices) > 1:
        machine["shards"] = devices if any(devices) else len(devices)
    return run_facts(
        names,
        machine=machine,
        models={p.name: p.ref.name for p in plans},
        weights={p.name: p.ref.weights for p in plans if p.ref.weights},
        cards={p.name: p.ref.card for p in plans if p.ref.card},
        engines={p.name: p.engine_choice for p in plans},
        **(said or {}),
    )
