"""The page of what is in a store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from vifex.analysis.overview.overview import NameCount, Overview, ReasonGroup, RunRate, ViewFacts
from vifex.analysis.pages.answer_page import write_page
from vifex.evaluation.plots import Bars, Line, Plot
from vifex.evaluation.report.parts import notes_part, numbers_part, plots_part, section, table_part
from vifex.media.sources.kinds import by_name
from vifex.search.contact_sheet import hit_card
from vifex.search.hits import Hit
from vifex.values.media import member_of
from vifex.values.pages import html_text, jpeg_address

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["write_overview_page"]

Thumbnail = Callable[[str, Hit], "Image | None"]
"""Returns the image of a row of a view."""

_KINDS: Final = {"image": "images", "video": "videos", "audio": "sounds", "other": "others"}
_TODO: Final = {
    "failed": "They have no rows. Repair or replace the file and extract again: a file that has changed is "
    "tried again. `vifex rm` takes a medium out of the store.",
    "partial": "What could be decoded is stored. A whole copy of the file is extracted in its place.",
    "skipped": "They are not media, or have nothing for this view. Nothing need be done.",
    "ok": "All of it is stored; the note says how it was read.",
}
_TITLES: Final = {"failed": "Failed", "partial": "Partial", "skipped": "Skipped", "ok": "Notes"}
_RISKY: Final = ("decoder", "Decoding took", "Decoding made", "memory", "max_pixels")
"""Words of reasons of files that are not opened again: they may cost as much as before."""
_RUNS_SHOWN: Final = 24


def write_overview_page(
    path: str | os.PathLike[str],
    found: Overview,
    hits: Mapping[tuple[str, str], Hit],
    thumbnail: Thumbnail,
    *,
    overwrite: bool,
) -> None:
    """Write an overview with its images to one HTML file.

    Args:
        path: The file.
        found: What is in the store.
        hits: The rows of samples and problems, by view and key.
        thumbnail: Returns the image of a row.
        overwrite: Whether an existing file may be replaced.

    Raises:
        InputError: If the file cannot be written.
    """
    rows = _counted(sum(view.rows for view in found.views), "row", "rows")
    media = _counted(found.collection.media, "medium", "media")
    views = _counted(len(found.views), "view", "views")
    write_page(
        path,
        title="What is in the store",
        store=found.store,
        facts=f"{media}, {views}, {rows}, {_size(found.size_bytes)}",
        parts=_parts(found, hits, thumbnail),
        overwrite=overwrite,
    )


def _parts(found: Overview, hits: Mapping[tuple[str, str], Hit], thumbnail: Thumbnail) -> Iterator[str]:
    yield section("Collection", _collection(found))
    yield section(
        "Views", "".join(_view(view) for view in found.views) or notes_part(["There is no view yet."])
    )
    if found.samples:
        cards = [
            hit_card(
                hits[sample.view, sample.key],
                lambda hit, view=sample.view: thumbnail(view, hit),  # type: ignore[misc]
                rank=str(place),
                score="",
            )
            for place, sample in enumerate(found.samples, start=1)
            if (sample.view, sample.key) in hits
        ]
        yield section("Samples", _cards(cards))
    yield section("Runs", _runs(found.runs))
    for status in ("failed", "partial", "skipped"):
        yield from _groups(found, [g for g in found.problems if g.status == status], hits, thumbnail)
    yield from _groups(found, found.notes, hits, thumbnail)
    if found.left_out:
        more = _counted(found.left_out, "reason is", "reasons are")
        yield section("More", notes_part([f"{more} left out; `vifex show` can list every medium."]))


def _collection(found: Overview) -> str:
    collection = found.collection
    numbers = [
        (_KINDS[kind.kind], f"{kind.media:,}", _size(kind.size_bytes)) for kind in collection.kinds
    ] or [("media", "0", "")]
    if collection.covered_s:
        numbers.append(("video and sound", _duration(collection.covered_s), "covered by rows"))
    for status, below in (("failed", "without rows"), ("partial", "with some rows"), ("skipped", "no media")):
        media = _of_status(found, status)
        if media:
            numbers.append((status, f"{media:,}", below))
    body = numbers_part(numbers)
    if collection.labels:
        more = collection.different_labels - len(collection.labels)
        body += _names("label", collection.labels, collection.media)
        notes = [f"{_counted(more, 'more label', 'more labels')}."] if more > 0 else []
        if collection.unlabelled:
            notes.append(f"{_counted(collection.unlabelled, 'medium has', 'media have')} no label.")
        body += notes_part(notes) if notes else ""
    if collection.splits:
        body += _names("split", collection.splits, collection.media)
    return body


def _names(what: str, names: Sequence[NameCount], media: int) -> str:
    rows = [(one.name, f"{one.media:,}", f"{100 * one.media / max(media, 1):.1f} %") for one in names]
    return "<br>" + table_part((what, "media", "share"), rows, label=f"Media of each {what}")


def _view(view: ViewFacts) -> str:
    statuses = ", ".join(f"{n:,} {status}" for status, n in view.statuses.items()) or "no media yet"
    facts = [("model", view.model), ("media", statuses), ("rows", f"{view.rows:,}"), *view.choices]
    facts += [("layer", f"{layer}: {shape} {dtype}") for layer, shape, dtype in view.columns]
    terms = "".join(f"<dt>{html_text(name)}</dt><dd>{html_text(text)}</dd>" for name, text in facts)
    return f'<div class="panel view"><h3><bdi>{html_text(view.view)}</bdi></h3><dl>{terms}</dl></div>\n'


def _groups(
    found: Overview,
    groups: Sequence[ReasonGroup],
    hits: Mapping[tuple[str, str], Hit],
    thumbnail: Thumbnail,
) -> Iterator[str]:
    """Yield the section of a status, one medium's image after the other."""
    if not groups:
        return
    status = groups[0].status
    parts = [f'<p class="todo">{html_text(_TODO[status])}</p>\n']
    for group in groups:
        where = f" in the view {group.view}" if len(found.views) > 1 else ""
        heading = html_text(_counted(group.media, "medium", "media") + where)
        parts.append(
            f'<div class="panel group"><h3>{heading}</h3>\n'
            f'<p class="reason">{html_text(group.reason[:1].upper() + group.reason[1:])}</p>\n'
            f"{_examples(group, hits, thumbnail)}</div>\n"
        )
    heading = _TITLES[status]
    if status != "ok":
        heading += f": {_counted(_of_status(found, status), 'medium', 'media')}"
    yield section(heading, "".join(parts))


def _of_status(found: Overview, status: str) -> int:
    """Return how many media have a status in the view with the most of them."""
    return max((view.statuses.get(status, 0) for view in found.views), default=0)


def _examples(group: ReasonGroup, hits: Mapping[tuple[str, str], Hit], thumbnail: Thumbnail) -> str:
    """Return the images of some media of a group, and the names of those without one."""
    cards, names = [], []
    for name, uri, medium_id, rows in group.examples:
        hit = hits.get((group.view, f"{medium_id}:0")) if rows else None
        image = thumbnail(group.view, hit) if hit is not None else _opened(group, name, uri, thumbnail)
        if image is None:
            names.append(f'<li class="chip"><bdi>{html_text(name)}</bdi></li>')
        elif hit is not None:
            cards.append(hit_card(hit, lambda one, image=image: image, rank=group.status, score=""))  # type: ignore[misc]
        else:
            cards.append(
                f'<li class="hit"><div class="image"><img src="{jpeg_address(image)}" alt="">'
                f'<span class="rank">{html_text(group.status)}</span></div>\n'
                f'<div class="words"><span class="name"><bdi>{html_text(name)}</bdi></span></div></li>\n'
            )
    more = group.media - len(group.examples)
    if more > 0 and (names or not cards):
        names.append(f'<li class="chip">and {more:,} more</li>')
    shown = _cards(cards) if cards else ""
    return shown + (f'<ul class="chips names">{"".join(names)}</ul>\n' if names else "")


def _opened(group: ReasonGroup, name: str, uri: str, thumbnail: Thumbnail) -> Image | None:
    """Return what can be seen of an image without rows, if opening it again is safe."""
    is_safe = group.status == "failed" and not any(word in group.reason for word in _RISKY)
    if not is_safe or by_name(name) != "image" or member_of(uri) is not None:
        return None
    return thumbnail(group.view, _whole(name, uri))


def _whole(name: str, uri: str) -> Hit:
    return Hit(1, 0.0, "", "", uri, name, 0, None, None, None, None, None, None, None, None, None)


def _cards(cards: Sequence[str]) -> str:
    return f'<ol class="hits small">\n{"".join(cards)}</ol>\n'


def _runs(runs: Sequence[RunRate]) -> str:
    newest = sorted(runs, key=lambda run: run.started)[-_RUNS_SHOWN:]
    timed = [run for run in newest if run.media_per_s]
    courses = [run for run in timed if len(run.course) > 2][-1:]
    body = (
        plots_part([*_rate_plots(timed), *(p for run in courses for p in _course_plots(run))])
        if timed
        else ""
    )
    rows = [
        (
            f"{run.view} {run.number}",
            _when(run.started),
            run.command,
            f"{run.media:,}",
            f"{run.deleted:,}" if run.deleted else "",
            f"{run.rows:,}",
            "" if run.seconds is None else _duration(run.seconds),
            _rate(run.media_per_s),
            _rate(run.rows_per_s),
        )
        for run in reversed(newest)
    ]
    columns = ("run", "started (UTC)", "command", "media", "deleted", "rows", "time", "media/s", "rows/s")
    body += table_part(columns, rows, label="Runs, the newest first")
    notes = [] if len(newest) == len(runs) else [f"The newest {len(newest)} of {len(runs):,} runs."]
    if len(timed) < len([run for run in newest if run.media]):
        notes.append(
            "Runs without a rate changed what was there, or were made before commits kept their time."
        )
    return body + (notes_part(notes) if notes else "")


def _rate_plots(runs: Sequence[RunRate]) -> Iterator[Plot]:
    edges = np.arange(len(runs) + 1, dtype=np.float64) + 0.5
    span = f"From {_when(runs[0].started)} to {_when(runs[-1].started)}"
    note = f"{span}, the oldest run at the left. The time of start-up is counted in."
    for title, rates in (
        ("Media per second", [run.media_per_s for run in runs]),
        ("Rows per second", [run.rows_per_s for run in runs]),
    ):
        heights = np.array([np.nan if rate is None else rate for rate in rates], np.float64)
        top = float(np.nanmax(heights)) if np.isfinite(heights).any() else 0.0
        yield Plot(
            title,
            "run",
            title.lower(),
            bars=(Bars("", edges, heights),),
            x_range=(0.5, len(runs) + 0.5),
            y_range=(0.0, 1.05 * top or 1.0),
            note=note,
            counts_x=True,
        )


def _course_plots(run: RunRate) -> Iterator[Plot]:
    """Yield the plot of a run's speed from commit to commit."""
    times, media, rows = (np.array(values, np.float64) for values in zip(*run.course, strict=True))
    spans = np.diff(times, prepend=0.0)
    unit, scale = ("minutes", 60.0) if times[-1] >= 180 else ("seconds", 1.0)
    lines = tuple(
        Line(name, times / scale, np.diff(values, prepend=0.0) / np.where(spans > 0, spans, np.nan))
        for name, values in (("media", media), ("rows", rows))
    )
    yield Plot(
        f"The newest run, {run.view} {run.number}",
        f"{unit} since its start",
        "per second",
        lines,
        y_range=(0.0, 1.05 * max(float(np.nanmax(line.y, initial=0.0)) for line in lines) or 1.0),
        note=f"{_when(run.started)} UTC. A point is a commit: what came since the one before it.",
    )


def _when(started: str) -> str:
    return f"{datetime.fromisoformat(started):%Y-%m-%d %H:%M}" if started else ""


def _rate(rate: float | None) -> str:
    return "" if rate is None else f"{rate:,.1f}"


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _size(n_bytes: int) -> str:
    for power, unit in ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
        if n_bytes >= 1 << 10 * power:
            return f"{n_bytes / (1 << 10 * power):.1f} {unit}"
    return f"{n_bytes} bytes"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:,.1f} h"
