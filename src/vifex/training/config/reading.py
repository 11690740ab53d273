"""Reading a configuration: TOML and settings become checked values, or one sentence says what is wrong."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from vifex.training.config.sections import Config
from vifex.values import InputError
from vifex.values.registry import near

__all__ = ["config_of", "load_config", "parse_config", "with_settings"]

_KINDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple[str, ...]": "a list of texts",
    "tuple[float, ...]": "a list of numbers",
}


def load_config(path: Path) -> Config:
    """Read a configuration from a TOML file.

    Raises:
        InputError: If the file cannot be read, or a section, key or value is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
        raise InputError(f"the configuration cannot be read: {why}.", of=str(path)) from exc
    return parse_config(text, of=str(path))


def parse_config(text: str, *, of: str) -> Config:
    """Check the text of a configuration.

    Args:
        text: TOML.
        of: Its file, for messages.

    Raises:
        InputError: If it is not TOML, or a section, key or value is wrong; the message offers similar names.
    """
    try:
        data = tomllib.loads(text)
    except ValueError as exc:
        raise InputError(f"the configuration is not valid TOML: {exc}.", of=of) from exc
    return _merged(Config(), data, of)


def config_of(sections: Mapping[str, Any], *, of: str = "the configuration") -> Config:
    """Check sections that are given as a mapping.

    Args:
        sections: Name of each section to its keys and values.
        of: What they are, for messages.

    Raises:
        InputError: If a section, key or value is wrong; the message offers similar names.
    """
    return _merged(Config(), sections, of)


def with_settings(config: Config, settings: Iterable[str]) -> Config:
    """Change values of a configuration.

    Args:
        config: It stays as it is.
        settings: Texts `section.key=value`. A value is written as in TOML; a text needs no quotes.

    Raises:
        InputError: If one of them is wrong; the message offers similar names.
    """
    for setting in settings:
        name, equals, value = setting.partition("=")
        section, dot, key = name.strip().partition(".")
        if not equals or not dot:
            raise InputError(
                f"{setting!r} is no setting.", todo="Write section.key=value, e.g. run.epochs=20."
            )
        # `network.options.width=64` sets one option.
        key, _, inner = key.partition(".")
        given: Any = _value(value.strip())
        if inner and section in _sections() and key in _keys(section):
            given = {**dict(getattr(getattr(config, section), key)), inner: given}
        config = _merged(config, {section: {key: given}}, setting)
    return config


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        return text


def _sections() -> list[str]:
    return [f.name for f in fields(Config)]


def _keys(section: str) -> list[str]:
    return [f.name for f in fields(get_type_hints(Config)[section])]


def _merged(config: Config, data: Mapping[str, Any], of: str) -> Config:
    for section, values in data.items():
        if section not in _sections():
            known = ", ".join(_sections())
            raise InputError(
                f"there is no section [{section}].",
                of=of,
                todo=f"{near(section, _sections())}Known: {known}.",
            )
        if not isinstance(values, Mapping):
            raise InputError(
                f"[{section}] is a section, and {values!r} is a value.", of=of, todo=f"Write [{section}]."
            )
        old = getattr(config, section)
        new = {key: _checked(old, section, key, value, of) for key, value in values.items()}
        config = replace(config, **{section: replace(old, **new)})
    return config


def _checked(owner: Any, section: str, key: str, value: Any, of: str) -> Any:
    found = {f.name: f for f in fields(owner)}.get(key)
    if found is None:
        keys = _keys(section)
        raise InputError(
            f"[{section}] has no key {key!r}.", of=of, todo=f"{near(key, keys)}Known: {', '.join(keys)}."
        )
    kind = str(found.type)
    converted = _converted(kind, value)
    if converted is None:
        raise InputError(
            f"{section}.{key} must be {_KINDS.get(kind, 'a table')}, and {value!r} is not.", of=of
        )
    choices, least = found.metadata["choices"], found.metadata["least"]
    if choices and converted not in choices:
        raise InputError(
            f"{section}.{key} has no choice {converted!r}.",
            of=of,
            todo=f"{near(converted, list(choices))}Known: {', '.join(choices)}.",
        )
    if least is not None and converted < least:
        raise InputError(f"{section}.{key} must be at least {least:g}, and is {converted:g}.", of=of)
    return converted


def _converted(kind: str, value: Any) -> Any:
    """Return a value as its key has it; `None` if it has another type."""
    if kind == "bool":
        return value if isinstance(value, bool) else None
    if kind == "int":
        return value if isinstance(value, int) and not isinstance(value, bool) else None
    if kind == "float":
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return float(value) if is_number else None
    if kind == "str":
        return value if isinstance(value, str) else None
    if kind.startswith("tuple"):
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list | tuple):
            return None
        inner = "str" if "str" in kind else "float"
        converted = tuple(_converted(inner, item) for item in items)
        return None if None in converted else converted
    return dict(value) if isinstance(value, Mapping) else None
