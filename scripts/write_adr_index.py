"""Write `docs/adr/index.md`: every decision with its title and what was decided.

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
    """Give the line of one decision: number, title, and its first paragraph.

    Raises:
        ValueError: If the page does not begin with `# NNNN Title`, a line `Status: ...` and a paragraph.
    """
    text = path.read_text(encoding="utf-8")
    found = re.match(r"# (\d{4}) (.+)\n+Status: (\w+)[^.]*\.\s*((?:.+\n)+)", text)
    if found is None or not path.name.startswith(found[1]):
        raise ValueError(f"{path.name}: expected `# {path.name[:4]} Title`, `Status: ...` and a paragraph")
    number, title, status, summary = found.groups()
    unusual = "" if status == "accepted" else f" ({status})"
    return f"- **[{number} {title}]({path.name})**{unusual} {' '.join(summary.split())}"


def index() -> str:
    """Give the whole page."""
    lines = [entry(path) for path in sorted(FOLDER.glob("[0-9]*.md"))]
    return HEAD + "\n".join(lines) + "\n" + TAIL


def main() -> None:
    path, text = FOLDER / "index.md", index()
    # Tests may read it meanwhile.
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
