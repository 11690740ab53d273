"""`vifex.issues`: what a person should look at before training on the media of a store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Unpack

import numpy as np

from vifex.analysis.directions import hits_of
from vifex.analysis.issues.images import image_facts, image_problems
from vifex.analysis.issues.issues import KINDS, Issue, Issues
from vifex.analysis.issues.label_errors import label_errors
from vifex.analysis.issues.page import write_issue_page
from vifex.analysis.issues.still_videos import still_media
from vifex.analysis.probing.methods import Settings
from vifex.analysis.probing.probing import probe_rows
from vifex.analysis.rows import FeatureRows, read_rows, unit_vectors
from vifex.analysis.tables import check_table_target, write_table
from vifex.api.answers.copies import copies
from vifex.api.answers.given import Given, opened
from vifex.api.answers.labelled_rows import labelled_rows
from vifex.api.answers.labels import LabelSource, MediaLabels, media_labels
from vifex.api.answers.shown import name_of, thumbnails
from vifex.api.arguments import checked
from vifex.api.stores.sheets import thumbnail_of
from vifex.api.stores.view import View
from vifex.api.views import Choices
from vifex.evaluation.views import average_views
from vifex.search.files import check_target
from vifex.search.hits import Hit
from vifex.values import InputError, Outcome

if TYPE_CHECKING:
    from vifex.api.models.loaded import LoadedModel

__all__ = ["issues"]

_STILL: Final = 0.98
"""Smallest cosine similarity to the first row of a video whose pixels are compared."""
_STILL_LEVELS: Final = 2.0
"""Largest mean difference of the pixels of a video that stands still, in grey levels of 255."""
_FOLDS: Final = 5
_SAMPLE: Final = 80
"""Images of which edited copies are made to find the threshold of near copies."""


@checked("given", "labels", "model", "output", "html")
def issues(
    given: Given,
    *,
    labels: LabelSource = "label",
    view: str | None = None,
    column: str | None = None,
    where: str | None = None,
    pixels: bool = True,
    output: str | os.PathLike[str] | None = None,
    html: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    model: str | os.PathLike[str] | LoadedModel | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
    **choices: Unpack[Choices],
) -> Issues:
    """Find media that a person should look at before training on them.

    - Copies that lie in different splits or have different labels: exact ones by the hash of their content,
      near ones as `vifex.copies` finds them.
    - Labels that the features contradict: k-NN learns from other files in five folds, and confident learning
      decides (Northcutt et al. 2021).
    - Dark, bright and blurred images, and those with one side three times as long as the other.
    - Videos that stand still: all rows are alike, and the first, the middle and the last frame differ by at
      most two grey levels.

    Args:
        given: A store, an open store or view, or media that are extracted first.
        labels: As for `vifex.probe`: a column, a table, `folder`, or a mapping of names to labels. A column
            `split` of a table replaces the splits of the store.
        view: The view; by default the only one, or `main`.
        column: The feature column or its layer; by default the only one.
        where: An SQL filter over the row columns.
        pixels: Whether images and frames are decoded; without it near copies are not told from related
            images so well, and only copies and labels are looked at.
        output: A table of all issues to write: `.csv` or `.parquet`.
        html: A page with the images.
        overwrite: Whether these files may be replaced.
        model: The model that media are extracted with.
        on_outcome: Called with what became of each medium that could not be extracted whole.
        on_notice: Called with what a user must know; by default it is a `UserWarning`.
        **choices: For the extraction of media, as for `vifex.extract`.

    Raises:
        VifexError: If the store, the media or the labels cannot be read, or a file cannot be written.
    """
    if output is not None:
        check_table_target(output, overwrite=overwrite)
    if html is not None:
        check_target(html, overwrite=overwrite)
    taken = opened(given, view=view, model=model, choices=choices, on_outcome=on_outcome, on_notice=on_notice)
    with taken as read:
        rows = read_rows(read._stored, column, where=where)
        stated, notes = _stated(rows, labels)
        finder = _Finder(read, rows, stated, notes)
        found = [*finder.exact_copies(), *finder.near_copies(where, sample=_SAMPLE if pixels else 0)]
        found += finder.labels()
        if pixels:
            found += [*finder.images(), *finder.still_videos()]
        order = list(KINDS)
        result = Issues(
            store=name_of(given, read),
            view=read.name,
            column=rows.column,
            media=len(rows.media),
            issues=tuple(sorted(found, key=lambda one: order.index(one.kind))),
            notes=tuple(notes),
        )
        if output is not None:
            write_table(output, result.to_arrow(), overwrite=overwrite)
        if html is not None:
            write_issue_page(html, result, thumbnails(read), overwrite=overwrite)
    return result


def _stated(rows: FeatureRows, labels: LabelSource) -> tuple[MediaLabels, list[str]]:
    """Return the labels; a store without any is looked at all the same."""
    if labels == "label" and all(medium.label is None for medium in rows.media):
        splits = tuple(medium.split for medium in rows.media)
        nothing: tuple[str | None, ...] = (None,) * len(rows.media)
        return MediaLabels(nothing, splits, "label"), ["No medium has a label, so labels were not compared."]
    found = media_labels(rows, labels)
    return found, list(found.notes)


@dataclass(frozen=True, slots=True, eq=False)
class _Finder:
    """Finds the issues of each kind in one view."""

    view: View
    rows: FeatureRows
    stated: MediaLabels
    notes: list[str]
    exact: set[tuple[int, int]] = field(default_factory=set)
    """Pairs of media that are exact copies."""

    def exact_copies(self) -> Iterator[Issue]:
        """Yield media with the content of one in another split or with another label.

        Of equal ones the first of the training split counts as the original, by name: the stored order is
        that in which files happened to be finished.
        """
        ledger = self.view.ledger(columns=["medium_id", "content_hash"])
        hashes = dict(zip(*(column.to_pylist() for column in ledger.columns), strict=True))
        alike: dict[str, list[int]] = {}
        for place, medium in enumerate(self.rows.media):
            if own := hashes.get(medium.medium_id):
                alike.setdefault(own, []).append(place)
        pairs = [
            (other, same[0], 1.0)
            for same in (sorted(places, key=self._order) for places in alike.values())
            for other in same[1:]
            if self._apart(same[0], other)
        ]
        self.exact.update((medium, other) for medium, other, _ in pairs)
        yield from self._copy_issues("exact-copy", pairs)

    def near_copies(self, where: str | None, *, sample: int) -> Iterator[Issue]:
        """Yield images that look like one in another split or with another label."""
        place = {medium.medium_id: number for number, medium in enumerate(self.rows.media)}
        told: list[str] = []
        found = copies(self.view, column=self.rows.column, where=where, sample=sample, on_notice=told.append)
        self.notes.extend(told)
        pairs: list[tuple[int, int, float]] = []
        within = 0
        for group in found.groups:
            first = place[group.representative.key.rpartition(":")[0]]
            for copy in group.copies:
                other = place[copy.key.rpartition(":")[0]]
                if not self._apart(first, other):
                    within += 1
                elif not self.exact & {(first, other), (other, first)}:
                    pairs.append((other, first, copy.similarity))
        if within:
            said = f"{within} further copies have the split and the label of their original"
            self.notes.append(f"{said}; `vifex copies` lists them.")
        yield from self._copy_issues("near-copy", sorted(pairs, key=lambda pair: -pair[2]))

    def labels(self) -> Iterator[Issue]:
        """Yield media whose label the features contradict."""
        if all(label is None for label in self.stated.labels):
            return
        try:
            found = labelled_rows(self.rows, self.stated, group=None, folds=_FOLDS, seed=0)
        except InputError as exc:
            self.notes.append(f"Labels were not compared: {exc.what}")
            return
        probed = probe_rows(
            "knn", found.vectors, found.y, found.groups, len(found.classes), found.folds, Settings()
        )
        averaged = average_views(
            probed.probabilities, [str(m) for m in found.medium[probed.rows]], kind="probabilities"
        )
        chosen = probed.rows[averaged.first_row]
        errors = label_errors(averaged.scores, found.y[chosen])
        media = [int(found.medium[chosen[one.row]]) for one in errors]
        hits = self._hits(media, [one.own for one in errors])
        for one, hit in zip(errors, hits, strict=True):
            likely = found.classes[one.likely]
            yield Issue(
                "label",
                hit,
                f"Its neighbours say {likely} ({one.other:.2f}) and not {hit.label} ({one.own:.2f}).",
                likely,
            )

    def images(self) -> Iterator[Issue]:
        """Yield dark, bright and blurred images, and those of an odd shape."""
        firsts = self._first_rows()
        media = [m for m, row in firsts.items() if np.isnan(self.rows.t_s[row])]
        with ThreadPoolExecutor() as pool:
            facts = list(pool.map(lambda m: self._facts(m, firsts[m]), media))
        unreadable = sum(one is None for one in facts)
        if unreadable:
            self.notes.append(f"{unreadable} images could not be read, so their pixels were not looked at.")
        found = [
            (kind, m, measure, said)
            for m, one in zip(media, facts, strict=True)
            if one is not None
            for kind, measure, said in image_problems(one)
        ]
        worst = {"dark": 1, "bright": -1, "blurred": 1, "odd-shape": -1}
        found.sort(key=lambda one: worst[one[0]] * one[2])
        hits = self._hits([m for _, m, _, _ in found], [measure for _, _, measure, _ in found])
        for (kind, _, _, said), hit in zip(found, hits, strict=True):
            yield Issue(kind, hit, said)

    def still_videos(self) -> Iterator[Issue]:
        """Yield videos whose frames are all the same."""
        likely = still_media(self.rows, unit_vectors(self.rows.vectors()), _STILL)
        found = [(m, levels) for m, _ in likely if (levels := self._moves(m)) is not None]
        found = [(m, levels) for m, levels in found if levels <= _STILL_LEVELS]
        hits = self._hits([m for m, _ in found], [levels for _, levels in found])
        for (m, levels), hit in zip(found, hits, strict=True):
            count = int((self.rows.medium == m).sum())
            said = f"Its frames differ by {levels:.1f} of 255 grey levels over {count} rows."
            yield Issue("still", hit, said)

    # -- parts ----------------------------------------------------------------------------------------

    def _order(self, medium: int) -> tuple[bool, str]:
        return self.stated.splits[medium] != "train", self.rows.media[medium].name

    def _apart(self, first: int, other: int) -> bool:
        """Return whether two media have different splits or different labels."""
        stated = self.stated
        return (stated.splits[first], stated.labels[first]) != (stated.splits[other], stated.labels[other])

    def _where(self, medium: int) -> str:
        split, label = self.stated.splits[medium], self.stated.labels[medium]
        parts = [f"in {split}"] if split else []
        return f"is {' '.join([*parts, f'labelled {label}' if label else 'without a label'])}"

    def _copy_issues(self, kind: str, pairs: list[tuple[int, int, float]]) -> Iterator[Issue]:
        hits = self._hits([medium for medium, _, _ in pairs], [similar for *_, similar in pairs])
        for (medium, other, similar), hit in zip(pairs, hits, strict=True):
            name = self.rows.media[other].name
            near = "" if kind == "exact-copy" else f" Cosine {similar:.3f}."
            said = f"It {self._where(medium)}, and its copy {name} {self._where(other)}.{near}"
            yield Issue(kind, hit, said, name)

    def _first_rows(self) -> Mapping[int, int]:
        media, firsts = np.unique(self.rows.medium, return_index=True)
        return dict(zip(media.tolist(), firsts.tolist(), strict=True))

    def _hits(self, media: list[int], measures: list[float]) -> list[Hit]:
        """Return the first row of each medium as a hit, with the label and the split that were stated."""
        firsts = self._first_rows()
        found = hits_of(self.rows, [firsts[m] for m in media], measures) if media else []
        return [
            replace(hit, label=self.stated.labels[m], split=self.stated.splits[m])
            for hit, m in zip(found, media, strict=True)
        ]

    def _facts(self, medium: int, row: int) -> Any:
        page = max(0, int(self.rows.frame_index[row]))
        image = thumbnail_of(self.rows.media[medium].uri, None, None, None, page)
        return None if image is None else image_facts(image)

    def _moves(self, medium: int) -> float | None:
        """Return by how much the first, the middle and the last frame differ; `None` where they are gone."""
        own = np.flatnonzero(self.rows.medium == medium)
        uri, rate = self.rows.media[medium].uri, self.view.recipe.sampling.assume_fps
        times = [float(self.rows.t_s[row]) for row in (own[0], own[len(own) // 2], own[-1])]
        images = [thumbnail_of(uri, t_s, None, rate) for t_s in times]
        arrays = [np.asarray(image.convert("L"), np.float32) for image in images if image is not None]
        if len(arrays) < len(images) or len({array.shape for array in arrays}) > 1:
            return None
        return max(float(np.abs(array - arrays[0]).mean()) for array in arrays[1:])
