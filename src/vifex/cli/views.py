"""`vifex views`: the views of a store, removing and renaming them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import Flag, Json, helped
from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.reporting import size
from vifex.cli.targets import StorePath

__all__ = ["views"]


@helped
def views(
    store: StorePath,
    /,
    *,
    remove: str | None = None,
    rename: Annotated[tuple[str, str] | None, Parameter(negative=())] = None,
    force: Flag = False,
    dry_run: Flag = False,
    json: Json = False,
) -> int:
    """List the views of a store; --remove and --rename change which there are.

    For example:
        vifex views lib.vifex
        vifex views lib.vifex --rename main frames
        vifex views lib.vifex --remove old --dry-run

    A view is removed with its rows and its ledger, and the space is free at once. A view that a program has
    open is left alone.

    Parameters
    ----------
    store
        The store.
    remove
        Remove the view of this name.
    rename
        OLD NEW: give the view OLD the name NEW.
    force
        With --remove, remove the only view, or one that other views were made from.
    dry_run
        With --remove, remove nothing; print what would be removed.
    """
    keep_pandas_out()
    import vifex

    if remove is not None and rename is not None:
        raise vifex.InputError("`remove=` and `rename=` exclude each other.", todo="Do one after the other.")
    if remove is None and (force or dry_run):
        raise vifex.InputError(
            "`force=` and `dry_run=` belong to `remove=`.", todo="Add `remove=` with the name of a view."
        )
    if remove is not None:
        gone = vifex.remove_view(store, remove, force=force, dry_run=dry_run)
        if json:
            print_json(gone.to_dict())
        else:
            verb = "would be removed" if dry_run else "removed"
            held = f"{gone.rows:,} rows of {gone.media:,} media" if gone.rows is not None else "damaged"
            print_line(f"{clean(store)}: view {clean(remove)} {verb} ({held}, {size(gone.size_bytes)})")
        return 0
    if rename is not None:
        vifex.rename_view(store, *rename)
        if not json:
            print_line(f"{clean(store)}: view {clean(rename[0])} is called {clean(rename[1])} now")
            return 0
    _print(store, json=json)
    return 0


def _print(store: Path, *, json: bool) -> None:
    import vifex

    found = vifex.views(store)
    if json:
        print_json({"store": str(store), "views": [view.to_dict() for view in found]})
        return
    print_table(
        ("view", "model", "layers", "rows", "media", "size", "made (UTC)", "changed (UTC)"),
        [
            (
                view.view,
                view.model,
                ", ".join(view.layers),
                *("damaged" if n is None else f"{n:,}" for n in (view.rows, view.media)),
                size(view.size_bytes),
                *("" if time is None else f"{time:%Y-%m-%d %H:%M}" for time in (view.made, view.changed)),
            )
            for view in found
        ],
        right=("rows", "media", "size"),
    )
