"""`vifex tag`: names for states of a store, which can be read later."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import Flag, Json, helped
from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.targets import StorePath

if TYPE_CHECKING:
    from vifex import StoreTag

__all__ = ["tag"]


@helped
def tag(store: StorePath, name: str | None = None, /, *, remove: Flag = False, json: Json = False) -> int:
    """Name the present state of a store, or list its tags.

    For example:
        vifex tag lib.vifex before-cleaning
        vifex tag lib.vifex
        vifex search lib.vifex photo.jpg --at before-cleaning
        vifex tag lib.vifex before-cleaning --remove

    search, show, export, history and check read the state with --at NAME, to the bit, whatever changed since.
    No file is copied; what a tag needs stays on disk until it is removed and vifex compact has run.

    Parameters
    ----------
    store
        The store.
    name
        Name of the tag (default: list the tags).
    remove
        Remove the tag of this name.
    """
    keep_pandas_out()
    import vifex

    if name is None:
        if remove:
            raise vifex.InputError("nothing says which tag to remove.", todo="Name it behind the store.")
        _print(store, vifex.tags(store), json=json)
        return 0
    if remove:
        vifex.remove_tag(store, name)
        said = f"tag {clean(name)} removed; vifex compact frees what it kept"
    else:
        made = vifex.tag(store, name)
        rows, media = (sum(getattr(view, n) for view in made.views) for n in ("n_rows", "n_media"))
        views = f"{len(made.views)} view{'s' * (len(made.views) > 1)}"
        said = f"tag {clean(name)} names {rows:,} rows of {media:,} media in {views}"
    if json:
        _print(store, vifex.tags(store), json=True)
    else:
        print_line(f"{clean(store)}: {said}")
    return 0


def _print(store: Path, found: tuple[StoreTag, ...], *, json: bool) -> None:
    if json:
        print_json({"store": str(store), "tags": [one.to_dict() for one in found]})
        return
    if not found:
        print_line(f"{clean(store)}: no tags")
        return
    print_table(
        ("tag", "made (UTC)", "view", "commit", "rows", "media"),
        [
            (
                one.name,
                f"{one.made:%Y-%m-%d %H:%M}",
                view.view,
                view.commit,
                f"{view.n_rows:,}",
                f"{view.n_media:,}",
            )
            for one in found
            for view in one.views
        ],
        right=("commit", "rows", "media"),
    )
