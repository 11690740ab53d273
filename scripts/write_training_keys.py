"""Print `docs/reference/training.md`: every key of a configuration of `vifex train`."""

from __future__ import annotations

from dataclasses import fields

from vifex.training.config import Config
from vifex.training.config.writing import toml_value

HEAD = """# Configuration of `vifex train`

A configuration is a TOML file with these sections. `--set section.key=value` changes a key. A key that is
left out has its default.
"""


def main() -> None:
    print(HEAD)
    config = Config()
    for section in fields(Config):
        values = getattr(config, section.name)
        print(f"## {section.name}\n\n| key | default | what it is |\n| --- | --- | --- |")
        for key in fields(values):
            default = toml_value(getattr(values, key.name))
            print(f"| `{key.name}` | `{default}` | {key.metadata['help'].replace('|', '/')} |")
        print()


if __name__ == "__main__":
    main()
