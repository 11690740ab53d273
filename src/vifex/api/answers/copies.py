"""`vifex.copies`: what occurs more than once in a store, or in two."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from vifex.analysis.copies.find import FoundGroups, find_groups
from vifex.analysis.copies.result import Copies
from vifex.api.answers.compared_images import ComparedImages
from vifex.api.answers.compared_videos import compare_videos
from vifex.api.answers.given import Given, opened
from vifex.api.answers.machines import machines_of
from vifex.api.arguments import checked
from vifex.api.notices import tell
from vifex.store import CopyMark, keep_marks, marks_from, read_marks
from vifex.values import InputError, Outcome

if TYPE_CHECKING:
    from vifex.api.models.loaded import LoadedModel
    from vifex.api.stores.view import View

__all__ = ["copies"]


@checked("given", "other", "model")
def copies(
    given: Given,
    other: Given | None = None,
    *,
    view: str | None = None,
    other_view: str | None = None,
    column: str | None = None,
    where: str | None = None,
    threshold: float | None = None,
    sample: int = 80,
    false_alarms: float = 0.05,
    shortest: float = 1.0,
    marks: str | os.PathLike[str] | None = None,
    anyway: bool = False,
    on: str | None = None,
    model: str | os.PathLike[str] | LoadedModel | None = None,
    choices: Mapping[str, Any] | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Copies:
    """Find images that are nearly the same and copied segments of videos, in one or two stores.

    Every pair is compared. A pair counts if its score reaches the threshold. The score is the cosine
    similarity minus what is usual for both images: half their similarity to their fifth neighbour in a
    background of images of the store.

    The threshold is found on the store: images of a sample are cropped, encoded again, resized and
    recoloured, and go through the network. One half of them sets the threshold, the other half measures it.
    Where images or network are not at hand, the nearest unrelated rows set it.

    Pairs become groups: each image of a group makes a pair with the group's representative.

    Videos, and sounds, are compared frame by frame. Where the frames of one match those of another in order,
    at 0.8 to 1.25 times the speed, the two spans are a copied segment. What many media share, as black or an
    intro, weighs little. The score that a segment must have is found on the store too: each pair is also
    compared with one video reversed, which shows the scores of chance. Images are looked for in videos too.

    Args:
        given: A store, an open store or view, or media, which are extracted first.
        other: A second one, made by the same recipe: its images are compared with those of the first.
        view: View of the first store; by default its only one, or `main`.
        other_view: View of the second store.
        column: Feature column or layer; may be left out where there is one.
        where: SQL filter over the row columns of both.
        threshold: Least cosine similarity, in (0, 1]; by default it is found on the store.
        sample: Number of images that edited copies are made of; 0 sets the threshold by unrelated rows alone.
        false_alarms: How many copied segments that are none are allowed in the whole answer, on average.
        shortest: Seconds of the shortest segment.
        marks: File of marks that the page saved. The store keeps them from then on. Pairs that are marked as
            wrong are left out, confirmed ones are kept whatever their score is.
        anyway: Compare stores of different recipes whose vectors have the same size.
        on: `ray` or `ray://HEAD:PORT`: the machines of a Ray cluster compare the pairs.
        model: For the edited copies, where the store's model is a file or code; for media the model that
            they are extracted with.
        choices: For the extraction of media, as for `vifex.extract`.
        on_outcome: Called for each medium that was skipped, failed or is partial.
        on_notice: Called with what a user must know; by default it is a `UserWarning`.
        on_progress: Called with the share of pairs that were compared.

    Returns:
        The groups, the threshold and what is known of it.

    Raises:
        InputError: If an argument cannot be used, the recipes differ, or too many pairs are above the
            threshold.
        StoreError: If a store cannot be read, or the marks cannot be kept.
        EngineError: If the cluster cannot be used.
    """
    if threshold is not None and not 0 < threshold <= 1:
        raise InputError(f"the threshold is a cosine similarity above 0 and up to 1, got {threshold:g}.")
    if sample < 0:
        raise InputError(f"the number of images in the sample must be at least 0, got {sample}.")
    if not 0 < false_alarms < 1e6:
        raise InputError(f"must be above 0, got {false_alarms:g}.", option="false_alarms")
    if not 0 <= shortest < float("inf"):
        raise InputError(f"must be seconds of at least 0, got {shortest:g}.", option="shortest")
    new = None if marks is None else _marks_of(marks)
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        tell(text, on_notice, stacklevel=5)

    with ExitStack() as stack:
        machines = stack.enter_context(machines_of(on))
        first = stack.enter_context(
            opened(given, view=view, model=model, choices=choices, on_outcome=on_outcome, on_notice=on_notice)
        )
        second = None
        if other is not None:
            second = stack.enter_context(
                opened(
                    other,
                    view=other_view,
                    model=model,
                    choices=choices,
                    on_outcome=on_outcome,
                    on_notice=on_notice,
                )
            )
            _check_alike(first, second, anyway=anyway)
        known = read_marks(first.path) if new is None else keep_marks(first.path, new)
        found = ComparedImages(first, second, column, where)
        calibrated = None
        groups = FoundGroups.none()
        if found.can_be_compared:
            collection = found.collection()
            calibrated = found.calibrated(collection, threshold, sample, note)
            groups = find_groups(collection, calibrated, found.marked(known), on_progress, machines)
        videos = compare_videos(
            first,
            second,
            column,
            where,
            marks=known,
            other_id=found.other_id,
            false_alarms=false_alarms,
            least_s=shortest,
            on_progress=on_progress,
            machines=machines,
        )
        return Copies(
            store=os.fspath(first.path),
            view=first.name,
            other=None if second is None else os.fspath(second.path),
            other_id=found.other_id,
            rows=len(found),
            threshold=None if calibrated is None else calibrated.threshold,
            pairs=len(groups.pairs),
            groups=tuple(found.groups(groups, known)),
            videos=videos.videos,
            segment_threshold=videos.calibration,
            segments=videos.segments,
            images_in_videos=videos.images,
            notes=tuple(notes),
        )


def _marks_of(path: str | os.PathLike[str]) -> list[CopyMark]:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - a path of any type
            return marks_from(file.read(), of=os.fspath(path))
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(
            "the marks cannot be read.", of=os.fspath(path), todo=f"{getattr(exc, 'strerror', None) or exc}."
        ) from exc


def _check_alike(first: View, second: View, *, anyway: bool) -> None:
    """Check that the vectors of two views may be compared."""
    if first.recipe.hash == second.recipe.hash or anyway:
        return
    raise InputError(
        "the two stores were made by different recipes, so their vectors may mean different things.",
        of=f"{first.path} and {second.path}",
        todo="Extract both with the same choices, or compare them `anyway`.",
    )
