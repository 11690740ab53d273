"""`vifex fuse` and `vifex tree`: views made from views of the same store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from vifex.cli.output import clean, print_json, print_line
from vifex.cli.wording import as_options

if TYPE_CHECKING:
    from vifex import Report
    from vifex.values import Outcome

__all__ = ["fuse", "tree"]

_SHOWN = 20


def fuse(
    store: Path,
    /,
    *,
    view: Annotated[list[str] | None, Parameter(name=["--view", "-v"], negative=())] = None,
    method: str = "concat",
    output: Annotated[str, Parameter(name=["--output", "-o"])] = "fused",
    weights: str | None = None,
    mean: Annotated[list[str] | None, Parameter(negative=())] = None,
    within: float = 0.5,
    raw: Annotated[bool, Parameter(negative=())] = False,
    dims: int | None = None,
    train_on: Literal["label"] | None = None,
    seed: int = 0,
    json: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative=())] = False,
) -> int:
    """Make a view of rows fused from other views; the same command again brings it up to date.

    The rows of the first view are the base. Of each other view a base row takes the row of the same
    medium, the same box (or the whole image) and the same time: the one that overlaps most, else the
    nearest within --within. A row without a partner is left out, and the ledger says so.

    Parameters
    ----------
    store
        The store.
    view
        A view, or VIEW:COLUMN; give it twice or more, the base first.
    method
        concat, weighted (cosines become the weighted mean of the parts'), sum, pca
        (needs --dims), or gated and attention (learned: --train-on or --weights).
    output
        Name of the new view.
    weights
        For weighted and sum a number for each view, e.g. 0.7,0.3; else a file of
        what was learned: another view's fusion.npz, or .safetensors or .pt.
    mean
        A view of which the mean over the whole medium is taken, instead of each row's partner.
    within
        How far apart in time partners may be that do not overlap, in seconds.
    raw
        Leave the lengths of the inputs as they are (default: each is scaled to length 1).
    dims
        How many numbers a row has: for pca, and for what is trained (default: 256).
    train_on
        Learn the fusion from the rows' labels when the view is made.
    seed
        Of that.
    json
        Print the report as JSON.
    quiet
        No list of problems.
    """
    import vifex

    teller = _Teller(quiet=quiet)
    report = vifex.fuse(
        store,
        view or [],
        method=method,
        name=output,
        weights=_weights(weights),
        mean=mean or [],
        within_s=within,
        unit=not raw,
        dims=dims,
        train_on=train_on,
        seed=seed,
        on_outcome=teller.tell,
        on_notice=lambda notice: print_line(f"vifex: {clean(as_options(notice))}", err=True),
    )
    return _told(report, teller, json=json)


def tree(
    store: Path,
    /,
    *,
    view: Annotated[str, Parameter(name=["--view", "-v"])] = "main",
    column: str | None = None,
    output: Annotated[str, Parameter(name=["--output", "-o"])] = "tree",
    pooling: str = "mean",
    radius: int = 5,
    factor: float = 3.0,
    least: float = 0.05,
    shortest: int = 1,
    similar: float = 0.8,
    json: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative=())] = False,
) -> int:
    """Make views of shots, scenes and whole videos from a view of their frames.

    A new shot begins where the cosine distance between two rows stands out of those around it;
    neighbouring shots that are alike are a scene. Each part is a row with its times and its vector, in
    the views tree.shot, tree.scene and tree.video. The same command again brings them up to date.

    Parameters
    ----------
    store
        The store.
    view
        The view whose rows are the frames, or windows; the denser, the sharper the cuts.
    column
        The layer's column; may be left out where there is one.
    output
        What the names of the new views begin with.
    pooling
        How parts become a whole: mean (by duration), max or gem.
    radius
        Rows on both sides that a cut is compared with.
    factor
        How many times the median distance around it a cut's distance must be.
    least
        Cosine distance that a cut must have in any case.
    shortest
        Rows of the shortest shot that is kept apart.
    similar
        Cosine from which neighbouring shots are of one scene; above 1 every shot is one.
    json
        Print the report as JSON.
    quiet
        No list of problems.
    """
    import vifex

    teller = _Teller(quiet=quiet)
    report = vifex.tree(
        store,
        view=view,
        column=column,
        name=output,
        pooling=pooling,
        radius=radius,
        factor=factor,
        least=least,
        shortest=shortest,
        similar=similar,
        on_outcome=teller.tell,
    )
    return _told(report, teller, json=json)


def _weights(text: str | None) -> list[float] | Path | None:
    """Read numbers for the views, else the name of a file."""
    if text is None:
        return None
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        return Path(text)


class _Teller:
    """Says on standard error what did not end well, the first few in full."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._told = 0

    def tell(self, outcome: Outcome) -> None:
        self._told += 1
        if not self._quiet and self._told <= _SHOWN:
            print_line(
                f"{outcome.status}: {clean(outcome.medium.name)}: {clean(as_options(outcome.reason))}",
                err=True,
            )

    def close(self, report: Report) -> None:
        if not self._quiet and self._told > _SHOWN:
            print_line(
                f"... and {self._told - _SHOWN} more: vifex show {clean(report.store)} --view "
                f"{clean(report.views[0])} --problems",
                err=True,
            )


def _told(report: Report, teller: _Teller, *, json: bool) -> int:
    teller.close(report)
    if json:
        print_json(report.to_dict())
        return report.exit_status
    counts = [
        (report.ok, "ok"),
        (report.partial, "partial"),
        (report.skipped, "skipped"),
        (report.failed, "failed"),
        (report.already_done, "already done"),
    ]
    told = ", ".join(f"{n} {word}" for n, word in counts if n) or "nothing to do"
    views = ", ".join(clean(v) for v in report.views)
    print_line(
        f"{report.media} media: {told}. {report.rows} rows in {report.seconds:.1f} s -> "
        f"{clean(report.store)}, view{'s' * (len(report.views) > 1)} {views}"
    )
    return report.exit_status
