"""`vifex.judge_layers`: the layers of a store, ranked by what they say of labels."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final

from vifex.analysis.comparing.examples import gather_examples
from vifex.analysis.comparing.page import comparison_page
from vifex.analysis.comparing.table import LayerComparison, RankBy, judge_layers, layers_of
from vifex.analysis.rows import read_rows
from vifex.api.answers.given import Given, is_media, opened
from vifex.api.answers.labels import LabelSource, MediaLabels, labels_of
from vifex.api.arguments import checked
from vifex.api.models.loaded import LoadedModel
from vifex.api.notices import tell
from vifex.api.stores.store import Store, open_store
from vifex.api.stores.view import View
from vifex.search.files import check_target, written_whole
from vifex.values import InputError, Outcome
from vifex.values.registry import near

__all__ = ["compare_layers", "groups_of"]

_BY: Final = ("mean", "knn", "linear")


@checked("given", "model", "labels", "by")
def compare_layers(
    given: Given,
    *,
    labels: LabelSource | None = None,
    group: str | None = None,
    views: Sequence[str] | None = None,
    layers: Sequence[str] | None = None,
    where: str | None = None,
    by: RankBy = "mean",
    examples: int = 5000,
    resamples: int = 1000,
    seed: int = 0,
    html: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    model: str | os.PathLike[str] | LoadedModel | None = None,
    choices: Mapping[str, Any] | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> LayerComparison:
    """Rank the layers of a store by how well their vectors tell labelled media apart.

    All layers are judged on the same examples: rows if the views share them, else the mean vector of each
    medium. A medium is held out whole, with all its rows.

    Args:
        given: A store, an open store or view, or media, which are extracted into the cache first.
        labels: A column of the rows, `folder` (the first folder of each name), a CSV, TSV, JSONL or Parquet
            file with the columns `name` and `label`, or a mapping of names to labels. By default the label
            column, or the folders if no medium has a label.
        group: A column of the file of labels, or `split`: media of one group are held out together. By
            default those of one file are.
        views: Names of views; all by default.
        layers: Names of layers or columns; all by default.
        where: An SQL filter over the row columns.
        by: What ranks the layers: `knn`, `linear`, or the `mean` of both.
        examples: How many examples are taken at most, of each class alike.
        resamples: Of the intervals.
        seed: Of the choice of examples, the folds and the resamples.
        html: A file for the table as a page.
        overwrite: Whether that file may be replaced.
        model: For media: the model that they are extracted with.
        choices: For media: choices of the extraction, such as `layers` and `fps`.
        on_outcome: For media: called for each medium that was skipped, failed or is partial.
        on_notice: Called with what a user must know; by default it is a `UserWarning`.

    Returns:
        The layers, the best first.

    Raises:
        InputError: If a name is unknown, no media have labels, or fewer than two classes have two media.
        VifexError: If the store cannot be read or the media cannot be extracted.
    """
    if by not in _BY:
        raise InputError(f"takes {', '.join(_BY)}, got {by!r}.", option="by")
    if examples < 4 or resamples < 1:
        raise InputError("at least 4 examples and 1 resample are needed.")
    if html is not None:
        check_target(html, overwrite=overwrite)
    with ExitStack() as stack:
        if isinstance(given, Store | View) or not is_media(given):
            opened_views = _views(stack, given, views)
        else:
            extracted = opened(
                given, model=model, choices=choices, on_outcome=on_outcome, on_notice=on_notice
            )
            opened_views = [stack.enter_context(extracted)]
        stored = [view._stored for view in opened_views]
        chosen = _chosen([one for view in stored for one in layers_of(view)], layers)
        of_view = {view.name: place for place, view in enumerate(stored)}
        media = read_rows(stored[0], stored[0].columns[0], where=where).media
        found = labels_of(media, labels, view=stored[0])
        ids = [medium.medium_id for medium in media]
        groups = None if group is None else dict(zip(ids, groups_of(found, group), strict=True))
        gathered = gather_examples(
            stored,
            dict(zip(ids, found.labels, strict=True)),
            groups=groups,
            where=where,
            most=examples,
            seed=seed,
        )
        made = judge_layers(
            chosen,
            lambda place: gathered.vectors(of_view[chosen[place].view], chosen[place].column),
            gathered,
            by=by,
            resamples=resamples,
            seed=seed,
        )
        made = replace(made, notes=(*found.notes, *made.notes))
        name = stored[0].folder.parent.parent.name
    for note in made.notes:
        tell(note, on_notice)
    if html is not None:
        with written_whole(html, overwrite=overwrite) as aside, aside.open("w", encoding="utf-8") as file:
            file.writelines(comparison_page(made, f"Layers of {name}"))
    return made


def groups_of(labels: MediaLabels, group: str) -> tuple[str | None, ...]:
    """Return the group of each medium.

    Raises:
        InputError: If the labels have no such column.
    """
    columns = {"split": labels.splits, **labels.columns}
    if group not in columns:
        raise InputError(
            f"there is no column {group!r} to group by.",
            of=labels.source,
            todo=f"{near(group, list(columns))}Known: {', '.join(columns)}.",
        )
    return columns[group]


def _views(stack: ExitStack, given: Given, names: Sequence[str] | None) -> list[View]:
    if isinstance(given, View):
        return [given]
    store = given if isinstance(given, Store) else stack.enter_context(open_store(given))
    wanted = [names] if isinstance(names, str) else list(names or store)
    if not wanted:
        raise InputError("the store has no view yet.", of=os.fspath(store.path), todo="Extract media first.")
    return [store[name] for name in wanted]


def _chosen(known: Sequence[Any], names: Sequence[str] | None) -> list[Any]:
    """Return the layers that are named by their own name, their column, or VIEW:NAME."""
    if names is None:
        return list(known)
    words = {
        id(one): {word for n in (one.layer, one.column) for word in (n, f"{one.view}:{n}")} for one in known
    }
    wanted = [names] if isinstance(names, str) else list(names)
    for name in wanted:
        if not any(name in mine for mine in words.values()):
            listed = list(dict.fromkeys(one.layer for one in known))
            raise InputError(
                f"the store has no layer {name!r}.", todo=f"{near(name, listed)}It has: {', '.join(listed)}."
            )
    return [one for one in known if words[id(one)] & set(wanted)]
