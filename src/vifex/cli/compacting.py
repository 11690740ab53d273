"""`vifex compact`: a store that many small runs wrote becomes small and quick again."""

from __future__ import annotations

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import Json, helped
from vifex.cli.output import clean, print_json, print_line
from vifex.cli.reporting import size
from vifex.cli.targets import StorePath

__all__ = ["compact"]


@helped
def compact(store: StorePath, /, *, view: str | None = None, json: Json = False) -> int:
    """Merge small pieces of a store, and drop deleted rows and old versions.

    For example:
        vifex compact lib.vifex

    No row changes. While it runs it needs up to the size of the view on top. What an open reader or a tag
    reads stays until that is gone.

    Parameters
    ----------
    store
        The store.
    view
        Only this view (default: all).
    """
    keep_pandas_out()
    import vifex

    done = vifex.compact(store, view=view)
    if json:
        print_json(done.to_dict())
        return 0
    for one in done.views:
        kept = f"; {one.kept_versions:,} older versions stay for open readers or tags" * bool(
            one.kept_versions
        )
        print_line(
            f"view {clean(one.view)}: {size(one.size_bytes_before)} -> {size(one.size_bytes_after)}, "
            f"{one.fragments_before:,} -> {one.fragments_after:,} fragments, "
            f"{one.deleted_rows:,} deleted rows dropped{kept}"
        )
    print_line(f"{clean(done.store)}: {size(max(0, done.freed_bytes))} freed")
    return 0
