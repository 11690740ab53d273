"""Filters: one whole condition over the columns of rows, or one sentence that says what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_maker import medium, outcome, recipe, rows_of

from vifex.store import Store, View, open_store, open_writer
from vifex.store.reading.filters import FUNCTIONS, MAX_DEPTH, checked_filter
from vifex.values import InputError


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> Iterator[View]:
    """10 media of 5 rows: `ordinal` 0 to 4, labels and splits as the maker gives them."""
    path = tmp_path_factory.mktemp("filters") / "s.vifex"
    with open_writer(path) as writer:
        rows = writer.view("main", recipe())
        for i in range(10):
            rows.add(outcome(medium(i), 5), rows_of(medium(i), 5))
    with open_store(path) as store:
        yield store.view()


def short(value: object) -> str:
    """A test's name of a few letters, whatever the length of its filter."""
    return str(value)[:40]


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("ordinal = 0", 10),
        ("(((ordinal = 0)))", 10),
        ("ordinal = 0\n  AND\tTRUE", 10),
        ('"ordinal" = 0 AND `ordinal` = 0 AND ORDINAL = 0', 10),
        ("\"name\" LIKE '%00003.mp4'", 5),
        ("name = 'ordinal = 0; -- /* \"x\" `y` ( ['", 0),
        ("name <> 'it''s'", 50),
        ("ordinal IN (0, 1) AND ordinal NOT IN (1)", 10),
        ("ordinal BETWEEN 1 AND 2 AND label IS NULL OR ordinal = 4", -1),
        ("CAST(ordinal AS double) < 1.5", 20),
        ("ordinal::string = '1' OR TRY_CAST(name AS int) = 1", 10),
        ("split_part(name, '.', 2) = 'mp4' AND lower(name) = name", 50),
        ("date '2020-01-01' < timestamp '2020-01-02 00:00:00'", 50),
        ("ordinal IS DISTINCT FROM 0", 40),
        ("- - ordinal = 1 AND ordinal - (-1) = 2", 10),
        ("ordinal IN (" + ", ".join(map(str, range(50_000))) + ")", 50),
        (" OR ".join(["ordinal = 0"] * 4_000), 10),
    ],
    ids=short,
)
def test_whole_conditions_are_evaluated(view: View, where: str, count: int) -> None:
    found = view.count_rows(where)
    assert found == view.to_arrow(["key"], where).num_rows == len(view.to_numpy(where=where))
    assert count in (-1, found)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        # What goes on behind a condition.
        ("ordinal = 0 ordinal = 5", "goes on behind its condition, with `ordinal`"),
        ("ordinal = 0 'x'", "goes on behind its condition, with 'x'"),
        ("ordinal = 0 5", "goes on behind its condition, with 5"),
        ("ordinal = 0 (ordinal = 5)", "goes on behind its condition"),
        ("(ordinal = 0) (ordinal = 5)", "goes on behind its condition"),
        ("ordinal = 0, ordinal = 5", "goes on behind a comma at character 12"),
        ("label = 'a' AND (ordinal = 0 ordinal = 5)", "goes on behind its condition"),
        ("ordinal = 0 ORDER BY name LIMIT 0", "ORDER at character 13 belongs to a whole query"),
        ("ordinal = 0 limit 1", "limit at character 13 belongs to a whole query"),
        ("ordinal = 0 UNION SELECT 1", "UNION at character 13 belongs to a whole query"),
        ("ordinal = 0; ordinal = 5", "a semicolon at character 12"),
        ("ordinal = 0;", "a semicolon at character 12"),
        ("1=1; DROP TABLE x", "a semicolon at character 4"),
        ("ordinal = 0 -- and the rest", "a comment at character 13"),
        ("ordinal = 0 /* the rest */", "a comment at character 13"),
        ("ordinal = 0 AND ordinal--1 = 0", "a comment at character 24"),
        ("ordinal ISNULL", "has no ISNULL"),
        ("name GLOB 'a*'", "has no GLOB"),
        ("name COLLATE x = 'a'", "has no COLLATE"),
        ("ordinal = 0 ; drop", "a semicolon at character 13"),
        # Parentheses and quotes.
        ("ordinal = 0)", "the parenthesis at character 12 was never opened"),
        ("ordinal = 0) OR (ordinal = 1", "the parenthesis at character 12 was never opened"),
        ("(ordinal = 0", "the parenthesis at character 1 is not closed"),
        ("name = 'photo", "the quote ' at character 8 is not closed"),
        ("name = 'it's'", "the quote ' at character 13 is not closed"),
        ('"name = 1', 'the quote " at character 1 is not closed'),
        ("`name = 1", "the quote ` at character 1 is not closed"),
        # Whole queries.
        ("ordinal IN (SELECT 1)", "SELECT at character 13 belongs to a whole query"),
        ("EXISTS (SELECT 1)", "EXISTS at character 1 belongs to a whole query"),
        ("DELETE FROM rows", "DELETE at character 1 belongs to a whole query"),
        ("row_number() OVER () = 1", "no function 'row_number'"),
        ("count(*) = 1", "no function 'count'"),
        ("CASE WHEN ordinal = 1 THEN true END", "has no CASE"),
        # Names.
        ("nope = 1", "there is no column 'nope'"),
        ("lable = 'cat'", "there is no column 'lable'. Did you mean label?"),
        (
            "\"Name\" = 'x'",
            "there is no column 'Name'. Text stands in single quotes: 'Name'. Did you mean name",
        ),
        ('label = "cat"', "there is no column 'cat'. Text stands in single quotes: 'cat'"),
        ("rows.name = 'x'", "'.name' at character 5 is no number"),
        ("_rowid = 0", "there is no column '_rowid'"),
        ("name = E'x'", "there is no column 'E'"),
        ("lowr(name) = 'x'", "no function 'lowr'. Did you mean lower"),
        ("getenv('HOME') = 'x'", "no function 'getenv'"),
        ("naïve = 1", "'ï' at character 3 has no meaning"),
        # Vectors.
        ("head_fc IS NOT NULL", "'head_fc' holds vectors"),
        ("HEAD_FC = 1", "'head_fc' holds vectors"),
        ('"stages_1" IS NULL', "'stages_1' holds vectors"),
        ("head_fc[0] = 1", "'[' at character 8 has no meaning"),
        # Not the same each time.
        ("random() < 0.5", "'random' gives another value each time"),
        ("RANDOM() < 0.5", "'RANDOM' gives another value each time"),
        ("to_timestamp(name) > now()", "'now' gives another value each time"),
        ("current_date > DATE '2020-01-01'", "'current_date' gives another value each time"),
        ("uuid() <> name", "'uuid' gives another value each time"),
        # What breaks off.
        ("", "the filter is empty"),
        (" \n", "the filter is empty"),
        ("ordinal = 0 AND", "breaks off"),
        ("label = ", "breaks off"),
        ("ordinal IN ()", "breaks off"),
        ("= 1", "= stands where a value is expected"),
        # What has another type or no value.
        ("label", "does not return a boolean"),
        ("1", "does not return a boolean"),
        ("ordinal < 1.5", "a column of type Int64 cannot be compared with 1.5"),
        ("ordinal = '1'", 'a column of type Int64 cannot be compared with "1"'),
        ("1/0 = 1", "Divide by zero"),
        ("ordinal % 0 = 1", "Divide by zero"),
        ("10 / (ordinal - 3) > 1", "Divide by zero"),
        ("cast(name as int) = 1", "Cannot cast string"),
        ("cast(name as boolean)", "Cannot cast value"),
        ("cast(ordinal as nonsense) = 1", "there is no column 'nonsense'"),
        ("cast(ordinal as varchar) = '1'", "has no VARCHAR"),
        ("to_timestamp(name) > timestamp '2020-01-01'", "Error parsing timestamp"),
        ("date_part('x', to_timestamp(0)) = 1", "'x' not supported"),
        ("date '2020-13-45' > date '2020-01-01'", "Cannot cast string '2020-13-45'"),
        ("regexp_like(name, '(')", "unclosed group"),
        ("chr(-1) = name", "invalid Unicode scalar"),
        ("name LIKE 'p!%' ESCAPE '!'", "has no ESCAPE"),
        # Parameters and other signs: Lance's own evaluation panics on some of them.
        *((f"label = {x}", "has no meaning here") for x in ("?", "$1", ":x", "@x", "$$cat$$", "{x}", "#")),
        ("label = 0x10", "'0x10' at character 9 is no number"),
        # Bytes of a command line that are no text.
        ("label = '\udcff'", "bytes that are no text"),
        ("\udcff", "bytes that are no text"),
        # Too long or too deep: these ended the process.
        ("1" + "+1" * 30_000 + "=1", "30000 operators in chains"),
        ("1" + "=1" * 30_000, "operators in chains"),
        ("NOT " * 30_000 + "TRUE", "operators in chains"),
        ("ordinal" + "::int" * 30_000 + " = 0", "operators in chains"),
        ("name" + " IS NULL" * 30_000, "operators in chains"),
        ("TRUE" + " BETWEEN FALSE AND TRUE" * 4_000, "operators in chains"),
        ("name" + "||name" * 30_000 + " = ''", "operators in chains"),
        ("(" * 30_000 + "TRUE" + ")" * 30_000, "nested more than 40 deep"),
        ("lower(" * 41 + "name" + ")" * 41 + " = 'x'", "nested more than 40 deep"),
        ("- " * 150 + "1 = 1", "nested too deep"),
        (" OR ".join(["ordinal = 0"] * 30_000), "29999 times AND or OR"),
        ("name = '" + "x" * (17 << 20) + "'", "characters"),
    ],
    ids=short,
)
def test_all_else_gets_one_sentence(view: View, where: str, said: str) -> None:
    for ask in (view.count_rows, lambda w: view.to_arrow(where=w), lambda w: view.to_numpy(where=w)):
        with pytest.raises(InputError) as wrong:
            ask(where)
        message = str(wrong.value)
        assert said in message
        assert len(message) < 700
        assert not re.search(r"\.rs:|rust/|\n", message)


def test_the_deepest_that_is_let_through_is_evaluated(view: View) -> None:
    deep = "(" * MAX_DEPTH + "ordinal" + "+1" * 190 + ")" * MAX_DEPTH + " = 190"
    wide = " OR ".join(["ordinal = 0"] * 4_900)
    assert view.count_rows(deep) == 10
    assert view.count_rows(f"{wide} OR {deep}") == 10


def test_a_filter_is_text(view: View) -> None:
    with pytest.raises(InputError, match="a filter is text in SQL, got int"):
        view.count_rows(5)  # type: ignore[arg-type]


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_lance_has_every_function_of_the_list(view: View, function: str) -> None:
    """A wrong number of arguments may be refused; a function that is not there may not."""
    said = ""
    try:
        view.count_rows(f"{function}(name) IS NOT NULL")
    except InputError as exc:
        said = str(exc)
    assert "Invalid function" not in said


def test_columns_are_given_in_the_quotes_of_lance() -> None:
    ready = checked_filter("\"a\" = 'a' and A<1 or `a` is null", ["a"], ["v"])
    assert ready == "(`a` = 'a' and `a`<1 or `a` is null)"


def test_a_store_with_no_rows_refuses_as_well(tmp_path: Path) -> None:
    with open_writer(tmp_path / "s.vifex") as writer:
        writer.view("main", recipe())
    store: Store
    with open_store(tmp_path / "s.vifex") as store:
        assert store.view().count_rows("ordinal = 0") == 0
        for where in ("ordinal = 0 ordinal = 5", "nope = 1", "ordinal = 0;"):
            with pytest.raises(InputError, match="is not understood"):
                store.view().count_rows(where)
