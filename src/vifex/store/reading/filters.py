"""Filters of rows: one condition in SQL, checked before Lance sees it.

Lance reads a condition from the start of a filter and ignores what follows it. It takes double quotes for
text, though they mark names in SQL. A long chain of operators ends its process. `checked_filter` takes a
filter apart into tokens, refuses what a filter cannot hold, and gives the text for Lance: the condition in
parentheses, so that Lance's own parser refuses whatever stands behind it, and each column in the quotes that
Lance knows.

What a filter may hold: the columns of rows but for vectors, values of extra columns as `extra.NAME` or
`extra."NAME"`, texts in single quotes, numbers, `TRUE`, `FALSE`, `NULL`; `= == != <> < <= > >= + - * / % ||`;
`AND OR NOT IN LIKE ILIKE BETWEEN IS`, `IS DISTINCT FROM`, `CAST`, `TRY_CAST` and `::`; the functions in
`FUNCTIONS`, which give the same for the same row each time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vifex.values import InputError
from vifex.values.registry import near

__all__ = ["FUNCTIONS", "checked_filter", "evaluation_error"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTIONS: Final = _words(
    """abs acos acosh asin asinh atan atan2 atanh cbrt cos cosh cot degrees exp gcd isnan iszero lcm ln log
    log10 log2 nanvl pi pow power radians round signum sin sinh sqrt tan tanh trunc
    coalesce greatest ifnull least nullif nvl nvl2
    ascii bit_length btrim char_length character_length chr concat concat_ws contains ends_with find_in_set
    initcap instr left length levenshtein lower ltrim octet_length overlay replace reverse right rtrim
    split_part starts_with strpos substring_index to_hex translate trim upper
    regexp_count regexp_instr regexp_like regexp_match regexp_replace md5 sha224 sha256 sha384 sha512
    date_bin date_format date_part date_trunc from_unixtime make_date to_char to_date to_timestamp
    to_timestamp_micros to_timestamp_millis to_timestamp_nanos to_timestamp_seconds to_unixtime"""
)
"""The functions that a filter may call."""

_VARYING: Final = _words(
    """random rand uuid now today current_date current_time current_timestamp localtime localtimestamp"""
)
"""What gives something else each time: such a filter would never give the same rows twice."""

_CONNECTING: Final = _words("and or")
_COMPARING: Final = _words("not in like ilike between is = == != <> < <= > >=")
_LITERALS: Final = _words("true false null date timestamp")
_CASTS: Final = _words("cast try_cast")
_TYPES: Final = _words(
    "int integer bigint smallint tinyint unsigned float double string boolean date timestamp decimal"
)
_STATEMENTS: Final = _words(
    """select from where order group having limit offset union intersect except with exists any all some
    insert update delete drop create alter attach pragma set over partition join"""
)
_ABSENT: Final = _words(
    """case when then else end escape collate glob regexp rlike similar match xor div mod isnull notnull
    unknown interval at varchar text char numeric real bool array"""
)
"""Words of some SQL that Lance does not evaluate, or ignores."""

_SEE: Final = "docs/filters.md says what it has."

MAX_DEPTH: Final = 40
MAX_OPERATORS: Final = 200
MAX_CONDITIONS: Final = 5000
MAX_CHARACTERS: Final = 16 << 20

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+)
    | (?P<extra>[Ee][Xx][Tt][Rr][Aa]\.(?:[A-Za-z_][A-Za-z0-9_]*|"(?:[^"]|"")+"|`[^`]+`))
    | (?P<comment>--|/\*)
    | (?P<text>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*"|`[^`]*`)
    | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?![A-Za-z0-9_.])
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<symbol>\|\||::|<=|>=|<>|!=|==|[-=<>+*/%(),])""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    """`text`, `quoted`, `number`, `word`, `symbol`, or `extra` for a value of the extra columns."""
    text: str
    at: int
    """Number of its first character, from 1."""

    @property
    def low(self) -> str:
        """A word in lower case; of other kinds the text."""
        return self.text.lower() if self.kind == "word" else self.text


def checked_filter(
    where: str, columns: Sequence[str], vectors: Sequence[str], *, extra: str | None = None
) -> str:
    """Check a filter and give it as Lance reads it whole.

    Args:
        where: As the user wrote it.
        columns: Names of the columns that a filter may compare.
        vectors: Names of the feature columns, which it may not.
        extra: Name of the column of JSON whose values `extra.NAME` and `extra."NAME"` stand for; `None`
            where the rows have none.

    Raises:
        InputError: If it is not one condition over `columns`, or too long or too deep.
    """
    if not isinstance(where, str):
        raise InputError(f"a filter is text in SQL, got {type(where).__name__}.")
    if len(where) > MAX_CHARACTERS:
        raise InputError(
            f"the filter has {len(where)} characters, and at most {MAX_CHARACTERS} are read.",
            todo="Split it into several.",
        )
    if not _is_unicode(where):
        raise _refused(where, "it has bytes that are no text", "Write it in UTF-8.")
    tokens = list(_tokens(where))
    if not tokens:
        raise InputError("the filter is empty.", todo="Leave it out, or give a condition.")
    _check_shape(where, tokens)
    names = _Names(where, columns, vectors, extra, _kinds(tokens))
    out, at = ["("], 0
    for i, token in enumerate(tokens):
        after = tokens[i + 1] if i + 1 < len(tokens) else None
        before = tokens[i - 1] if i else None
        out += [where[at : token.at - 1], names.ready(token, before, after)]
        at = token.at - 1 + len(token.text)
    return "".join([*out, ")"])


def _is_unicode(text: str) -> bool:
    """Whether a text has no lone surrogates, which stand for bytes of a command line that are no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _tokens(where: str) -> Iterator[_Token]:
    at = 0
    while at < len(where):
        match = _TOKEN.match(where, at)
        if match is None or match.lastgroup == "comment":
            raise _unreadable(where, at)
        if match.lastgroup != "space":
            yield _Token(str(match.lastgroup), match[0], at + 1)
        at = match.end()


def _unreadable(where: str, at: int) -> InputError:
    """Explain why no token begins at a place."""
    rest, place = where[at:], f"at character {at + 1}"
    if rest.startswith(("--", "/*")):
        why, todo = f"it holds a comment {place}", "Leave comments out; write - (-1) for minus a minus."
    elif rest[0] in "'\"`":
        why, todo = f"the quote {rest[0]} {place} is not closed", "Double a quote that is part of a text: ''."
    elif rest[0] == ";":
        why, todo = f"it goes on behind a semicolon {place}", "A filter is one condition."
    elif rest[0] in "[]":
        why, todo = f"{rest[0]!r} {place} has no meaning here", "A filter compares single values."
    elif rest[0] in "0123456789.":
        word = re.match(r"[\w.]*", rest)
        why = f"{word[0] if word else rest[0]!r} {place} is no number"
        todo = "Write numbers as 12, 1.5 or 1e3, and no dots in the names of columns."
    else:
        why, todo = f"{rest[0]!r} {place} has no meaning here", "Text stands in single quotes: 'cat'."
    return _refused(where, why, todo)


def _check_shape(where: str, tokens: Sequence[_Token]) -> None:
    """Check that parentheses match, and that nesting and chains of operators are within what Lance takes."""
    open_at: list[int] = []
    operators = conditions = 0
    compared = False  # whether a comparison stands already since the last AND, OR, comma or parenthesis
    between = False  # whether the next AND belongs to a BETWEEN
    for token in tokens:
        word = token.low
        if word == "(":
            open_at.append(token.at)
            if len(open_at) > MAX_DEPTH:
                raise _refused(where, f"it is nested more than {MAX_DEPTH} deep", "Write it flatter.")
        elif word == ")":
            if not open_at:
                raise _refused(
                    where, f"the parenthesis at character {token.at} was never opened", "Leave it out."
                )
            open_at.pop()
        elif word == "," and not open_at:
            why = f"it goes on behind a comma at character {token.at}"
            raise _refused(where, why, "Join conditions with AND or OR.")
        elif token.kind == "symbol" and word not in _COMPARING and word != ",":
            operators += 1
        elif word in _COMPARING and token.kind in ("word", "symbol"):
            # What is chained without AND or OR is as deep as it is long.
            operators += compared
            compared = True
            between = between or word == "between"
        if word == "and" and between:
            between = False
        elif word in _CONNECTING or word in "(),":
            compared = False
            conditions += word in _CONNECTING
    if open_at:
        raise _refused(where, f"the parenthesis at character {open_at[-1]} is not closed", "Close it.")
    if operators > MAX_OPERATORS or conditions > MAX_CONDITIONS:
        raise _refused(
            where,
            f"it has {operators} operators in chains and {conditions} times AND or OR; at most "
            f"{MAX_OPERATORS} and {MAX_CONDITIONS} are evaluated",
            "Write a long list of values as COLUMN IN (A, B, ...).",
        )


def _kinds(tokens: Sequence[_Token]) -> dict[int, str]:
    """Say as what values of extra columns are compared: as the first literal of their comparison is.

    What stands in a call of a function is a text.

    Returns:
        By the place of the value: `DOUBLE` or `BOOLEAN`; texts are left out.
    """
    kinds: dict[int, str] = {}
    waiting: list[int] = []
    literal: str | None = None
    between = False
    calls: list[bool] = []
    for place, token in enumerate(tokens):
        word = token.low
        if word == "(":
            before = tokens[place - 1] if place else None
            is_call = before is not None and before.kind == "word" and before.low in FUNCTIONS
            calls.append(is_call or any(calls[-1:]))
        elif word == ")":
            calls.pop()
        elif any(calls[-1:]):
            continue
        elif token.kind == "extra":
            waiting.append(token.at)
        elif token.kind == "number" or word in ("true", "false") or token.kind == "text":
            own = {"number": "DOUBLE", "text": ""}.get(token.kind, "BOOLEAN")
            literal = own if literal is None else literal
        elif word == "between":
            between = True
        elif word == "and" and between:
            between = False
        elif word in _CONNECTING:
            kinds |= dict.fromkeys(waiting, literal or "")
            waiting, literal = [], None
    kinds |= dict.fromkeys(waiting, literal or "")
    return {place: kind for place, kind in kinds.items() if kind}


class _Names:
    """What the words and quoted names of a filter stand for."""

    def __init__(
        self,
        where: str,
        columns: Sequence[str],
        vectors: Sequence[str],
        extra: str | None,
        kinds: Mapping[int, str],
    ) -> None:
        self._where, self._extra, self._kinds = where, extra, kinds
        self._columns = list(columns)
        self._vectors = set(vectors)
        # Names without quotes fold their case, as in SQL; no two columns differ in case alone.
        self._folded = {c.lower(): c for c in [*columns, *vectors]}

    def ready(self, token: _Token, before: _Token | None, after: _Token | None) -> str:
        """Return a token as Lance reads it."""
        if token.kind == "extra":
            return self._value(token)
        if token.kind == "quoted":
            return self._column(token, token.text[1:-1].replace('""', '"'), quoted=True)
        if token.kind != "word":
            return token.text
        if after is not None and after.text == "(" and token.low not in _CONNECTING | _COMPARING:
            return self._function(token, before)
        if token.low in self._folded:
            return self._column(token, self._folded[token.low], quoted=False)
        if token.low == "from" and before is not None and before.low == "distinct":
            return token.text
        if token.low in _TYPES and before is not None and before.low in ("as", "::", *_TYPES):
            return token.text
        if token.low in _CONNECTING | _COMPARING | _LITERALS | {"as", "distinct"}:
            return token.text
        raise self._unknown(token)

    def _value(self, token: _Token) -> str:
        """Return a value of the extra columns, of the type that it is compared as."""
        if self._extra is None:
            todo = f"Columns: {', '.join(self._columns)}."
            raise _refused(self._where, "the rows have no extra columns", todo)
        name = token.text.partition(".")[2].strip()
        if name[0] in '"`':
            name = name[1:-1].replace('""', '"')
        value = f"json_get_string(`{self._extra}`, {_as_text(name)})"
        kind = self._kinds.get(token.at)
        return f"TRY_CAST({value} AS {kind})" if kind else value

    def _column(self, token: _Token, name: str, *, quoted: bool) -> str:
        if name in self._vectors:
            raise _refused(
                self._where,
                f"the column {name!r} holds vectors, which have no order and no equality here",
                f"A filter compares {', '.join(self._columns)}.",
            )
        if name in self._columns:
            return f"`{name}`"
        todo = f"{near(name, self._columns)}Columns: {', '.join(self._columns)}."
        if quoted and token.text[0] == '"':
            todo = f"Text stands in single quotes: {_as_text(name)}. {todo}"
        raise _refused(self._where, f"there is no column {name!r}", todo)

    def _function(self, token: _Token, before: _Token | None) -> str:
        if token.low in _TYPES and before is not None and before.low in ("as", "::"):
            return token.text  # decimal(5, 2), timestamp(6)
        if token.low in _VARYING:
            raise self._varying(token)
        if token.low in _STATEMENTS | _ABSENT:
            raise self._unknown(token)
        if token.low not in FUNCTIONS | _CASTS:
            raise _refused(
                self._where,
                f"a filter has no function {token.text!r}",
                f"{near(token.low, sorted(FUNCTIONS))}{_SEE}",
            )
        return token.text

    def _unknown(self, token: _Token) -> InputError:
        word = token.low
        if word in _VARYING:
            return self._varying(token)
        if word in _STATEMENTS:
            said = f"{token.text} at character {token.at} belongs to a whole query, not to a condition"
            return _refused(self._where, said, "Give the condition alone, e.g. label = 'cat' AND t_s < 60.")
        if word in _TYPES:
            return _refused(self._where, f"{token.text!r} at character {token.at} is a type", "Write CAST.")
        if word in _ABSENT:
            return _refused(self._where, f"a filter has no {token.text.upper()}", _SEE)
        todo = (
            f"{near(word, self._columns)}Columns: {', '.join(self._columns)}; text stands in single quotes."
        )
        return _refused(self._where, f"there is no column {token.text!r}", todo)

    def _varying(self, token: _Token) -> InputError:
        return _refused(
            self._where,
            f"{token.text!r} gives another value each time, so the same filter would give other rows",
            "Compare with a fixed value.",
        )


_TROUBLE: Final = (
    "Invalid user input: ",
    "Error applying filter expression to batch: ",
    "Query Execution error: ",
    "Not supported: ",
)
"""What Lance's messages about filters hold, before the cause."""


def evaluation_error(exc: BaseException, where: str, ready: str, columns: Sequence[str]) -> InputError | None:
    """Return one sentence that says why Lance could not read or evaluate a filter; `None` for other errors.

    Args:
        exc: What Lance raised while it used the filter.
        where: The filter as the user wrote it.
        ready: The filter as `checked_filter` gave it to Lance.
        columns: Names of the columns that a filter may compare.
    """
    message = str(exc).replace(f"Error optimizing sql filter: {ready} (", "")
    if "Task was aborted" in message or type(exc).__name__ == "PanicException":
        return _refused(where, "Lance has no way to evaluate it", "Write it in another way.")
    if not any(t in message for t in _TROUBLE):
        return None
    parsed = re.search(r"sql parser error: (.*?)\)?, /", message, re.DOTALL)
    if parsed is not None:
        return _unparsed(parsed[1], where)
    cause = message
    for trouble in _TROUBLE:
        cause = cause.rpartition(trouble)[2]
    # Lance appends the place in its source and its own list of fields, some with what was tried.
    cause = re.split(
        r"\)?,? /home/|, rust/|\. Valid fields|\. No function matches|\. Supported types", cause
    )[0]
    cause = re.sub(r"^((Arrow|Cast|Parser|Execution) error|Error during planning|LanceError.*?): ", "", cause)
    cause = " ".join(cause.split())
    literal = re.search(
        r"Received literal (\w+)\((.*)\) and could not convert to literal of type '(\w+)'", cause
    )
    if "Failed to convert to string: InvalidCast" in cause:
        cause = "a value of an extra column is a list or an object, which cannot be compared"
    if literal is not None:
        cause = f"a column of type {literal[3]} cannot be compared with {literal[2]}, of type {literal[1]}"
    return InputError(
        f"the filter {_shown(where)!r} cannot be evaluated: {cause.strip().rstrip('.')}.",
        todo=f"It takes SQL conditions on the columns {', '.join(columns)}.",
    )


def _unparsed(said: str, where: str) -> InputError:
    found = said.rpartition("found: ")[2].strip() if "found: " in said else ""
    if "recursion" in said:
        return _refused(where, "it is nested too deep", "Write it flatter.")
    if found in (")", "EOF", ""):
        return _refused(
            where, "it breaks off: a value or a condition is missing", "Complete it, e.g. label = 'cat'."
        )
    if said.startswith("Expected: )"):
        return _refused(
            where, f"it goes on behind its condition, with {found}", "Join conditions with AND or OR."
        )
    return _refused(where, f"{found} stands where a value is expected", "Give one condition in SQL.")


def _refused(where: str, why: str, todo: str) -> InputError:
    return InputError(f"the filter {_shown(where)!r} is not understood: {why}.", todo=todo)


def _shown(where: str) -> str:
    return where if len(where) <= 200 else f"{where[:150]} ... {where[-40:]}"


def _as_text(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"
