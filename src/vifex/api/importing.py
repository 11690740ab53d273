"""`vifex.import_features`: a view from files of features, of exports and of other tools."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from vifex.api.arguments import checked
from vifex.api.notices import tell
from vifex.importing import Choice, Imports, facts_of_file, fill_view, imported_recipe, open_files
from vifex.store import open_writer, row_schema
from vifex.store.files.inside import store_around
from vifex.values import InputError, ModelRef, Recipe
from vifex.values.run_facts import run_facts

__all__ = ["ImportReport", "import_features"]

_FIELDS: Final = ("uri", "label", "split", "t_s", "frame_index", "x0")
"""Row columns whose absence is told; `x0` stands for boxes."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """How an import ended."""

    store: str
    view: str
    files: tuple[str, ...]
    formats: tuple[str, ...]
    """Of the files, in their order."""
    columns: dict[str, tuple[int, ...]]
    """Shapes of the rows of each feature column."""
    model: str
    """Name of the model that made the vectors, as far as it is known."""
    can_query: bool
    """Whether an image, a video or words can be a query: the model is known."""
    media: int
    """Media of the files."""
    already_done: int
    """Of those, how many the view had from the same file."""
    replaced: int
    """How many had other rows in the view before."""
    rows: int
    """Rows written."""
    without_address: int
    """Media of which the file says a name alone."""
    without_file: int
    """Media whose own file is not there."""
    missing: tuple[str, ...]
    """What no row of the files says: `uri`, `label`, `split`, `t_s`, `frame_index`, `box`, `model`."""
    notices: tuple[str, ...]
    """Which columns were read as what, which were not read, and what was converted."""
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "columns": {name: list(shape) for name, shape in self.columns.items()}}


@checked("files", "store", "media", "card", "layers", "columns")
def import_features(
    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    store: str | os.PathLike[str],
    *,
    view: str = "main",
    columns: str | Sequence[str] | None = None,
    names: str | None = None,
    media: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    model: str | None = None,
    layers: str | Sequence[str] | None = None,
    weights: str | None = None,
    card: str | os.PathLike[str] | None = None,
    trust_code: bool = False,
    pool: str | None = None,
    normalize: bool = False,
    on_notice: Callable[[str], None] | None = None,
) -> ImportReport:
    """Read features from files into a view of a store. No network runs.

    The formats are those of exports: npy, npz, Parquet, CSV, JSONL, HDF5, safetensors, Arrow, a saved dataset
    of Hugging Face, a Lance table, and the layout of `video_features`. Files of other tools need an array or
    a column of vectors of one length; a column of paths or names says of which medium each row is. Vectors
    are stored as float16 or float32; other numbers become float32.

    Each medium is committed with all its rows or not at all. The same import again passes over the media that
    the view has from the same file. Memory holds a batch of rows, whatever the size of the file.

    Args:
        files: One file or folder, or several with the same columns.
        store: The store's folder; made if it is absent.
        view: Name of the view. It takes imports with the same columns alone.
        columns: Columns of vectors to read; by default all.
        names: The column with the paths or names of the media, where it is not recognised.
        media: A table (CSV, JSONL, Parquet, Arrow) or a list (`.txt`) with a line for each row of the file,
            the folder in which the media lie, or both. Relative paths start at that folder, else at the
            table's, else at the file's.
        model: The model that made the vectors, so that images and words can be queries.
        layers: Its layers, one for each column; by default the model's own.
        weights: Its weights, as for `extract`.
        card: Its card, as for `extract`.
        trust_code: Whether a file of the model may run code.
        pool: How its maps and tokens became vectors, as for `extract`.
        normalize: Whether its vectors were scaled to length 1.
        on_notice: Called with each notice; by default it is a `UserWarning`.

    Raises:
        InputError: If a file cannot be read, or a choice is wrong. Media that were committed before are kept.
        ModelError: If the model or a layer is unknown.
        StoreError: If the view was made by another recipe, or the store cannot be written.
    """
    began_s = time.monotonic()
    given = [files] if isinstance(files, str | os.PathLike) else list(files)
    about = [] if media is None else [media] if isinstance(media, str | os.PathLike) else list(media)
    choice = Choice(_names(columns), names, tuple(Path(one) for one in about))
    _check_place(Path(store))
    opened = open_files([Path(one) for one in given], choice)
    readings = [facts_of_file(file, names) for file in opened]
    named, ref = _named(view, model, _names(layers), weights, card, trust_code, pool, normalize)
    recipe = imported_recipe(opened, named)
    row_schema(recipe)  # refuses columns of one name before a store is made
    facts = run_facts(
        ["numpy", "pylance", "pyarrow"],
        imported={view: [str(file.path) for file in opened][:100]},
        **({} if ref is None else _words(view, ref)),
    )
    with open_writer(store, run=facts) as writer:
        done = fill_view(writer.view(view, recipe), readings, recipe, choice.folder)
    notices = [*done.notices, *_about_media(done)]
    for notice in notices:
        tell(notice, on_notice)
    knows_model = recipe.imported is not None and recipe.imported.knows_model
    return ImportReport(
        store=os.fspath(store),
        view=view,
        files=tuple(str(file.path) for file in opened),
        formats=tuple(file.format for file in opened),
        columns={spec.column: spec.shape for spec in recipe.layers},
        model=recipe.model,
        can_query=knows_model,
        media=done.media,
        already_done=done.already_done,
        replaced=done.replaced,
        rows=done.rows,
        without_address=done.unknown,
        without_file=done.absent,
        missing=_missing(done, knows_model=knows_model),
        notices=tuple(notices),
        seconds=round(time.monotonic() - began_s, 3),
    )


def _names(given: str | Sequence[str] | None) -> tuple[str, ...]:
    return () if given is None else (given,) if isinstance(given, str) else tuple(given)


def _check_place(store: Path) -> None:
    around = store_around(store.absolute().parent)
    if around is not None:
        todo = f"Choose a folder outside of {around} for the store."
        raise InputError("this lies inside a store.", of=str(store), todo=todo)


def _named(
    view: str,
    model: str | None,
    layers: tuple[str, ...],
    weights: str | None,
    card: str | os.PathLike[str] | None,
    trust_code: bool,
    pool: str | None,
    normalize: bool,
) -> tuple[Recipe | None, ModelRef | None]:
    """Return the recipe by which the named model makes rows, and the words that load it again."""
    if model is None:
        if layers or weights is not None or card is not None or pool is not None or normalize:
            raise InputError(
                "layers, weights, a card or a pooling were named without a model.",
                todo="Name it with `model=`.",
            )
        return None, None
    from vifex.extraction.planning.view_plan import plan_view
    from vifex.models import load_model

    loaded = load_model(
        model, weights=weights, card=None if card is None else Path(card), trust_code=trust_code
    )
    plan = plan_view(view, loaded, layers=layers, pool=pool, normalize=normalize)
    return plan.recipe, plan.ref


def _words(view: str, ref: ModelRef) -> dict[str, dict[str, str]]:
    said = {"models": ref.name, "weights": ref.weights, "cards": ref.card}
    return {key: {view: word} for key, word in said.items() if word is not None}


def _about_media(done: Imports) -> list[str]:
    found = []
    if done.unnamed:
        found.append(
            "The file does not name its media: `media=` takes a list of paths, or a table, with a line for "
            "each row."
        )
    elif done.unknown:
        some = "None" if done.unknown == done.media else f"{done.media - done.unknown:,}"
        found.append(
            f"{some} of the {done.media:,} media has an address: `media=` takes the folder of their files."
        )
    if done.absent:
        found.append(f"The files of {done.absent:,} media are not there.")
    if done.replaced:
        found.append(f"{done.replaced:,} media had other rows before, which were replaced.")
    return found


def _missing(done: Imports, *, knows_model: bool) -> tuple[str, ...]:
    if done.already_done:  # their rows were not looked at
        return ()
    stated = done.stated | ({"uri"} if done.unknown < done.media else set())
    found = ["box" if name == "x0" else name for name in _FIELDS if name not in stated]
    return (*found, *([] if knows_model else ["model"]))
