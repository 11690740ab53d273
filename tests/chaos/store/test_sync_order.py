"""The order of syncs as the kernel saw it: data before manifests, rows before the ledger."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from store_maker import medium, outcome, recipe, rows_of
from vifex.store import open_writer
from vifex.store.commit import checkpoints
with open_writer(sys.argv[2]) as writer:
    view = writer.view("main", recipe())
    for number in (1, 3):
        view.add(outcome(medium(number), 4), rows_of(medium(number), 4))
    view.commit()
    open(sys.argv[3], "w").close()
    view.add(outcome(medium(1, 1), 2), rows_of(medium(1, 1), 2))
    view.add(outcome(medium(2), 2), rows_of(medium(2), 2))
    view.commit()
    open(sys.argv[3], "w").close()
"""

WITH_MAINTENANCE = """
import sys
sys.path.insert(0, sys.argv[1])
from store_maker import feed, last_editions, recipe, wanted
from vifex.store import CommitRule, open_store, open_writer
from vifex.store.commit import maintenance
maintenance.EVERY_COMMITS, maintenance.AT_END_COMMITS = 4, 1
with open_writer(sys.argv[2], rule=CommitRule(media=1)) as writer:
    view = writer.view("main", recipe())
    feed(view, wanted(2))
    reader = open_store(sys.argv[2])
    kept = reader.view()
    open(sys.argv[3], "w").close()
    feed(view, wanted(12))
open(sys.argv[3], "w").close()
"""

CALLS = "fsync,fdatasync,openat,rename,renameat,renameat2,linkat"


def traced(script: str, tmp_path: Path) -> list[tuple[str, str]]:
    """What a script made and synced, in order, between its two marks."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    log, mark = tmp_path / "calls", tmp_path / "mark"
    unit = Path(__file__).parents[2] / "unit" / "store"
    command = [strace, "-f", "-y", "-e", f"trace={CALLS}", "-o", str(log)]
    command += [sys.executable, "-c", script, str(unit), str(tmp_path / "s.vifex"), str(mark)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if "ptrace" in done.stderr and done.returncode != 0:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr
    return between_marks(log.read_text(), mark.name)


def test_maintenance_makes_no_file_that_is_not_synced(tmp_path: Path) -> None:
    """With a reader whose versions are kept: that was done by tags, which nothing synced."""
    events = traced(WITH_MAINTENANCE, tmp_path)
    made = {path for call, path in events if call == "made"}
    synced = [path for call, path in events if call == "synced"]
    assert len([path for path in made if path.endswith(".manifest")]) > 30
    for path in made:
        assert path in synced, f"{path} was never synced"
        at = synced.index(path)
        assert path.rpartition("/")[0] in synced[at:], f"the folder of {path} was not synced after it"


def test_every_commit_syncs_in_order(tmp_path: Path) -> None:
    events = traced(SCRIPT, tmp_path)

    made = [path for call, path in events if call == "made"]
    synced = [path for call, path in events if call == "synced"]
    # Each file that came to be was synced after it came, and its folder after that.
    for path in made:
        assert path in synced, f"{path} was never synced"
        at = synced.index(path)
        assert path.rpartition("/")[0] in synced[at:], f"the folder of {path} was not synced after it"

    def place(kind: str, pattern: str) -> int:
        found = [i for i, (call, path) in enumerate(events) if call == kind and re.search(pattern, path)]
        assert found, (kind, pattern, events)
        return found[-1]

    order = [
        place("made", r"rows\.lance/data/"),
        place("synced", r"rows\.lance/data/.+"),
        place("synced", r"rows\.lance/data$"),
        place("made", r"rows\.lance/_versions/\d+\.manifest$"),
        place("synced", r"rows\.lance/_versions/\d+\.manifest$"),
        place("synced", r"rows\.lance/_versions$"),
        place("made", r"ledger\.lance/data/"),
        place("synced", r"ledger\.lance/data/.+"),
        place("synced", r"ledger\.lance/data$"),
        place("made", r"ledger\.lance/_versions/\d+\.manifest$"),
        place("synced", r"ledger\.lance/_versions/\d+\.manifest$"),
        place("synced", r"ledger\.lance/_versions$"),
    ]
    assert order == sorted(order)
    manifest = place("made", r"rows\.lance/_versions/\d+\.manifest$")
    assert (
        place("synced", r"rows\.lance/_deletions/.+") < place("synced", r"rows\.lance/_deletions$") < manifest
    )
    assert place("synced", r"rows\.lance/_transactions/.+") < place("made", r"ledger\.lance/data/")


def between_marks(log: str, mark: str) -> list[tuple[str, str]]:
    """What was made in tables and what was synced, in order, between two openings of the mark."""
    events: list[tuple[str, str]] = []
    marks = 0
    for line in log.splitlines():
        if " = -1 " in line:
            continue
        if "openat" in line and f"/{mark}" in line:
            marks += 1
        if marks != 1:
            continue
        if sync := re.search(r"f(?:data)?sync\(\d+<([^>]+)>", line):
            events.append(("synced", sync[1]))
        moved = re.search(r'(?:rename\w*|linkat)\(.*"([^"]+)"(?:, 0)?\)', line)
        if moved and not moved[1].endswith("_hint.json"):
            events.append(("made", moved[1]))
    assert marks == 2
    return events
