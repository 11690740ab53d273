"""Feature columns of a view by name: the name of the column, the name of its layer, or the only one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vifex.values import InputError
from vifex.values.registry import near

if TYPE_CHECKING:
    from vifex.store.reading.view import View

__all__ = ["one_column"]


def one_column(view: View, column: str | None) -> str:
    """Resolve the name of a feature column.

    Args:
        view: The view that has the column.
        column: Name of a column or of a layer; `None` means the view's only feature column.

    Raises:
        InputError: If there is no such column, or `column` is `None` and the view has several.
    """
    known = list(view.columns)
    if column is None:
        if len(known) == 1:
            return known[0]
        raise InputError(
            f"the view has {len(known)} feature columns, so one must be named.",
            of=view.name,
            todo=f"Columns: {', '.join(known)}.",
        )
    if column in known:
        return column
    layers = {spec.layer.name: spec.column for spec in view.recipe.layers}
    if column in layers:
        return layers[column]
    raise InputError(
        f"there is no feature column {column!r}.",
        of=view.name,
        todo=f"{near(column, [*known, *(n for n in layers if n not in known)])}Columns: {', '.join(known)}.",
    )
