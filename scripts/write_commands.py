"""Print `docs/commands.md`: the help of every command, as it is shown 100 columns wide."""

from __future__ import annotations

import os
import subprocess
import sys

from vifex.cli.app import COMMANDS

HEAD = """# The commands

What `vifex COMMAND --help` says. Results go to standard output, the rest to standard error. With `--json` a
command prints one JSON document; its fields are in [json.md](json.md).

Exit status: 0 all well; 2 the command line is wrong; 3 done, but some media failed or are partial, or a
check found damage; 4 the run could not be done; 130 interrupted, 143 ended by SIGTERM, both resumable.
`--debug` before or behind any command shows tracebacks.
"""

PARTS = ("models pull", "models show")
"""Commands of commands."""


def shown(words: list[str]) -> str:
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    done = subprocess.run(
        [sys.executable, "-m", "vifex", *words], capture_output=True, text=True, check=True, env=environment
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def main() -> None:
    print(HEAD)
    for name in sorted([*COMMANDS, *PARTS]):
        print(f"## vifex {name}\n\n```text\n{shown([*name.split(), '--help'])}\n```\n")


if __name__ == "__main__":
    main()
