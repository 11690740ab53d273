"""Write `docs/adr/index.md`: every decision with its title and status.

`make docs` runs it; the page is not kept in the repository.
"""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "adr"

HEAD = """# Decisions

Each page records one decision: the question, the options, what was measured and what was decided.

"""

TAIL = """
```{toctree}
:hidden:
:glob:

0*
```
"""


def entry(path: Path) -> str:
    """Give the line of one decision.

    Raises:
        ValueError: If the page does not begin with `# NNNN Title` and a line `Status: ...`.
    """
    text = path.read_text(encoding="utf-8")
    title = re.match(r"# (\d{4}) (.+)\n", text)
    status = re.search(r"^Status: ([^.,;]+)", text, re.MULTILINE)
    if title is None or status is None or not path.name.startswith(title[1]):
        raise ValueError(f"{path.name}: expected `# {path.name[:4]} Title` and a line `Status: ...`")
    return f"- [{title[1]}]({path.name}) {title[2]} *({status[1]})*"


def index() -> str:
    """Give the whole page."""
    lines = [entry(path) for path in sorted(FOLDER.glob("[0-9]*.md"))]
    return HEAD + "\n".join(lines) + "\n" + TAIL


def main() -> None:
    (FOLDER / "index.md").write_text(index(), encoding="utf-8")


if __name__ == "__main__":
    main()
