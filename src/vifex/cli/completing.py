"""`vifex completion`: the completion of commands, options and paths in a shell."""

from __future__ import annotations

from typing import Literal

from vifex.cli.options import helped
from vifex.cli.output import print_line

__all__ = ["completion"]


@helped
def completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print the script that completes commands, options and paths in a shell.

    Write it where the shell looks for completions, and start a new shell:

        vifex completion bash > ~/.local/share/bash-completion/completions/vifex
        vifex completion zsh > "${fpath[1]}/_vifex"
        vifex completion fish > ~/.config/fish/completions/vifex.fish

    Parameters
    ----------
    shell
        The shell.
    """
    from vifex.cli.app import app

    print_line(app.generate_completion(shell=shell).rstrip())
    return 0
