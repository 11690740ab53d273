"""`vifex diff`: what differs between two stores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import Flag, Json, helped
from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.targets import as_typed
from vifex.cli.wording import as_options

if TYPE_CHECKING:
    from vifex import StoreDifference, ViewDifference

__all__ = ["diff"]

_SHOWN = 10


@helped
def diff(
    a: Annotated[Path, Parameter(converter=as_typed)],
    b: Annotated[Path, Parameter(converter=as_typed)],
    /,
    *,
    view: str | None = None,
    anyway: Flag = False,
    tolerance: float = 0.0,
    all: Flag = False,
    json: Json = False,
) -> int:
    """Compare two stores: recipes first, then media, then the numbers of their rows.

    For example:
        vifex diff old.vifex new.vifex
        vifex diff laptop.vifex server.vifex --tolerance 1e-4
        vifex diff fp32.vifex bf16.vifex --anyway

    Media are the same if their address is, else by name and content. Rows are the same if their medium and
    their time are. Views are compared with those of the same name. The exit status is 0 if nothing differs,
    else 3.

    Parameters
    ----------
    a
        A store, or media, which are extracted into the cache first.
    b
        The other one.
    view
        Only this view of both (default: all).
    anyway
        Compare rows although the recipes differ.
    tolerance
        Numbers differ if they are further apart than this.
    all
        List every medium that differs, not only the first ones.
    """
    keep_pandas_out()
    import vifex

    found = vifex.diff(a, b, view=view, anyway=anyway, tolerance=tolerance)
    if json:
        print_json(found.to_dict())
    else:
        _print(found, None if all else _SHOWN)
    return 0 if found.is_equal else 3


def _print(found: StoreDifference, limit: int | None) -> None:
    print_line(f"A: {clean(found.a)}")
    print_line(f"B: {clean(found.b)}")
    for side, names in (("A", found.only_a), ("B", found.only_b)):
        for name in names:
            print_line(f"view {clean(name)}: only in {side}")
    for view in found.views:
        _print_view(view, limit)
    if not found.views:
        print_line("No view of A has the name of a view of B.")
    elif found.is_equal:
        print_line("Nothing differs.")


def _print_view(view: ViewDifference, limit: int | None) -> None:
    name = clean(view.view) + ("" if view.view == view.other else f" (B: {clean(view.other)})")
    print_line(f"view {name}:")
    print_line(f"  recipe: {_counted(len(view.recipe), 'choice differs', 'choices differ')}")
    for line in view.recipe:
        print_line(f"    {clean(line)}")
    print_line(f"  media: {view.media} in both, {len(view.only_a)} only in A, {len(view.only_b)} only in B")
    _print_list([f"only in A: {name}" for name in view.only_a], limit)
    _print_list([f"only in B: {name}" for name in view.only_b], limit)
    _print_list(
        [f"{c.name}: {'; '.join(f'{f} {x} in A, {y} in B' for f, x, y in c.what)}" for c in view.changed],
        limit,
    )
    if view.columns or view.rows_only_a or view.rows_only_b:
        print_line(f"  rows: {view.rows} in both, {view.rows_only_a} only in A, {view.rows_only_b} only in B")
    for sentence in view.not_compared:
        print_line(f"  not compared: {clean(as_options(sentence))}")
    if view.columns and view.rows:
        print_table(
            ["column", "rows", "differ", "largest", "mean", "cosine mean", "cosine min", "largest at"],
            [
                [
                    c.column,
                    c.rows,
                    c.differing,
                    f"{c.largest:.3g}",
                    f"{c.mean:.3g}",
                    "" if c.cosine_mean is None else f"{c.cosine_mean:.6f}",
                    "" if c.cosine_min is None else f"{c.cosine_min:.6f}",
                    c.largest_at or "",
                ]
                for c in view.columns
            ],
            right=["rows", "differ", "largest", "mean", "cosine mean", "cosine min"],
        )


def _counted(count: int, one: str, several: str) -> str:
    return "the same" if not count else f"{count} {one if count == 1 else several}"


def _print_list(lines: Sequence[str], limit: int | None) -> None:
    for line in lines[:limit]:
        print_line(f"    {clean(line)}")
    if limit is not None and len(lines) > limit:
        print_line(f"    ... and {len(lines) - limit} more: --all lists all")
