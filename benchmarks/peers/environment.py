"""One environment for each peer, made from the package registry at pinned versions, kept between runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parents[2] / ".venv-peers"

PEERS = {
    "faiss": ("faiss-cpu==1.15.1", "numpy==2.4.6"),
}


def python_of(peer: str) -> Path:
    """Give the Python of a peer's environment, made at the first call."""
    home = HOME / peer
    python = home / "bin" / "python"
    done = home / "made-from.txt"
    wanted = "\n".join(PEERS[peer])
    if not done.exists() or done.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS[peer]], check=True)
        done.write_text(wanted)
    return python
