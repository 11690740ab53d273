"""Whatever passes the check of filters gives the rows that SQLite gives for the same condition."""

from __future__ import annotations

import runpy
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vifex.store import View, open_store
from vifex.values import InputError

write_store = runpy.run_path(str(Path(__file__).parents[1] / "unit" / "search" / "rows.py"))["write_store"]


@dataclass(frozen=True)
class Both:
    """The same rows in a view and in a table of SQLite."""

    view: View
    sqlite: sqlite3.Connection

    def by_vifex(self, where: str) -> list[str]:
        return list(self.view.to_arrow(["key"], where)["key"].to_pylist())

    def by_sqlite(self, where: str) -> list[str]:
        # Capitals count in LIKE, as in standard SQL, and a name in quotes is never a text.
        return [key for (key,) in self.sqlite.execute(f"SELECT key FROM rows WHERE {where} ORDER BY rowid")]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """120 rows in 40 media, labelled in turn."""
    x = np.random.default_rng(1).integers(-2, 3, (120, 2)).astype(np.float32)
    path = tmp_path_factory.mktemp("f") / "s.vifex"
    labels = ["cat", "dog", None, "it's", 'a"b', "Cat_1", "50%", "-- x; y"]
    with open_store(write_store(path, {"head": x}, labels=labels * 15)) as store:
        view = store.view("main")
        table = view.to_arrow([c for c in view.schema.names if c != "head"])
        oracle = sqlite3.connect(":memory:")
        oracle.execute("PRAGMA case_sensitive_like = ON")
        oracle.execute(f"CREATE TABLE rows ({', '.join(table.schema.names)})")
        marks = ", ".join("?" * table.num_columns)
        oracle.executemany(
            f"INSERT INTO rows VALUES ({marks})", zip(*table.to_pydict().values(), strict=True)
        )
        yield Both(view, oracle)


def quoted(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


TEXTS = st.sampled_from(["cat", "dog", "it's", 'a"b', "Cat_1", "50%", "", "CAT", "-- x; y", "(", "[`"]).map(
    quoted
)
WHOLE = st.integers(-3, 45)
TEXT_COLUMNS = st.sampled_from(["label", "name", "split", '"label"', "LABEL", "`name`"])
WHOLE_COLUMNS = st.sampled_from(["ordinal", "frame_index", "pts", '"ordinal"', "Ordinal"])
FLOAT_COLUMNS = st.sampled_from(["t_s", "t_start_s", "t_end_s"])
COMPARE = st.sampled_from(["=", "==", "!=", "<>", "<", "<=", ">", ">="])


def numbers(depth: int) -> st.SearchStrategy[str]:
    """Whole numbers and sums, differences and products of them."""
    flat = WHOLE_COLUMNS | WHOLE.map(lambda n: f"({n})" if n < 0 else str(n))
    if not depth:
        return flat
    inner = numbers(depth - 1)
    joined = st.tuples(inner, st.sampled_from([" + ", " - ", "*", " * "]), inner).map("".join)
    return flat | joined | joined.map("({})".format)


def conditions(depth: int) -> st.SearchStrategy[str]:
    """Conditions that Vifex and SQLite should understand alike."""
    flat = st.one_of(
        st.tuples(TEXT_COLUMNS, COMPARE, TEXTS).map(" ".join),
        st.tuples(TEXTS, COMPARE, TEXT_COLUMNS).map(" ".join),
        st.tuples(numbers(2), COMPARE, numbers(1)).map("".join),
        st.tuples(FLOAT_COLUMNS, COMPARE, st.floats(-1, 50, width=16).map(repr)).map(" ".join),
        st.tuples(
            TEXT_COLUMNS, st.sampled_from([" IN (", " NOT IN ("]), st.lists(TEXTS, min_size=1, max_size=4)
        ).map(lambda t: f"{t[0]}{t[1]}{', '.join(t[2])})"),
        st.tuples(WHOLE_COLUMNS, WHOLE, WHOLE).map(lambda t: f"{t[0]} BETWEEN ({t[1]}) AND {abs(t[2])}"),
        st.tuples(
            TEXT_COLUMNS,
            st.sampled_from(["LIKE", "NOT LIKE"]),
            st.sampled_from(["c%", "%a%", "_og", "Cat__", "%''%"]),
        ).map(lambda t: f"{t[0]} {t[1]} '{t[2]}'"),
        st.tuples(
            TEXT_COLUMNS | WHOLE_COLUMNS | FLOAT_COLUMNS, st.sampled_from(["IS NULL", "IS NOT NULL"])
        ).map(" ".join),
        st.sampled_from(["TRUE", "FALSE", "1 = 1", "coalesce(label, '-') = '-'", "length(name) > 3"]),
        st.tuples(TEXT_COLUMNS, TEXTS).map(lambda t: f"{t[0]} || 'x' = {t[1]} || 'x'"),
    )
    if not depth:
        return flat
    inner = conditions(depth - 1)
    return st.one_of(
        flat,
        st.tuples(inner, st.sampled_from([" AND ", " OR ", "\nand\t", " or "]), inner).map("".join),
        inner.map("NOT ({})".format),
        inner.map("({})".format),
    )


@settings(max_examples=150, deadline=None)
@given(where=conditions(3))
def test_a_condition_gives_the_rows_of_sqlite(both: Both, where: str) -> None:
    assert both.by_vifex(where) == both.by_sqlite(where)


TAILS = (
    "ordinal = 5|ORDER BY name|LIMIT 1|; x|;|-- x|/* x */|x|'x'|1|)|(|, 1|AND|OR|label|= 1 = 1 ordinal|"
    "UNION SELECT 1|[0]|NOT|IS|COLLATE NOCASE|ISNULL|GROUP BY 1"
)


@settings(max_examples=100, deadline=None)
@given(where=conditions(2), tail=st.sampled_from(TAILS.split("|")))
@example(where="label IS NULL", tail="NOT")
def test_nothing_stands_behind_a_condition_in_silence(both: Both, where: str, tail: str) -> None:
    """With a tail the filter is refused, or it still means what SQLite says that it means."""
    asked = f"{where} {tail}"
    try:
        found = both.by_vifex(asked)
    except InputError:
        return
    assert found == both.by_sqlite(asked)


WORDS = (
    "label ordinal t_s = < ( ) 'cat' 1 AND OR NOT IN IS NULL , + - LIKE BETWEEN "
    'TRUE lower || / % ; -- " "name" :: int SELECT'
    " '"
)
SCRAPS = st.lists(st.sampled_from(WORDS.split()), min_size=1, max_size=9)


@settings(max_examples=200, deadline=None)
@given(scraps=SCRAPS)
def test_scraps_of_sql_are_answered_as_sqlite_does_or_refused(both: Both, scraps: list[str]) -> None:
    """Random words never end in a traceback. What SQLite reads too, and to the end, gives the same rows."""
    asked = " ".join(scraps)
    try:
        found = both.by_vifex(asked)
    except InputError:
        return
    try:
        expected = both.by_sqlite(asked)
    except sqlite3.Error:
        return  # a type name, `::` or a function that SQLite has not
    assert found == expected
