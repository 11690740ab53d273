"""int8 for a view: the graph that it has already, or one whose ranges are learned from its own media."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from vifex.engines import load_engine
from vifex.engines.int8.int8 import SUFFIXES, quantise, require_nncf, with_graph
from vifex.engines.precision import is_int8
from vifex.extraction.calibration.gather import choose_media, gather, sparse
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.store import stored_view
from vifex.values import InputError, Limits, Medium, Outcome
from vifex.values.spread import evenly
from vifex.values.steps import step

__all__ = ["GRAPH", "SAMPLES", "graph_files", "lacks_graph", "learn", "network_samples", "settle_int8"]

GRAPH: Final = "int8"
"""Name of a view's quantised graph, without its suffixes."""
SAMPLES: Final = 300
"""Inputs from which ranges are learned, at most: NNCF's own default."""

_FEW: Final = 50
_BYTES: Final = 256 << 20

Find = Callable[[], Iterator[Medium | Outcome]]


def lacks_graph(plan: ViewPlan, store: str | os.PathLike[str]) -> bool:
    """Return whether a view needs a quantised graph and its store has none yet."""
    return is_int8(plan.recipe.precision) and stored_view(store, plan.name) is None


def settle_int8(
    plans: Sequence[ViewPlan],
    store: str | os.PathLike[str],
    find_media: Find,
    folder: Path,
    *,
    workers: int,
    limits: Limits,
    on_notice: Callable[[str], None],
) -> list[ViewPlan]:
    """Give every view that computes in int8 its graph; other plans stay as they are.

    Args:
        plans: Of all views of a run.
        store: Their store; a view that is there keeps its graph.
        find_media: Finds the media; each call starts from the beginning.
        folder: Where new graphs are written.
        workers: Decoder processes.
        limits: What one file may cost.
        on_notice: Told if there were few samples.

    Raises:
        MissingExtraError: If a graph is to be made and NNCF is not installed.
        InputError: If no medium could be decoded.
        EngineError: If a stored graph is damaged, or NNCF cannot make one.
    """
    if any(lacks_graph(plan, store) for plan in plans):
        require_nncf()
    ready = []
    for number, plan in enumerate(plans):
        if lacks_graph(plan, store):
            folder_of_view = folder / str(number)
            folder_of_view.mkdir()
            plan = _learn_from_media(plan, find_media, folder_of_view, workers, limits, on_notice)
        elif is_int8(plan.recipe.precision):
            plan = _as_stored(plan, store)
        ready.append(plan)
    return ready


def _as_stored(plan: ViewPlan, store: str | os.PathLike[str]) -> ViewPlan:
    found = stored_view(store, plan.name)
    if found is None or found[0].graph_sha256 is None:
        return plan  # of another precision: the store refuses it, with the difference
    recipe, folder = found
    return _running(plan, graph_files(folder)[0], str(recipe.graph_sha256))


def _learn_from_media(
    plan: ViewPlan,
    find_media: Find,
    folder: Path,
    workers: int,
    limits: Limits,
    on_notice: Callable[[str], None],
) -> ViewPlan:
    most = _most(plan)
    step(f"learning the ranges of int8 of {plan.model.card.name} from the media")
    spread = choose_media(find_media(), most, start_s=plan.recipe.sampling.t_start_s)
    request = replace(plan.request, sampling=sparse(plan.recipe.sampling, spread.per_medium))
    gathered = gather(spread, [request], most=most, workers=workers, limits=limits)
    if gathered is None:
        raise InputError(
            "int8 learns its ranges from the media, and none of them could be decoded.",
            todo="Take another precision: the run then says what is wrong with each.",
        )
    samples = network_samples(plan, gathered.pixels[0], most)
    if len(samples) < _FEW:
        count = f"{len(samples)} samples" if len(samples) > 1 else "one sample"
        on_notice(
            f"{plan.model.card.name}: int8 learned its ranges from only {count} of the media, and the view "
            f"{plan.name!r} keeps them; {SAMPLES} are better."
        )
    return learn(plan, samples, folder, media=gathered.media)


def learn(
    plan: ViewPlan, samples: npt.NDArray[np.uint8], folder: Path, *, media: int | None = None
) -> ViewPlan:
    """Quantise a plan's network on samples, and return the plan that runs the graph.

    Args:
        plan: Its recipe's precision is int8, without a graph.
        samples: uint8 `[N, *input shape]`.
        folder: Where the graph is written.
        media: How many media they are of, for the run's record.
    """
    made = quantise(plan.model, plan.layers, samples, folder, name=GRAPH)
    facts = {"nncf": version("nncf"), "samples": len(samples), "media": media}
    plan = replace(plan, engine_choice={**plan.engine_choice, "int8": facts})
    return _running(plan, made.graph, made.sha256)


def _running(plan: ViewPlan, graph: Path, sha256: str) -> ViewPlan:
    """Let a plan run a quantised graph."""
    return replace(
        plan,
        model=with_graph(plan.model, graph, sha256),
        engine=load_engine("openvino"),
        recipe=replace(plan.recipe, graph_sha256=sha256),
    )


def graph_files(folder: Path) -> list[Path]:
    """Paths of the quantised graph in a view's folder, the one with its operations first."""
    return [folder / (GRAPH + suffix) for suffix in SUFFIXES]


def network_samples(plan: ViewPlan, pixels: npt.NDArray[np.uint8], most: int) -> npt.NDArray[np.uint8]:
    """Return what the network sees of samples: a window's frames one by one where it is one for images."""
    if plan.window_frames is None:
        return pixels
    frames = pixels.reshape(-1, *pixels.shape[2:])
    return frames[evenly(range(len(frames)), most)]


def _most(plan: ViewPlan) -> int:
    """How many samples fit into the memory that they may take."""
    pixels = plan.recipe.pixels
    size = pixels.height_px * pixels.width_px * 3 * (plan.recipe.sampling.frames_per_sample or 1)
    return max(16, min(SAMPLES, _BYTES // size))
