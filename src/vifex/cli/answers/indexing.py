"""`vifex index`: an approximate index of a store, with a recall that was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from vifex.cli.answers.options import OnCluster
from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import MODEL, OUTPUT, QUERY, Flag, Json, Quiet, helped
from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.reporting import print_notice, size
from vifex.cli.targets import StorePath

if TYPE_CHECKING:
    from vifex import StoredIndex

__all__ = ["index", "print_index"]


@helped
def index(
    store: StorePath,
    /,
    *,
    recall: Annotated[float, Parameter(group=QUERY)] = 0.95,
    view: Annotated[str | None, Parameter(group=QUERY)] = None,
    column: Annotated[str | None, Parameter(group=QUERY)] = None,
    metric: Annotated[str, Parameter(group=QUERY)] = "cosine",
    drop: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    seed: Annotated[int, Parameter(group=QUERY)] = 0,
    json: Json = False,
    quiet: Quiet = False,
    on: OnCluster = None,
    model: Annotated[str | None, Parameter(name=["--model", "-m"], group=MODEL)] = None,
) -> int:
    """Make an approximate index of a store and measure its recall; `vifex search --approximate` uses it.

    The recall is the share of the nearest rows of exact search that are found. It is measured with rows of
    the store as queries, each without itself among its hits. The same command again measures the recall of a
    store that has changed, and makes the index anew if it is out of date. Rows that the index does not hold
    are always compared exactly.

    For example:
        vifex index lib.vifex
        vifex index lib.vifex --recall 0.99
        vifex search lib.vifex photo.jpg --approximate
        vifex index lib.vifex --drop

    Parameters
    ----------
    store
        The store, or media, which are extracted into a store in the cache first.
    recall
        The recall that must be reached, from 0.5 to below 1.
    view
        The view (default: the only one, or main).
    column
        Column of the layer. It may be left out if the view has one layer.
    metric
        cosine, dot or l2. A search by another metric is exact.
    drop
        Drop the index and remove its files.
    seed
        Of the choice of the rows that are queries.
    model
        The model that media are extracted with.
    """
    keep_pandas_out()
    import vifex

    if drop:
        dropped = vifex.drop_index(store, view=view, column=column)
        if json:
            print_json({"store": str(store), "dropped": dropped})
        else:
            print_line(f"{clean(store)}: " + ("the index was dropped" if dropped else "there was no index"))
        return 0
    made = vifex.index(
        store,
        view=view,
        column=column,
        recall=recall,
        metric=metric,
        seed=seed,
        on=on,
        model=model,
        on_step=None if quiet or json else lambda step: print_line(f"{step} ...", err=True),
        on_notice=print_notice,
    )
    if json:
        print_json({"store": str(store), **made.to_dict()})
    else:
        print_index(made)
    return 0


def print_index(made: StoredIndex) -> None:
    """Print an index: what it holds, and the recall that was measured of each setting."""
    facts = made.facts
    print_line(
        f"index of {clean(facts.column)} ({facts.kind}, {facts.partitions} partitions, {facts.metric}): "
        f"{made.rows - made.rows_not_held} of {made.rows} rows, {size(made.size_bytes)}"
    )
    print_table(
        ["aim", "hits", "recall", "at least", "partitions", "candidates", "a query", "exact"],
        [
            [
                f"{one.recall:g}",
                one.k,
                f"{one.measured:.4f}",
                f"{one.low:.4f}",
                one.probes,
                one.candidates,
                f"{one.query_ms:.1f} ms",
                f"{facts.exact_ms:.1f} ms",
            ]
            for one in facts.settings
        ],
        right=["aim", "hits", "recall", "at least", "partitions", "candidates", "a query", "exact"],
    )
    if made.rows_not_held:
        print_line(f"{made.rows_not_held} newer rows are not in it and are compared exactly.")
    if made.changed_rows:
        print_line(
            f"The recall was measured when the view had {facts.rows} rows; vifex index measures it again."
        )
