"""What the signatures of the public API mention can be imported from `vifex`."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing
import PIL.Image
import pytest

import vifex
from vifex import compression, evaluation

PUBLIC = [n for n in vifex.__all__ if n != "__version__"]
# Types of libraries that need not be installed stand in signatures by name alone.
MADE_BY_FUNCTIONS = ("Evaluation", "LoadedModel", "Store", "View")
STRANGERS = {
    "nn": SimpleNamespace(Module=object),
    "torch": SimpleNamespace(Tensor=object),
    "pd": SimpleNamespace(DataFrame=object),
    "Image": PIL.Image,
    "np": np,
    "npt": np.typing,
}


def public(name: str) -> object:
    """Return what has a public name, in `vifex`, `vifex.compression` or `vifex.evaluation`."""
    places = (vifex, compression, evaluation)
    return next((value for place in places if (value := getattr(place, name, None)) is not None), None)


def signatures(name: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield a public function, or the public methods and properties of a class, its own and inherited."""
    value = getattr(vifex, name)
    if not inspect.isclass(value):
        yield name, value
        return
    if name not in MADE_BY_FUNCTIONS:
        yield f"{name}.__init__", value.__init__
    for attribute, member in inspect.getmembers(value):
        if attribute.startswith("_"):
            continue
        function = member.fget if isinstance(member, property) else member
        if inspect.isfunction(function) or inspect.ismethod(function):
            yield f"{name}.{attribute}", function


def hints(value: Any, home: ModuleType) -> dict[str, Any]:
    """Resolve annotations, names that the module imports for type checkers included."""
    names = {**STRANGERS, **typing_only(home), **vars(home)}
    return typing.get_type_hints(value, globalns=names, localns=names)


def typing_only(home: ModuleType) -> dict[str, Any]:
    """Give the names of Vifex's own that a module imports under TYPE_CHECKING: they must be public."""
    return {n: getattr(vifex, n) for n in PUBLIC if n not in vars(home) and hasattr(vifex, n)}


def mentioned(hint: Any) -> Iterator[type]:
    """Yield the classes in a type, its arguments included."""
    for part in typing.get_args(hint):
        if isinstance(part, list | tuple):
            for inner in part:
                yield from mentioned(inner)
        else:
            yield from mentioned(part)
    origin = typing.get_origin(hint) or hint
    if inspect.isclass(origin):
        yield origin


@pytest.mark.parametrize("name", PUBLIC)
def test_everything_a_signature_mentions_is_public(name: str) -> None:
    value = getattr(vifex, name)
    found = [(n, f, h) for n, f in signatures(name) for h in hints_of(f).values()]
    if inspect.isclass(value):  # the fields of a value too
        found += [(name, value, h) for h in fields(value).values()]
    for where, _, hint in found:
        for kind in mentioned(hint):
            if kind.__module__.partition(".")[0] == "vifex":
                assert kind is public(kind.__name__), f"{where} mentions {kind}"


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    function = inspect.unwrap(function)
    if not inspect.isfunction(function):  # of `object` or written in C
        return {}
    return hints(function, sys.modules[function.__module__])


def fields(value: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in reversed(value.__mro__):
        if kind.__module__.partition(".")[0] == "vifex" and "__annotations__" in vars(kind):
            home = sys.modules[kind.__module__]
            names = {**STRANGERS, **typing_only(home), **vars(home)}
            one = type("One", (), {"__annotations__": dict(vars(kind)["__annotations__"])})
            found |= typing.get_type_hints(one, globalns=names, localns=names)
    return {n: h for n, h in found.items() if not n.startswith("_")}


def test_the_options_of_a_run_are_those_of_extract() -> None:
    """`vifex.extract` has them in its signature for editors; the others take the same by `RunOptions`."""
    extract = inspect.signature(vifex.extract).parameters
    of_run = set(vifex.RunOptions.__annotations__) - set(vifex.Choices.__annotations__)
    assert of_run == {"model", "view", "views", "workers", "cores", "memory", "limits", "shards"}
    taken = hints(inspect.unwrap(vifex.extract), sys.modules["vifex.api.extracting"])
    given = hints(vifex.RunOptions, sys.modules["vifex.api.views"])
    assert {name: given[name] for name in of_run} == {name: taken[name] for name in of_run}
    assert of_run <= extract.keys()


def test_the_walk_finds_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(vifex, "Hit")
    monkeypatch.setattr(vifex, "_HOMES", {n: h for n, h in vifex._HOMES.items() if n != "Hit"})
    with pytest.raises(AssertionError, match=r"View\.contact_sheet mentions"):
        test_everything_a_signature_mentions_is_public("View")
