"""`vifex.extract_again`: the stored sources and choices of a store, and what is new among them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

from vifex.api.arguments import checked
from vifex.api.extracting import extract, listed_sources
from vifex.api.notices import tell
from vifex.api.views import ViewOptions
from vifex.extraction.progress import Progress
from vifex.store import View, open_store
from vifex.values import InputError, Limits, Outcome
from vifex.values.reports import Report

__all__ = ["extract_again"]

_COUNTS: Final = (
    "media",
    "ok",
    "partial",
    "skipped",
    "failed",
    "already_done",
    "already_failed",
    "moved",
    "rows",
    "seconds",
    "busy_s",
)
_IN_PATTERNS: Final = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the runs that filled a view were given."""

    sources: tuple[str, ...]
    shard: str | None
    choices: dict[str, Any]
    limits: dict[str, Any] | None


@checked("store", "sources")
def extract_again(
    store: str | os.PathLike[str],
    sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    *,
    view: str | None = None,
    workers: int | None = None,
    cores: int | None = None,
    memory: int | None = None,
    shards: int | None = None,
    on: str | None = None,
    retry_failed: bool = False,
    progress: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> Report:
    """Extract the sources of a store again by its own choices: what is new or changed is taken in.

    The ledger keeps the sources and the choices of each run of `vifex.extract`. All sources that ever filled
    a view are read, with the choices of its newest run. Views that were made from the same sources are
    filled from one decoding.

    Args:
        store: The store.
        sources: Read in place of the stored ones, by the stored choices.
        view: Only this view; by default all that `vifex.extract` filled.
        workers: Decoder processes, as for `vifex.extract`.
        cores: CPU cores to use.
        memory: Bytes of memory for all processes together.
        shards: Processes that each have decoders and the networks on one device.
        on: Where shards run, as for `vifex.extract`.
        retry_failed: Try media again that failed in an earlier run.
        progress: Show on standard error how far the run is.
        on_progress: Called a few times a second.
        on_outcome: Called for each medium that did not end `ok`, or has a note.
        on_notice: Called with what a user must know; by default it is a `UserWarning`.

    Returns:
        Counts and problems; of several runs, one for each list of sources, their sums.

    Raises:
        InputError: If the store does not say from which sources or by which choices it was filled, as those
            of older versions of Vifex, or a choice was a network in memory.
        StoreError: If there is no such store or view.
        VifexError: If the run cannot be done at all.
    """
    groups = _groups(store, view, None if sources is None else listed_sources(sources), on_notice)
    reports = [
        extract(
            list(given),
            store,
            views={name: cast(ViewOptions, stored.choices) for name, stored in views.items()},
            shard=shard,
            limits=None if limits is None else Limits(**json.loads(limits)),
            workers=workers,
            cores=cores,
            memory=memory,
            shards=shards,
            on=on,
            retry_failed=retry_failed,
            progress=progress,
            on_progress=on_progress,
            on_outcome=on_outcome,
            on_notice=on_notice,
        )
        for (given, shard, limits), views in groups.items()
    ]
    return reports[0] if len(reports) == 1 else _sum(reports)


_Key = tuple[tuple[str | os.PathLike[str], ...], str | None, str | None]


def _groups(
    store: str | os.PathLike[str],
    view: str | None,
    sources: list[str | os.PathLike[str]] | None,
    on_notice: Callable[[str], None] | None,
) -> dict[_Key, dict[str, _Stored]]:
    """Return views that are filled from one decoding, by sources, shard and limits."""
    with open_store(store) as opened:
        names = opened.views() if view is None else [view]
        found = {
            name: _stored(opened.view(name)) for name in names if not opened.view(name).recipe.is_derived
        }
    known = {name: stored for name, stored in found.items() if stored is not None}
    missing = [name for name in found if name not in known]
    if not known:
        raise InputError(
            "the store does not say from which sources and by which choices it was filled: an older Vifex "
            "did it, or another command than extract.",
            of=os.fspath(store),
            todo="Extract once with sources and choices; from then on the store keeps them.",
        )
    for name in missing:
        tell(f"It is not known how the view {name!r} was filled; it is left out.", on_notice)
    groups: dict[_Key, dict[str, _Stored]] = {}
    for name, stored in known.items():
        _refuse_memory(name, stored)
        given = tuple(sources) if sources is not None else _there(name, stored, on_notice)
        limits = None if stored.limits is None else json.dumps(stored.limits, sort_keys=True)
        groups.setdefault((given, stored.shard, limits), {})[name] = stored
    return groups


def _stored(view: View) -> _Stored | None:
    """Return what the runs that filled a view were given; `None` where none said it."""
    sources: dict[str, None] = {}
    newest: dict[str, Any] | None = None
    for text in view.runs().values():
        try:
            said = json.loads(text).get("extracted", {})
        except (ValueError, AttributeError):
            continue
        if view.name in said.get("views", {}):
            sources |= dict.fromkeys(said["sources"])
            newest = said
    if newest is None:
        return None
    return _Stored(tuple(sources), newest["shard"], newest["views"][view.name], newest["limits"])


def _refuse_memory(name: str, stored: _Stored) -> None:
    if stored.choices.get("model", "") is None:
        raise InputError(
            f"the view {name!r} was filled by a network in memory, which a store cannot keep.",
            option="again",
            todo="Call vifex.extract with the network, or name other views.",
        )


def _there(name: str, stored: _Stored, on_notice: Callable[[str], None] | None) -> tuple[str, ...]:
    """Return the stored sources that can be read again."""
    kept = []
    for source in stored.sources:
        if source == "-":
            tell("One source was a list on standard input, which is not kept; it is left out.", on_notice)
        elif "://" not in source and not _IN_PATTERNS & set(source) and not Path(source).exists():
            tell(f"The source {source} is gone; it is left out. Its media stay until vifex prune.", on_notice)
        else:
            kept.append(source)
    if not kept:
        raise InputError(
            f"none of the sources of the view {name!r} is there any more.",
            todo=f"Name new ones. The first was {stored.sources[0]}.",
        )
    return tuple(kept)


def _sum(reports: Sequence[Report]) -> Report:
    counts = {name: sum(getattr(report, name) for report in reports) for name in _COUNTS}
    precision: Mapping[str, str] = {k: v for report in reports for k, v in report.precision.items()}
    return replace(
        reports[0],
        views=tuple(name for report in reports for name in report.views),
        problems=tuple(problem for report in reports for problem in report.problems)[:1000],
        precision=dict(precision),
        notices=tuple(dict.fromkeys(text for report in reports for text in report.notices)),
        **counts,
    )
