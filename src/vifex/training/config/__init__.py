"""The configuration of a run: sections of typed values, read from TOML and from `section.key=value`."""

from __future__ import annotations

from vifex.training.config.reading import config_of, load_config, parse_config, with_settings
from vifex.training.config.sections import (
    METHODS,
    Augment,
    Config,
    Data,
    Imbalance,
    Loss,
    Network,
    Optimizer,
    Run,
    Schedule,
)
from vifex.training.config.templates import TEMPLATES, template
from vifex.training.config.writing import to_toml

__all__ = [
    "METHODS",
    "TEMPLATES",
    "Augment",
    "Config",
    "Data",
    "Imbalance",
    "Loss",
    "Network",
    "Optimizer",
    "Run",
    "Schedule",
    "config_of",
    "load_config",
    "parse_config",
    "template",
    "to_toml",
    "with_settings",
]
