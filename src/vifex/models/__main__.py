"""`python -m vifex.models FILE`: print the draft of a model card for a file."""

from __future__ import annotations

import sys
from pathlib import Path

from vifex.models import draft_card
from vifex.values import VifexError


def main(arguments: list[str]) -> int:
    """Print the draft and give the exit status."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python -m vifex.models FILE > CARD.vifex.toml", file=sys.stderr)
        return 2
    try:
        print(draft_card(Path(arguments[0])), end="")
    except VifexError as exc:
        print(exc, file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
