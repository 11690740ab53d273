"""How long a run will take and how much disk it will fill, from probing a few of its media.

The probe is a run of its own: it extracts an even spread of the media into a store in a scratch folder, more
of them in each round, and measures the last round. Images count by number; videos and sound by their seconds,
of which a probe takes a part from the middle of the file.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from math import prod
from typing import BinaryIO, Final, Unpack

import numpy as np

from vifex.engines.precision import is_int8
from vifex.engines.scratch import scratch_folder
from vifex.extraction.planning.budget import MachineUse
from vifex.extraction.planning.shards import Shard
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.extraction.renames import ForeseenRenames, Renames
from vifex.extraction.run import run_views
from vifex.media.sources import find
from vifex.store import FinishedView, open_store
from vifex.values import InputError, Limits, Medium, Outcome, Span, StoreError, UnknownViewError
from vifex.values.reports import Estimate
from vifex.values.spread import Evenly

__all__ = ["PROBE_S", "estimate_run", "folder_bytes"]

PROBE_S: Final = 20.0
"""Seconds of probing at most, without loading and compiling the networks."""
_KEPT: Final = 512
"""Media of each kind from which the probe takes its own."""
_ROUNDS: Final[Mapping[bool, tuple[int, ...]]] = {False: (8, 64, 512), True: (2, 8, 32)}
"""Media of each round: images, and videos or sound."""
_FACTS_BYTES: Final = 200
"""Of a row without its vectors, as stores of many rows show."""
_PART_S: Final = 10.0
"""Seconds of a video or sound that are probed."""


@dataclass(slots=True)
class _Kind:
    """What is known of the media of one kind."""

    is_long: bool
    count: int = 0
    size_bytes: int = 0
    spread: Evenly[Medium] = field(default_factory=lambda: Evenly(_KEPT))

    def add(self, medium: Medium) -> None:
        self.count += 1
        self.size_bytes += medium.size_bytes
        if self.spread.wants():
            self.spread.add(medium)


@dataclass(frozen=True, slots=True)
class _Probe:
    """One round: what it took, for how many units (images, or seconds)."""

    units: float
    media: int
    busy_s: float
    startup_s: float
    rows: int
    bytes: int


def estimate_run(
    sources: Sequence[str | os.PathLike[str]],
    store: str | os.PathLike[str],
    plans: Sequence[ViewPlan],
    *,
    shard: Shard | None = None,
    stdin: BinaryIO | None = None,
    on_notice: Callable[[str], None] | None = None,
    probe_s: float = PROBE_S,
    **use: Unpack[MachineUse],
) -> Estimate:
    """Estimate what `run_views` with the same arguments will take; nothing is written into the store.

    Args:
        sources: As `run_views` takes them.
        store: Media that it holds in every view already are not counted.
        plans: A plan for each view.
        shard: The part of the media that the run takes.
        stdin: Where `-` reads from.
        on_notice: Called with what a user must know of a source.
        probe_s: Seconds of probing at most, without loading and compiling the networks.
        **use: What the run may use of the machine.

    Raises:
        VifexError: If nothing was found, or a view learns int8 from its media first.
    """
    for plan in plans:
        if is_int8(plan.recipe.precision):
            raise InputError(
                "int8 learns its ranges from the media before the run, which no short probe can.",
                of=plan.name,
                todo='Estimate with `precision="auto"`; int8 takes less time.',
            )
    found = find(sources, stdin=stdin, on_notice=on_notice)
    with _finished(store, plans) as finished:
        kinds, failed, done = _count(found if shard is None else shard.filtered(found), finished)
    began_s, present = time.monotonic(), [kind for kind in kinds if kind.count]
    parts = [
        _estimate_kind(kind, plans, began_s + probe_s * (i + 1) / len(present), use)
        for i, kind in enumerate(present)
    ]
    return Estimate(
        media=sum(k.count for k in kinds) + failed + done,
        already_done=done,
        images=kinds[0].count,
        videos_and_sounds=kinds[1].count,
        rows=sum(p.rows for p in parts),
        seconds=round(sum(p.seconds for p in parts) + max((p.startup_s for p in parts), default=0.0), 1),
        size_bytes=sum(p.rows_bytes for p in parts) + max((p.base_bytes for p in parts), default=0),
        probed_media=sum(p.probed for p in parts),
    )


def folder_bytes(folder: str | os.PathLike[str]) -> int:
    """Sum the sizes of all files below a folder; 0 if there is none."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118
    return total


@contextmanager
def _finished(
    store: str | os.PathLike[str], plans: Sequence[ViewPlan]
) -> Iterator[Callable[[Sequence[Medium]], set[str]]]:
    """Give what says, by their ids, which of some media a run would pass over in all views."""
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(open_store(store))
            views = [(plan.recipe.hash, FinishedView(opened.view(plan.name))) for plan in plans]
        except (StoreError, UnknownViewError):
            yield lambda media: set()  # no store, or no such view yet
        else:
            yield ForeseenRenames(views).done


def _count(
    found: Iterator[Medium | Outcome], finished: Callable[[Sequence[Medium]], set[str]]
) -> tuple[list[_Kind], int, int]:
    """Sort media by kind: images, then videos and sound; count what cannot be tried, and what is done."""
    kinds, failed, n_done = [_Kind(is_long=False), _Kind(is_long=True)], 0, 0
    while block := list(islice(found, Renames.at_once)):
        media = [one for one in block if isinstance(one, Medium)]
        done = finished(media)
        failed += len(block) - len(media)
        for medium in media:
            if medium.medium_id in done:
                n_done += 1
            else:
                kinds[medium.kind in ("video", "audio")].add(medium)
    return kinds, failed, n_done


@dataclass(frozen=True, slots=True)
class _Part:
    """The estimate for one kind."""

    seconds: float
    startup_s: float
    rows: int
    rows_bytes: int
    base_bytes: int
    """What a store takes however few its rows."""
    probed: int


def _estimate_kind(
    kind: _Kind,
    plans: Sequence[ViewPlan],
    until_s: float,
    use: MachineUse,
) -> _Part:
    """Probe in rounds that grow while the next one fits into the time, and scale the last one up."""
    limits = use.get("limits") or Limits()
    candidates = kind.spread.chosen()
    by_time = kind.is_long and not any(_is_per_medium(plan) for plan in plans)
    probes: list[_Probe] = []
    for size in _ROUNDS[kind.is_long]:
        last = probes[-1] if probes else None
        left_s = until_s - time.monotonic()
        if last is not None and (last.media >= len(candidates) or last.busy_s / last.media * size > left_s):
            break
        chosen = Evenly[Medium](size)
        for medium in candidates:
            if chosen.wants():
                chosen.add(medium)
        taken = [_part(m) if by_time else (m, 1.0) for m in chosen.chosen()]
        own = replace(limits, file_s=max(1.0, min(limits.file_s, left_s)))
        probes.append(_probe(taken, plans, {**use, "limits": own}))
    last = probes[-1]
    units = _total_seconds(kind, candidates) if by_time else float(kind.count)
    rows = round(last.rows * units / last.units)
    row_bytes = sum(_row_bytes(plan) for plan in plans) / len(plans)
    base_bytes = max(0, round(last.bytes - row_bytes * last.rows))
    seconds = max(0.0, last.busy_s + (units - last.units) * _rate(probes))
    return _Part(seconds, last.startup_s, rows, round(row_bytes * rows), base_bytes, last.media)


def _rate(probes: Sequence[_Probe]) -> float:
    """Estimate seconds per unit: what the last round took beyond the first, whose fixed costs are the same.

    Where the difference is too small to be told from noise, it is the mean of the last round.
    """
    first, last = probes[0], probes[-1]
    mean = last.busy_s / last.units
    if last.units < 4 * first.units:
        return mean
    beyond = (last.busy_s - first.busy_s) / (last.units - first.units)
    return beyond if beyond > mean / 4 else mean


def _row_bytes(plan: ViewPlan) -> int:
    """Bytes of one row: its vectors, and its identity and times."""
    sizes = (prod(spec.shape) * np.dtype(spec.dtype).itemsize for spec in plan.recipe.layers)
    return sum(sizes) + _FACTS_BYTES


def _is_per_medium(plan: ViewPlan) -> bool:
    """Whether a medium's cost does not follow its duration."""
    sampling = plan.recipe.sampling
    bounded = any(v is not None for v in (sampling.t_start_s, sampling.t_end_s, sampling.max_frames))
    return plan.recipe.audio is None and (sampling.sampler == "uniform" or bounded)


def _part(medium: Medium) -> tuple[Medium, float]:
    """Take some seconds from the middle of a medium, and say how many."""
    whole_s = _medium_s(medium)
    if medium.span is not None or whole_s <= 1.5 * _PART_S:
        return medium, whole_s
    start_s = round((whole_s - _PART_S) / 2, 3)
    return replace(medium, span=Span(start_s, start_s + _PART_S)), _PART_S


def _medium_s(medium: Medium) -> float:
    """Read how long a medium is, within its span; 1 s if its file does not say."""
    from vifex.media.decode.files.duration import duration_s  # imports PyAV, which a run's own process lacks

    whole_s = duration_s(medium) or 1.0
    span = medium.span or Span()
    return max(0.0, min(whole_s, span.t_end_s or whole_s) - (span.t_start_s or 0.0)) or 1.0


def _total_seconds(kind: _Kind, candidates: Sequence[Medium]) -> float:
    """Estimate the seconds of all media from the seconds per byte of a few."""
    some = candidates[:: max(1, len(candidates) // 32)]
    size = sum(m.size_bytes for m in some)
    seconds = sum(_medium_s(m) for m in some)
    return seconds * kind.size_bytes / size if size else seconds


def _probe(
    taken: Sequence[tuple[Medium, float]],
    plans: Sequence[ViewPlan],
    use: MachineUse,
) -> _Probe:
    with scratch_folder() as folder:
        manifest, store = folder / "probe.jsonl", folder / "probe.vifex"
        manifest.write_text("".join(f"{line}\n" for m, _ in taken for line in _lines(m)), encoding="utf-8")
        report = run_views([manifest], store, plans, on_notice=lambda notice: None, **use)
        return _Probe(
            units=sum(units for _, units in taken),
            media=len(taken),
            busy_s=report.busy_s,
            startup_s=max(0.0, report.seconds - report.busy_s),
            rows=report.rows,
            bytes=folder_bytes(store),
        )


def _lines(medium: Medium) -> Iterator[str]:
    """Write a medium as lines of a manifest, one for each of its boxes."""
    line: dict[str, object] = {"uri": medium.uri}
    if medium.span is not None:
        span = {"t_start_s": medium.span.t_start_s, "t_end_s": medium.span.t_end_s}
        line |= {name: value for name, value in span.items() if value is not None}
    own = {name: getattr(medium, name) for name in ("sample_fps", "sample_every", "max_frames")}
    line |= {name: value for name, value in own.items() if value is not None}
    for box in medium.boxes:
        sides = {"x0": box.x0, "y0": box.y0, "x1": box.x1, "y1": box.y1}
        moment = {"t_s": box.t_s, "frame": box.frame}
        yield json.dumps(line | sides | {name: value for name, value in moment.items() if value is not None})
    if medium.boxes:
        return
    times = [{"t_s": t} for t in medium.times_s]
    frames = [{"frame": number} for number in medium.frames]
    for stated in times or frames or [{}]:
        yield json.dumps(line | stated)
