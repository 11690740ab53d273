"""Print `docs/commands.md`: the help of every command, as it is shown 100 columns wide."""

from __future__ import annotations

import contextlib
import io
import os

from vifex.cli.app import COMMANDS, LAYER_COMMANDS, MODEL_COMMANDS
from vifex.cli.app import main as run

HEAD = """# The commands

The output of `vifex COMMAND --help`. Results go to standard output, everything else to standard error. With
`--json` a command prints one JSON document, whose fields are in [json.md](json.md).

Exit status: 0 success; 2 the command line is wrong; 3 done, but some media failed or are partial, or `check`
found damage; 4 the command could not be done; 130 interrupted, 143 ended by SIGTERM, 129 by SIGHUP. After the
last three, `extract`, `fuse`, `tree` and `train` resume with the same command. `--debug` before or after any
command shows tracebacks.
"""

PARTS = [
    *(f"models {name}" for name in MODEL_COMMANDS),
    *(f"layers {name}" for name in LAYER_COMMANDS),
]


def shown(words: list[str]) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        run(words)
    return "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines())


def main() -> None:
    os.environ |= {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    print(HEAD)
    for name in sorted([*COMMANDS, *PARTS]):
        print(f"## vifex {name}\n\n```text\n{shown([*name.split(), '--help'])}\n```\n")


if __name__ == "__main__":
    main()
