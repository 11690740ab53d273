"""`vifex show`: what is in a store, and what failed and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import Flag, Json, helped
from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.wording import as_options

if TYPE_CHECKING:
    from vifex import Store

__all__ = ["show"]

_SHOWN = 30
_LISTED = 5
"""Times or frames that are named."""
_OUTCOME = ["name", "uri", "status", "reason", "rows", "lost"]


@helped
def show(
    store: Path,
    /,
    *,
    view: str | None = None,
    at: Annotated[str | None, Parameter(metavar="TAG")] = None,
    problems: Flag = False,
    json: Json = False,
) -> int:
    """Show what is in a store, and which media failed and why.

    Parameters
    ----------
    store
        The store.
    view
        Only this view (default: all).
    at
        Name of a tag: read the store as it was when vifex tag made it.
    problems
        List every medium that is not ok or has a note, not only the first ones.
    """
    from vifex.store import open_store

    with open_store(store, at=at) as opened:
        store_id, names = opened.id, opened.views()
    if view is not None:
        names = [view]
    kept = None if json or problems else _SHOWN
    described = [_facts(store, name, at, kept) for name in names]
    if json:
        print_json({"store": str(store), "id": store_id, "views": [facts for facts, _ in described]})
        return 0
    print_line(f"{clean(store)}: {len(names)} view{'s' * (len(names) != 1)}")
    for facts, listed in described:
        _print_view(facts, listed, limit=kept)
    return 0


def _facts(store: Path, view: str, at: str | None, kept: int | None) -> tuple[dict[str, Any], int]:
    """Return what is shown of a view, and how many problems and notes it has; at most `kept` are given."""
    keep_pandas_out()
    import vifex

    with vifex.open(store, view=view, at=at) as collection:
        problems = collection.ledger(columns=_OUTCOME, where="status <> 'ok'")
        told = "status = 'ok' AND reason <> ''"
        if collection.recipe.imported is not None:  # each medium says of which file its rows are
            told += " AND reason NOT LIKE 'imported from %'"
        notes = collection.ledger(columns=_OUTCOME, where=told)
        facts = {
            "view": view,
            "rows": collection.count_rows(),
            "missing_media": collection.count_missing(),
            "media": _count_statuses(collection),
            "weights": collection.weights,
            "untrained": _is_untrained(store, collection, at),
            "recipe": collection.recipe.to_dict(),
            "columns": _columns(collection),
            "indexes": [one.to_dict() for one in collection.indexes()],
            "problems": problems.slice(0, kept).to_pylist(),
            "notes": notes.slice(0, kept).to_pylist(),
        }
    return facts, problems.num_rows + notes.num_rows


_IMPORTED: Final = {
    "export": "from an export of Vifex, by whose recipe queries are computed",
    "named": "from files; queries are computed by the model that was named",
    "unknown": "from files that do not say which model made the vectors: queries are rows or .npy files",
}


def _count_statuses(collection: Store) -> dict[str, int]:
    found = collection.ledger(columns="status").column(0).value_counts().to_pylist()
    return dict(sorted((pair["values"], pair["counts"]) for pair in found))


def _is_untrained(store: Path, collection: Store, at: str | None) -> bool:
    """Whether a view's numbers, or those that it was made of, come of random weights."""
    keep_pandas_out()
    import vifex

    fusion, tree = collection.recipe.fusion, collection.recipe.tree
    sources = {i.view for i in fusion.inputs} if fusion else {tree.view} if tree else set()
    for name in sorted(sources & set(collection)):
        with vifex.open(store, view=name, at=at) as source:
            if _is_untrained(store, source, at):
                return True
    return (collection.weights or "").startswith("random:")


def _columns(collection: Store) -> list[dict[str, Any]]:
    return [
        {
            "column": spec.column,
            "layer": spec.layer.name,
            "kind": spec.layer.kind,
            "layer_shape": list(spec.layer.shape),
            "pooling": spec.pooling,
            "shape": list(spec.shape),
            "dtype": spec.dtype,
            "normalized": spec.normalized,
        }
        for spec in collection.recipe.layers
    ]


def _print_view(facts: dict[str, Any], listed: int, *, limit: int | None) -> None:
    recipe = facts["recipe"]
    media = ", ".join(f"{n} {status}" for status, n in facts["media"].items()) or "no media yet"
    print_line("")
    print_line(
        f"view {clean(facts['view'])}: {facts['rows']} rows of {sum(facts['media'].values())} media ({media})"
    )
    if facts["missing_media"]:
        print_line(
            f"  gone     {facts['missing_media']} of the media, no longer on disk; their rows stay, and "
            "vifex search --existing leaves them out"
        )
    print_line(f"  model    {clean(recipe['model'])} ({recipe['engine']}, {recipe['precision']})")
    if recipe.get("imported"):
        print_line(f"  imported {_IMPORTED[recipe['imported']['model']]}")
    if facts["untrained"]:
        own = facts["weights"]
        whose = f"its weights are random ({own})" if own else "a view that it was made of has random weights"
        print_line(f"  weights  untrained: {clean(whose)}")
    elif facts["weights"]:
        print_line(f"  weights  {clean(facts['weights'])}")
    if recipe.get("audio"):
        print_line(f"  sound    {_sound(recipe['audio'])}")
    elif recipe.get("fusion"):
        print_line(f"  fusion   {clean(_fusion(recipe['fusion']))}")
    elif recipe.get("tree"):
        print_line(f"  tree     {clean(_tree(recipe['tree']))}")
    elif recipe.get("pixels"):
        print_line(f"  pixels   {_pixels(recipe['pixels'])}")
        print_line(f"  sampling {_sampling(recipe['sampling'])}")
    print_table(
        ["column", "layer", "kind", "layer shape", "pooling", "stored"],
        [
            [
                c["column"],
                c["layer"],
                c["kind"],
                _times(c["layer_shape"]),
                c["pooling"],
                f"{_times(c['shape'])} {c['dtype']}{' normalized' * c['normalized']}",
            ]
            for c in facts["columns"]
        ],
    )
    for index in facts["indexes"]:
        print_line(f"  index    {_index(index)}")
    listed_media = [*facts["problems"], *facts["notes"]]
    if listed_media:
        printed = listed_media[:limit]
        print_table(
            ["status", "name", "rows", "why"],
            [[p["status"], p["name"], p["rows"], as_options(p["reason"])] for p in printed],
            right=["rows"],
        )
        if len(printed) < listed:
            print_line(f"... and {listed - len(printed)} more: --problems shows all")


def _index(index: dict[str, Any]) -> str:
    """Describe an approximate index with the recall of the setting that `--approximate` takes for 10 hits."""
    held = index["rows"] - index["rows_not_held"]
    text = f"{clean(index['column'])}: {index['kind']}, {index['metric']}, {held} of {index['rows']} rows"
    aimed = [one for one in index["settings"] if one["recall"] == index["recall"]]
    if aimed:
        found = [f"{one['measured']:.3f} of {one['k']} hits" for one in aimed]
        text += f"; measured recall {', '.join(found)}"
    if index["rows"] != index["measured_rows"]:
        text += f" when the view had {index['measured_rows']} rows; vifex index measures it again"
    return text


def _times(shape: list[int]) -> str:
    return " x ".join(map(str, shape))


def _sound(audio: dict[str, Any]) -> str:
    text = (
        f"{audio['channels']}, {audio['sample_rate_hz']} Hz, windows of {audio['window_s']:g} s every "
        f"{audio['hop_s']:g} s, tail {audio['tail']}"
    )
    return text + _between(audio)


def _fusion(fusion: dict[str, Any]) -> str:
    inputs = [
        f"{i['view']}:{i['column']} [{i['size']}]{', mean of the medium' * (i['match'] == 'mean')}"
        for i in fusion["inputs"]
    ]
    if fusion["weights"]:
        inputs = [f"{w:g} x {i}" for w, i in zip(fusion["weights"], inputs, strict=True)]
    lengths = "each of length 1" if fusion["unit"] else "lengths as they are"
    return f"{fusion['method']} of {' + '.join(inputs)}; {lengths}; within {fusion['within_s']:g} s"


def _tree(tree: dict[str, Any]) -> str:
    return (
        f"{tree['level']}s of {tree['view']}:{tree['column']}, {tree['pooling']}; cuts: radius "
        f"{tree['radius']}, factor {tree['factor']:g}, least {tree['least']:g}, shortest {tree['shortest']}; "
        f"scenes: similar {tree['similar']:g}"
    )


def _pixels(pixels: dict[str, Any]) -> str:
    how = pixels["resize"]
    if pixels.get("processor"):
        size = f"{pixels['width_px']} x {pixels['height_px']}"
        return f"{size}, by transformers' own {clean(pixels['processor']['kind'])}, decoded in full"
    if pixels["resize_px"]:
        how = f"shorter side to {pixels['resize_px']}, centre crop"
    elif pixels.get("resize_hw_px"):
        height_px, width_px = pixels["resize_hw_px"]
        how = f"stretch to {width_px} x {height_px}, centre crop"
    size = f"{pixels['width_px']} x {pixels['height_px']}"
    return f"{size}, {how}, {pixels['interpolation']}, {pixels['decode']} decoding"


def _sampling(sampling: dict[str, Any]) -> str:
    match sampling["sampler"]:
        case "fps":
            text = f"{sampling['fps']:g} per second"
        case "every":
            text = f"every {sampling['every']} frames"
        case "uniform":
            text = f"{sampling['uniform']} spread evenly"
        case "keyframes":
            text = "key frames"
        case "shots":
            text = (
                "1 frame of each shot"
                if sampling["per_shot"] == 1
                else f"{sampling['per_shot']} frames of each shot"
            )
        case "times" | "frames" as listed:
            values = sampling["times_s" if listed == "times" else "frames"]
            text = f"{listed} {', '.join(f'{v:g}' for v in values[:_LISTED])}"
            text += f" and {len(values) - _LISTED} more" if len(values) > _LISTED else ""
        case _:
            centre = sampling.get("centre")
            hop = sampling["hop"] or (1 if centre else sampling["clip_length"] * sampling["frame_step"])
            rate = f" at {sampling['clip_fps']:g} per second" if sampling.get("clip_fps") else ""
            text = (
                f"clips of {sampling['clip_length']} frames{rate}, step {sampling['frame_step']}, "
                f"hop {hop}, {'centred, ' if centre else ''}tail {sampling['tail']}"
            )
    most = sampling.get("max_frames")
    text += f", {most:,} of each medium at most" if most else ""
    bound = sampling.get("changed_only")
    text += "" if bound is None else f", where changed by more than {bound:g} of the contrast"
    pages = ", a row for each page" if sampling.get("pages") == "all" else ""
    return text + _between(sampling) + pages


def _between(chosen: dict[str, Any]) -> str:
    start_s, end_s = chosen["t_start_s"], chosen["t_end_s"]
    text = "" if start_s is None else f", from {start_s:g} s"
    return text if end_s is None else f"{text}, to {end_s:g} s"
