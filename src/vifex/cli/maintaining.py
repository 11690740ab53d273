"""`vifex rm`, `prune`, `relocate`, `label`: changing a store without computing; `vifex history`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import Flag, Json, helped
from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.targets import StorePath
from vifex.cli.wording import as_options

if TYPE_CHECKING:
    from vifex import Removed

__all__ = ["history", "label", "prune", "relocate", "rm"]

_SHOWN = 20


@helped
def rm(
    store: StorePath,
    /,
    *names: str,
    where: str | None = None,
    view: str | None = None,
    dry_run: Flag = False,
    json: Json = False,
) -> int:
    """Remove media and their rows from a store; files are not touched.

    For example:
        vifex rm lib.vifex holiday/blurred.jpg
        vifex rm lib.vifex --where "label = 'test'" --dry-run

    Each medium is there whole or gone, also after a crash. The next extraction from the same sources makes
    removed media again.

    Parameters
    ----------
    store
        The store.
    names
        Names of media as `vifex show` gives them, or file:// addresses.
    where
        Remove every medium that has a row which this SQL filter matches.
    view
        Only from this view (default: all).
    dry_run
        Remove nothing; print what would be removed.
    """
    keep_pandas_out()
    import vifex

    _print(vifex.remove(store, names, where=where, view=view, dry_run=dry_run), json=json)
    return 0


@helped
def prune(
    store: StorePath,
    /,
    *sources: Annotated[str, Parameter(allow_leading_hyphen=True)],
    view: str | None = None,
    dry_run: Flag = False,
    json: Json = False,
) -> int:
    """Remove media whose files are gone, or that the sources no longer name.

    For example:
        vifex prune lib.vifex --dry-run
        vifex prune lib.vifex photos/ clips.csv

    A renamed file is gone under its old name. Files on a disk that is not mounted are gone too: use --dry-run
    first.

    Parameters
    ----------
    store
        The store.
    sources
        Sources as for `vifex extract`: media that none of them names are removed (default: media whose files
        do not exist).
    view
        Only from this view (default: all).
    dry_run
        Remove nothing; print what would be removed.
    """
    keep_pandas_out()
    import vifex

    _print(vifex.prune(store, list(sources) or None, view=view, dry_run=dry_run), json=json)
    return 0


@helped
def relocate(
    store: StorePath,
    old: str | None = None,
    new: str | None = None,
    /,
    *,
    among: Annotated[list[str] | None, Parameter(negative=())] = None,
    view: str | None = None,
    dry_run: Flag = False,
    json: Json = False,
) -> int:
    """Tell a store where its media are now; nothing is computed.

    For example:
        vifex relocate lib.vifex /old/photos /new/photos
        vifex relocate lib.vifex --among photos/ --dry-run

    A file takes the place of a medium only if its size and content are the same. The exit status is 3 if some
    media were not found.

    Parameters
    ----------
    store
        The store.
    old
        The folder, or the file, as it was called at extraction.
    new
        What it is called now.
    among
        In place of OLD and NEW: a source, such as a folder, among whose files media that are gone are
        recognised by their content. It may be given several times.
    view
        Only in this view (default: all).
    dry_run
        Change nothing; print what would be changed.
    """
    keep_pandas_out()
    import vifex

    done = vifex.relocate(store, old, new, among=among, view=view, dry_run=dry_run)
    if json:
        print_json(done.to_dict())
    else:
        verb = "would have" if dry_run else "have"
        print_line(f"{clean(store)}: {len(done.moved):,} media {verb} a new address")
        for uris, words in (
            (done.missing, "not found"),
            (done.different, "other content there"),
            (done.unsure, "perhaps moved, but changed at another time; give its OLD and NEW name"),
            (done.spans, "a span of a video, which cannot be moved; extract it again"),
        ):
            for uri in uris[:_SHOWN]:
                print_line(f"{words}: {clean(uri)}", err=True)
            if len(uris) > _SHOWN:
                print_line(f"{words}: {len(uris) - _SHOWN:,} more (all with --json)", err=True)
    return 3 if done.missing or done.different or done.unsure or done.spans else 0


@helped
def label(store: StorePath, labels: str, /, *, view: str | None = None, json: Json = False) -> int:
    """Give media of a store the labels and splits of a table; nothing is computed.

    For example:
        vifex label lib.vifex labels.csv
        vifex label lib.vifex folder

    Media that the table does not name keep what they have.

    Parameters
    ----------
    store
        The store.
    labels
        A CSV, TSV, JSONL or Parquet file with the columns name (or path, uri) and label, and perhaps split;
        or `folder` for the first folder of each name.
    view
        Only in this view (default: all).
    """
    keep_pandas_out()
    import vifex

    done = vifex.label(store, labels, view=view)
    if json:
        print_json(done.to_dict())
        return 0
    for note in done.notes:
        print_line(f"note: {as_options(note)}", err=True)
    print_line(f"{clean(store)}: {done.changed:,} media have another label or split now")
    return 0


@helped
def history(
    store: StorePath,
    /,
    *,
    view: str | None = None,
    at: Annotated[str | None, Parameter(metavar="TAG")] = None,
    json: Json = False,
) -> int:
    """List the runs that changed a store: when, by which command and version, and what they entered.

    Parameters
    ----------
    store
        The store.
    view
        Only of this view (default: all).
    at
        Name of a tag: read the store as it was when vifex tag made it.
    """
    keep_pandas_out()
    import vifex

    runs = vifex.history(store, view=view, at=at)
    if json:
        print_json([run.to_dict() for run in runs])
        return 0
    lines = [
        (
            run.view,
            str(run.number),
            "" if run.started is None else f"{run.started:%Y-%m-%d %H:%M:%S}",
            run.command,
            run.version,
            ", ".join(f"{count:,} {status}" for status, count in run.media.items()),
            f"{run.deleted:,}" if run.deleted else "",
            f"{run.rows:,}",
        )
        for run in runs
    ]
    print_table(("view", "run", "started (UTC)", "command", "vifex", "media", "deleted", "rows"), lines)
    return 0


def _print(removed: Removed, *, json: bool) -> None:
    if json:
        print_json(removed.to_dict())
        return
    for name in removed.names[:_SHOWN]:
        print_line(f"  {clean(name)}")
    if len(removed.names) > _SHOWN:
        print_line(f"  and {len(removed.names) - _SHOWN:,} more (all with --json)")
    verb = "would be removed" if removed.dry_run else "removed"
    where = f" from the views {', '.join(map(clean, removed.views))}" if len(removed.views) > 1 else ""
    print_line(f"{clean(removed.store)}: {len(removed.names):,} media {verb}{where}")
