"""The types of arguments, checked where a user calls: an `InputError` names the types that are taken.

The annotations of a public function say what it takes. Their outer types are checked, and the items of lists
and tuples; what an argument must be beyond its type is for the function itself.
"""

from __future__ import annotations

import functools
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import Parameter, isclass, signature
from numbers import Integral, Real
from os import PathLike
from typing import Any, Final, Literal, TypeVar, cast

import numpy as np

from vifex.values import InputError

__all__ = ["check_options", "checked"]

Function = TypeVar("Function", bound=Callable[..., Any])

_KEYWORDS: Final = (Parameter.KEYWORD_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def checked(*own: str) -> Callable[[Function], Function]:
    """Check the types of a function's arguments before it is called.

    Args:
        own: Arguments that the function checks itself, as it takes more than their annotation says.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            _check(function, own, args, kwargs)
            return function(*args, **kwargs)

        return cast(Function, call)

    return decorate


def check_options(options: Mapping[str, Any], kind: type, *, words: Sequence[str] = ()) -> None:
    """Check the values of options by a `TypedDict`.

    Args:
        options: Names that the `TypedDict` lacks are for the caller.
        kind: The `TypedDict`.
        words: Options whose words the caller checks: of these a `str` is enough.

    Raises:
        InputError: If one has another type.
    """
    hints = _resolved(kind)
    for name, value in options.items():
        if name in hints and not (name in words and isinstance(value, str)):
            _check_one(name, value, hints[name])


def _check(function: Callable[..., Any], own: Sequence[str], args: Any, kwargs: Mapping[str, Any]) -> None:
    parameters = _parameters(function)
    names = [p.name for p in parameters if p.kind in _KEYWORDS]
    hints = _resolved(function)
    for name, value in [*zip(names, args, strict=False), *kwargs.items()]:
        if name in hints and name in names and name not in own:
            _check_one(name, value, hints[name])


@functools.cache
def _parameters(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    return tuple(signature(function).parameters.values())


@functools.cache
def _resolved(annotated: Any) -> dict[str, Any]:
    """Return the annotations that can be resolved; types of libraries that are not imported cannot."""
    bases = annotated.__mro__ if isclass(annotated) else (annotated,)
    found: dict[str, Any] = {}
    for base in reversed([*getattr(annotated, "__orig_bases__", ()), *bases]):
        names = vars(sys.modules.get(getattr(base, "__module__", ""), types))
        for name, text in getattr(base, "__annotations__", {}).items():
            try:
                written = text.__forward_arg__ if isinstance(text, typing.ForwardRef) else text
                found[name] = eval(written, dict(names)) if isinstance(written, str) else written
            except (NameError, AttributeError):
                continue
    return found


def _check_one(name: str, value: Any, hint: Any) -> None:
    if not _fits(value, hint):
        raise InputError(f"takes {_words(hint)}, got {_shown(value)}.", option=name)


def _shown(value: Any) -> str:
    kind = type(value).__name__
    if isinstance(value, list | tuple) and value:
        return f"a {kind} of {type(value[0]).__name__}"
    return repr(value) if isinstance(value, str) else kind


# -- does a value fit? ------------------------------------------------------------------------------


def _fits(value: Any, hint: Any) -> bool:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in args)
    if origin is Literal:
        return any(value == known and type(value) is type(known) for known in args)
    if hint is None or hint is type(None):
        return value is None
    if hint is float:
        return isinstance(value, Real) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, Integral) and not isinstance(value, bool)
    if hint is bool:
        return isinstance(value, bool)
    if origin is Sequence:
        return _fits_sequence(value, args[0])
    return _fits_class(value, hint, origin)


def _fits_sequence(value: Any, item: Any) -> bool:
    if isinstance(value, str):
        return _fits(value, item)  # one name in place of a list of names
    if isinstance(value, np.ndarray):
        return value.ndim == 1
    if isinstance(value, bytes) or not isinstance(value, Sequence):
        return False
    return all(_fits(one, item) for one in value)


def _fits_class(value: Any, hint: Any, origin: Any) -> bool:
    kind = origin or hint
    if kind is Callable:
        return callable(value)
    if kind is Iterable:
        return isinstance(value, Iterable) and not isinstance(value, bytes)
    if typing.is_typeddict(kind):
        return isinstance(value, Mapping)
    if not isclass(kind) or (getattr(kind, "_is_protocol", False) and kind is not PathLike):
        return True
    if kind is typing.BinaryIO:
        return hasattr(value, "read")
    return isinstance(value, kind)


# -- what a hint says, in words ---------------------------------------------------------------------


def _words(hint: Any) -> str:
    parts = list(dict.fromkeys(_parts(hint)))
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}"


def _parts(hint: Any) -> list[str]:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return [words for part in args for words in _parts(part)]
    if origin is Literal:
        return [repr(known) for known in args]
    named = {
        str: "a str",
        int: "an int",
        float: "a number",
        bool: "True or False",
        type(None): "None",
        Callable: "a function",
        PathLike: "a path",
        np.ndarray: "an array",
        Mapping: "a mapping",
        typing.BinaryIO: "a file",
    }
    kind = origin or hint
    if kind in named:
        return [named[kind]]
    if kind in (Sequence, Iterable):
        items = [words.removeprefix("an ").removeprefix("a ") for words in _parts(args[0])]
        return [f"a list of {' or '.join(items)}"]
    return [f"a {getattr(kind, '__name__', str(kind))}"]
