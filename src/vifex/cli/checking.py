"""`vifex check`: every file of a store against its checksum."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import Flag, Json, helped
from vifex.cli.output import clean, print_json, print_line
from vifex.cli.targets import StorePath
from vifex.cli.wording import as_options

if TYPE_CHECKING:
    from vifex.store import ViewCheck

__all__ = ["check"]

_SHOWN = 30


@helped
def check(
    store: StorePath,
    /,
    *,
    view: str | None = None,
    at: Annotated[str | None, Parameter(metavar="TAG")] = None,
    repair: Flag = False,
    dry_run: Flag = False,
    all: Flag = False,
    json: Json = False,
) -> int:
    """Read every file of a store and report damage.

    For example:
        vifex check lib.vifex
        vifex check lib.vifex --repair --dry-run

    The command compares each data file with the checksum in the ledger, and each commit of the ledger with
    its own checksum, and counts the rows of each medium. Without --repair nothing is changed. The exit status
    is 0 if nothing is damaged, else 3.

    Parameters
    ----------
    store
        The store.
    view
        Only this view (default: all).
    at
        Name of a tag: read the store as it was when vifex tag made it.
    repair
        Mend what can be mended without a copy. What is proved stays; media with damaged rows or entries are
        made again by the next run of the command that made them.
    dry_run
        With --repair, change nothing and print what would be done.
    all
        List every damaged file and every affected medium, not only the first ones.
    """
    keep_pandas_out()
    from vifex.store import open_store
    from vifex.values import InputError

    if repair and at is not None:
        raise InputError("only the newest state of a store is repaired.", option="at", todo="Leave it out.")
    if repair:
        return _repair(store, view, dry_run=dry_run, all=all, json=json)
    if dry_run:
        raise InputError("belongs to --repair.", option="dry_run", todo="A check alone changes nothing.")
    with open_store(store, at=at) as opened:
        checks = opened.verify() if view is None else opened.verify([view])
    ok = not any(c.problems for c in checks)
    if json:
        print_json({"store": str(store), "ok": ok, "views": [c.to_dict() for c in checks]})
        return 0 if ok else 3
    for one in checks:
        _print_check(one, None if all else _SHOWN)
    if not checks:
        print_line(f"{clean(store)}: no views yet")
    elif not ok:
        _print_advice(store)
    return 0 if ok else 3


def _repair(store: Path, view: str | None, *, dry_run: bool, all: bool, json: bool) -> int:
    import vifex

    done = vifex.repair(store, view=view, dry_run=dry_run)
    if json:
        print_json(done.to_dict())
        return 0 if done.ok else 3
    limit = None if all else _SHOWN
    for one in done.views:
        name = f"view {clean(one.view)}"
        if not one.mended and not one.left:
            print_line(f"{name}: no damage")
        if one.mended:
            print_line(f"{name}: would be mended" if dry_run else f"{name}: mended")
        for text in one.mended:
            print_line(f"  {clean(text)}")
        if one.left:
            print_line(f"{name}: cannot be mended")
        for text in one.left:
            print_line(f"  {clean(as_options(text))}")
        if one.to_do:
            of = "from their sources" if one.made_by == "vifex extract" else "with the same choices"
            print_line(f"  the next {one.made_by} {of} makes {len(one.to_do):,} media again")
            for medium in one.to_do[:limit]:
                print_line(f"    {clean(medium)}")
            _print_rest(len(one.to_do), limit, "media")
    if not done.views:
        print_line(f"{clean(store)}: no views yet")
    return 0 if done.ok else 3


def _print_check(check: ViewCheck, limit: int | None) -> None:
    state = "no damage" if check.ok else "DAMAGED"
    if check.ok and check.without_checksum:
        state = "all files are readable"
    print_line(
        f"view {clean(check.view)}: {state}. {check.commits} commits, {check.rows} rows of {check.media} "
        f"media in {check.files} files"
    )
    if check.without_checksum:
        print_line(
            f"  no checksums for {check.without_checksum} files: an older Vifex wrote them. They can be "
            "read; whether their numbers are unchanged is unknown."
        )
    for problem in check.problems[:limit]:
        print_line(f"  {clean(problem.file)}: {clean(as_options(problem.what))}")
    _print_rest(len(check.problems), limit, "files")
    if check.affected:
        print_line(f"  media affected: {len(check.affected)}")
        for name in check.affected[:limit]:
            print_line(f"    {clean(name)}")
        _print_rest(len(check.affected), limit, "media")


def _print_rest(count: int, limit: int | None, what: str) -> None:
    if limit is not None and count > limit:
        print_line(f"  ... and {count - limit} more {what}: --all lists all")


def _print_advice(store: Path) -> None:
    print_line(
        "Restore the damaged files from a copy. Without a copy, mend what can be mended: "
        f"vifex check {clean(store)} --repair --dry-run says what that does."
    )
