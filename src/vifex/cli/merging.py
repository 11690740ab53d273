"""`vifex merge`: several stores become one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import Flag, Json, helped
from vifex.cli.output import clean, print_json, print_line
from vifex.cli.targets import StorePath

if TYPE_CHECKING:
    from vifex import MergeConflict, MergedView

__all__ = ["merge"]

_SHOWN = 20


@helped
def merge(
    store: StorePath,
    /,
    *others: Path,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    copies: Flag = False,
    dry_run: Flag = False,
    json: Json = False,
) -> int:
    """Merge other stores into a store; nothing is computed, and the others are not changed.

    For example:
        vifex merge mine.vifex theirs.vifex --dry-run
        vifex merge mine.vifex theirs.vifex
        vifex merge mine.vifex theirs.vifex -o both.vifex

    Views of the same recipe become one. Of a medium that both have, a finished result wins over a failed one,
    and that of a newer file over that of an older one; otherwise the first store's counts. Interrupted, the
    same command goes on.

    Parameters
    ----------
    store
        The store that takes the others in, unless --output is given.
    others
        The other stores.
    output
        A store that takes in all of them, the first one too; it is made if it is not there.
    copies
        Keep media whose content is there at another address too (default: the first address stays).
    dry_run
        Change nothing; print what would come of merging each of the others with the first store.
    """
    keep_pandas_out()
    import vifex

    done = vifex.merge(store, *others, output=output, copies=copies, dry_run=dry_run)
    if json:
        print_json(done.to_dict())
        return 0
    for view in done.views:
        _print(view)
    total = sum(view.rows for view in done.views)
    verb = "would come" if dry_run else "came"
    sources = dict.fromkeys(clean(view.source) for view in done.views)
    print_line(f"{clean(done.store)}: {total:,} rows {verb} from {', '.join(sources)}")
    return 0


def _print(view: MergedView) -> None:
    said = f"view {clean(view.view)}"
    if view.is_new or view.into != view.view:
        said += f" -> {'new view ' * view.is_new}{clean(view.into)}"
    counts = [
        (view.added, "added"),
        (view.same, "there already"),
        (view.copies, "there at another address"),
        (view.replaced, "replaced by a better or newer result"),
        (view.left, "left as they were"),
        (view.labelled, "got a label or split"),
    ]
    words = ", ".join(f"{n:,} {word}" for n, word in counts if n) or "none"
    print_line(f"{clean(view.source)}: {said}: {view.media:,} media: {words}")
    for one in view.conflicts[:_SHOWN]:
        ours, theirs = (f"{clean(text)}{' (kept)' * (one.kept == whose)}" for text, whose in _both(one))
        print_line(f"  {clean(one.name)}: {one.what}: {ours}, in the other store {theirs}", err=True)
    if view.n_conflicts > _SHOWN:
        print_line(f"  and {view.n_conflicts - _SHOWN:,} more (the first 1,000 with --json)", err=True)


def _both(one: MergeConflict) -> tuple[tuple[str, str], tuple[str, str]]:
    return (one.ours, "ours"), (one.theirs, "theirs")
