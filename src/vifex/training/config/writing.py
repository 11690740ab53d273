"""Writing a configuration as TOML, with or without what each key does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from vifex.training.config.sections import Config

__all__ = ["to_toml", "toml_value"]


def to_toml(
    config: Config, *, comments: bool = False, only: Mapping[str, tuple[str, ...]] | None = None
) -> str:
    """Write a configuration.

    Args:
        config: What to write.
        comments: Whether a comment above each key says what it does.
        only: Sections and their keys to write; by default all.

    Returns:
        TOML that `parse_config` reads.
    """
    parts = []
    for section in fields(config):
        values = getattr(config, section.name)
        keys = [f for f in fields(values) if only is None or f.name in only.get(section.name, ())]
        if not keys:
            continue
        lines = [f"[{section.name}]"]
        for key in keys:
            if comments:
                lines.append(f"# {key.metadata['help']}")
            lines.append(f"{key.name} = {toml_value(getattr(values, key.name))}")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def toml_value(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return (
            "{ " + ", ".join(f"{json.dumps(k)} = {toml_value(v)}" for k, v in value.items()) + " }"
            if value
            else "{}"
        )
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_value(v) for v in value)}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)
