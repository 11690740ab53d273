"""An argument of a wrong type is an error of Vifex that names the argument and the types that are taken."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vifex

WRONG = (b"a", object(), [object()], {"a": object()})
CHOICES = sorted(vifex.ViewOptions.__optional_keys__)
OWN_WORDS = {"sources": "no source", "model": "no model", "images": "no image", "query": "no query"}
"""Arguments that take more than a few types; their errors say so in words of their own."""


def keywords(function: Callable[..., Any], *left_out: str) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind is not p.VAR_KEYWORD and p.name not in (*left_out, "self")]


def refused(name: str, value: Any, call: Callable[[], Any]) -> None:
    with pytest.raises(vifex.VifexError) as told:
        call()
    said = str(told.value)
    assert f"`{name}=` takes " in said or OWN_WORDS.get(name, "\0") in said, said


@pytest.mark.parametrize("name", [*keywords(vifex.extract), *CHOICES])
def test_of_extract(name: str, media: Path, tmp_path: Path) -> None:
    for value in WRONG:
        if isinstance(value, dict) and name == "views":
            continue
        words = {"sources": media, "store": tmp_path / "s.vifex", name: value}
        refused(name, value, lambda words=words: vifex.extract(**words))  # type: ignore[misc]
    assert not (tmp_path / "s.vifex").exists()


@pytest.mark.parametrize("name", [*keywords(vifex.stream), *CHOICES])
def test_of_stream(name: str, media: Path) -> None:
    for value in WRONG:
        words = {"sources": media, name: value}
        refused(name, value, lambda words=words: vifex.stream(**words))  # type: ignore[misc]


@pytest.mark.parametrize("function", [vifex.fuse, vifex.tree])
def test_of_derived_views(function: Callable[..., Any], store_path: Path) -> None:
    for name in keywords(function):
        for value in WRONG:
            words = {"store": store_path, name: value}
            if function is vifex.fuse:
                words = {"views": ["main", "main"], **words}
            refused(name, value, lambda words=words: function(**words))  # type: ignore[misc]


@pytest.mark.parametrize("name", keywords(vifex.open, "path", "model"))
def test_of_open(name: str, store_path: Path) -> None:
    for value in WRONG:
        refused(name, value, lambda value=value: vifex.open(store_path, **{name: value}))  # type: ignore[misc]


@pytest.mark.parametrize("name", ["weights", "trust_code", "on_notice"])
def test_of_load_model(name: str) -> None:
    for value in WRONG:
        refused(name, value, lambda value=value: vifex.load_model(**{name: value}))  # type: ignore[misc]


@pytest.mark.parametrize("method", ["encode", "features"])
def test_of_a_model(method: str) -> None:
    bound, image = getattr(vifex.load_model(), method), np.zeros((8, 8, 3), np.uint8)
    for name in keywords(bound, "images"):
        for value in WRONG:
            refused(name, value, lambda words={name: value}: bound(image, **words))  # type: ignore[misc]


METHODS: dict[str, dict[str, Any]] = {
    "count_rows": {},
    "ledger": {},
    "to_arrow": {},
    "to_numpy": {},
    "to_torch": {},
    "to_pandas": {},
    "search": {"query": "row:a:0"},
    "export": {"path": "a.npy", "to": "npy"},
    "contact_sheet": {"path": "a.html", "hits": []},
}


@pytest.mark.parametrize("method", METHODS)
def test_of_a_view(method: str, store: vifex.Store) -> None:
    bound = getattr(store, method)
    for name in keywords(bound, "query"):
        for value in WRONG:
            words = {**METHODS[method], name: value}
            refused(name, value, lambda words=words: bound(**words))  # type: ignore[misc]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"workers": 2.5}, r"`workers=` takes an int or None, got float"),
        ({"workers": True}, r"`workers=` takes an int or None, got bool"),
        ({"dtype": "float64"}, r"`dtype=` takes 'float32' or 'float16', got 'float64'"),
        ({"layers": ["a", 3]}, r"`layers=` takes a list of str, got a list of str"),
        ({"limits": 3}, r"`limits=` takes a Limits or None, got int"),
        ({"store": 3}, r"`store=` takes a str or a path, got int"),
        ({"on_outcome": 3}, r"`on_outcome=` takes a function or None, got int"),
        ({"views": {"a": {"fps": "1"}}}, r"`fps=` takes a number or None, got '1'"),
    ],
)
def test_the_accepted_types_are_named(words: dict[str, Any], said: str, media: Path, tmp_path: Path) -> None:
    with pytest.raises(vifex.InputError, match=said):
        vifex.extract(**{"sources": media, "store": tmp_path / "s", **words})


def test_numbers_of_numpy_are_numbers(media: Path, tmp_path: Path) -> None:
    report = vifex.extract(
        media / "clip.mp4",
        tmp_path / "s.vifex",
        fps=np.float32(2),  # type: ignore[arg-type]
        workers=np.int64(1),  # type: ignore[arg-type]
    )
    assert report.rows == 6
