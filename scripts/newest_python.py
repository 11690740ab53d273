"""Print the newest Python on this machine that Vifex supports and that can make an environment.

It looks at `python3.N` on PATH and at the versions of pyenv. Where there is no other, it prints the
Python that runs it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MINORS = range(14, 10, -1)
"""The minor versions that the classifiers in pyproject.toml name, newest first."""


def candidates() -> Iterator[Path]:
    """Give interpreters that may be there, newest minor version first."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    for minor in MINORS:
        versions = sorted(pyenv.glob(f"3.{minor}.*"), key=_numbers, reverse=True)
        yield from (version / "bin" / "python" for version in versions)
        found = shutil.which(f"python3.{minor}")
        if found:
            yield Path(found)


def _numbers(path: Path) -> list[int]:
    return [int(n) for n in re.findall(r"\d+", path.name)]


def works(python: Path) -> bool:
    """Whether an interpreter starts and can make environments; a shim of pyenv may not start."""
    try:
        done = subprocess.run([python, "-c", "import ensurepip, venv"], capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


if __name__ == "__main__":
    print(next((p for p in candidates() if works(p)), sys.executable))
