"""What holds for every name, every manifest and every set of files."""

from __future__ import annotations

import csv
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vifex.media.sources import find
from vifex.values import Box, InputError, Medium, Outcome, Span
from vifex.values.media import uri_to_path

posix = pytest.mark.skipif(os.name == "nt", reason="names are text there")
some = settings(max_examples=60, deadline=None)

NAMES = st.binary(min_size=1, max_size=60).map(
    lambda raw: (raw.replace(b"/", b"_").replace(b"\0", b"_").lstrip(b".") or b"x") + b".jpg"
)


@contextmanager
def folder_of(names: set[bytes]) -> Iterator[bytes]:
    folder = os.fsencode(tempfile.mkdtemp())
    try:
        for name in names:
            with open(os.path.join(folder, name), "wb"):  # noqa: PTH118, PTH123
                pass
        yield folder
    finally:
        shutil.rmtree(folder)


def paths(found: list[Medium | Outcome]) -> list[bytes]:
    assert all(isinstance(f, Medium) for f in found)
    return [os.fsencode(uri_to_path(f.uri)) for f in found if isinstance(f, Medium)]


@posix
@some
@given(st.sets(NAMES, min_size=1, max_size=8))
def test_every_name_survives_every_way_in(names: set[bytes]) -> None:
    """Folder, list with NUL, manifest and naming give the same files, byte for byte, each once."""
    with folder_of(names) as folder:
        there = sorted(os.path.join(folder, name) for name in names)  # noqa: PTH118
        by_folder = list(find([folder]))
        assert paths(by_folder) == there
        by_list = list(find("-", stdin=io.BytesIO(b"\0".join([*there, *there]) + b"\0")))
        assert paths(by_list) == there
        assert paths(list(find(there))) == there
        assert paths(list(find([*there, folder]))) == there
        for f in by_folder:
            assert isinstance(f, Medium)
            f.name.encode()
            f.uri.encode("ascii")


@posix
@some
@given(st.sets(NAMES, min_size=1, max_size=8))
def test_a_table_names_every_file(names: set[bytes]) -> None:
    with folder_of(names) as folder:
        manifest = os.path.join(folder, b"list.csv")  # noqa: PTH118
        with open(manifest, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:  # noqa: PTH123
            table = csv.writer(file, quoting=csv.QUOTE_ALL)
            table.writerows([["uri"], *([os.fsdecode(name)] for name in sorted(names) if name.strip())])
        assert paths(list(find([manifest]))) == sorted(os.path.join(folder, name) for name in names)  # noqa: PTH118


SPANS = st.sampled_from([None, Span(0, 1), Span(1, 2), Span(None, 3)])
BOXES = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h), *[st.integers(0, 9)] * 2, *[st.integers(1, 9)] * 2
)
LINES = st.lists(st.tuples(st.sampled_from("abc"), SPANS, BOXES), min_size=1, max_size=30)


@some
@given(LINES)
def test_boxes_are_grouped_whatever_the_order_of_lines(lines: list[tuple[str, Span | None, Box]]) -> None:
    expected: dict[tuple[str, Span | None], dict[Box, None]] = {}
    text = "uri,t_start_s,t_end_s,x0,y0,x1,y1\n"
    for name, span, box in lines:
        expected.setdefault((f"{name}.jpg", span), {})[box] = None
        start, end = (span.t_start_s, span.t_end_s) if span else (None, None)
        times = ",".join("" if t is None else str(t) for t in (start, end))
        text += f"{name}.jpg,{times},{box.x0},{box.y0},{box.x1},{box.y1}\n"
    with folder_of({b"a.jpg", b"b.jpg", b"c.jpg"}) as folder:
        manifest = Path(os.fsdecode(folder)) / "list.csv"
        manifest.write_text(text)
        found = [f for f in find([manifest]) if isinstance(f, Medium)]
    assert {(m.name, m.span): m.boxes for m in found} == {k: tuple(v) for k, v in expected.items()}
    assert len(found) == len(expected)


@some
@given(st.binary(max_size=300), st.sampled_from(["list.csv", "list.tsv", "list.jsonl"]))
def test_no_manifest_raises_but_in_words(raw: bytes, name: str) -> None:
    with folder_of({b"a.jpg"}) as folder:
        manifest = Path(os.fsdecode(folder)) / name
        for prefix in (b"", b"uri,label,t_start_s\n", b'{"uri": "a.jpg"}\n{"uri": "'):
            manifest.write_bytes(prefix + raw)
            with suppress(InputError):
                found = list(find([manifest]))
                assert found
                ids = [(f.medium if isinstance(f, Outcome) else f).medium_id for f in found]
                assert len(set(ids)) == len(ids)


@some
@given(st.binary(max_size=300))
def test_no_list_raises_but_in_words(raw: bytes) -> None:
    """A list may name any folder, such as the root; what is tried here are names below an empty one."""
    lines = [b"/nowhere/" + line for line in raw.replace(b"..", b"").split(b"\n")]
    found = list(find("-", stdin=io.BytesIO(b"\n".join(lines))))
    assert found
    assert all(isinstance(f, Outcome) and f.status == "failed" for f in found)
