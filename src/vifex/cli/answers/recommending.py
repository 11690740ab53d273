"""`vifex recommend`: what to see next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vifex.cli.answers.options import (
    METHOD,
    Column,
    Fps,
    Html,
    ModelName,
    Output,
    Overwrite,
    ViewName,
    Where,
    chosen,
)
from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import SOURCE, Json, Quiet, helped
from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.reporting import Notices, Problems
from vifex.cli.targets import StorePath

__all__ = ["recommend"]


@helped
def recommend(
    store: StorePath,
    /,
    *,
    history: Annotated[Path, Parameter(group=SOURCE)],
    view: ViewName = None,
    column: Column = None,
    where: Where = None,
    fps: Fps = None,
    count: Annotated[int, Parameter(name=["-k", "--count"], group=METHOD)] = 10,
    diversity: Annotated[float, Parameter(group=METHOD)] = 0.2,
    half_life: Annotated[float, Parameter(group=METHOD)] = 30.0,
    output: Output = None,
    html: Html = None,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
    model: ModelName = None,
) -> int:
    """Recommend media that suit a history and are unlike each other, with the reason for each.

    For example:
        vifex recommend lib.vifex --history seen.csv
        vifex recommend lib.vifex --history seen.csv -k 20 --diversity 0.5 --html next.html
        vifex recommend photos/ --history liked.txt --where "label = 'cat'"

    What is in the history, and copies of it, are never recommended. Choices follow maximal marginal
    relevance.

    Parameters
    ----------
    store
        A store, or media, which are extracted into the cache first.
    history
        What was seen: a .csv, .tsv, .json, .jsonl or .parquet file with a field name (or path, uri,
        medium_id) and, if they are known, time (seconds since 1970, or ISO 8601) and weight (default 1;
        below 0 for a dislike), or a .txt file with a name on each line.
    count
        Number of media at most.
    diversity
        0 gives the order of relevance; up to 1, media that are unlike those before come first.
    half_life
        Days after which an item of the history counts half; 0 ignores times.
    output
        Write the recommendations to this .csv or .parquet file.
    html
        Write a page with the recommendations to this file. It must not be inside a store.
    """
    keep_pandas_out()
    import vifex
    from vifex.search.times import format_time

    notices, problems = Notices(), Problems(quiet=quiet)
    found = vifex.recommend(
        store,
        history,
        count=count,
        diversity=diversity,
        half_life_days=half_life if half_life != 0 else None,
        output=output,
        html=html,
        overwrite=overwrite,
        view=view,
        column=column,
        where=where,
        model=model,
        on_outcome=problems.print,
        on_notice=notices.print,
        **chosen(fps),
    )
    for note in found.notes:
        notices.print(note)
    if json:
        print_json(found.to_dict())
        return 0
    print_table(
        ["rank", "relevance", "time", "name", "because of", "cosine"],
        [
            [
                one.rank,
                f"{one.relevance:.3f}",
                format_time(one.row.t_s),
                one.row.name,
                one.because,
                f"{one.similarity:.3f}",
            ]
            for one in found.recommendations
        ],
        right=["rank", "relevance", "time", "cosine"],
    )
    for what, file in (("table", output), ("page", html)):
        if file is not None:
            print_line(f"{what}: {clean(file)}")
    return 0
