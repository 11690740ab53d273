"""Copies of a store as a crash right after each step of the protocol leaves it.

A killed process leaves the disk as it is at that moment, so a copy of the folder is that crash. The
copies with lost writes are what a power failure leaves where the order of syncs is all that helps.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from vifex.store.commit import checkpoints


class Disk:
    """Knows by inode which files and which names of folders have been synced."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files: set[int] = set()
        self.names: dict[int, set[str]] = {}
        real = os.fsync

        def fsync(fd: int) -> None:
            real(fd)
            number = os.fstat(fd).st_ino
            path = Path(f"/proc/self/fd/{fd}").readlink()
            if path.is_dir():
                self.names[number] = {p.name for p in path.iterdir()}
            else:
                self.files.add(number)

        monkeypatch.setattr(os, "fsync", fsync)

    def trust(self, tree: Path) -> None:
        """Take all that lies in a tree as synced."""
        for folder, folders, names in os.walk(tree):
            self.names[Path(folder).stat().st_ino] = {*folders, *names}
            self.files.update(Path(folder, name).stat().st_ino for name in names)

    def lose(self, source: Path, copy: Path, chance: random.Random) -> None:
        """Take from a copy of `source` what was never synced there, in the ways that file systems do."""
        for folder, folders, names in os.walk(source):
            safe = self.names.get(Path(folder).stat().st_ino, set())
            for name in [*folders, *names]:
                kept, lost = Path(folder, name), copy / Path(folder, name).relative_to(source)
                if not lost.exists():
                    continue
                if name not in safe and chance.random() < 0.5:
                    shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
                elif kept.is_file() and kept.stat().st_ino not in self.files:
                    data = lost.read_bytes()
                    lost.write_bytes(chance.choice([b"", bytes(len(data)), data[: len(data) // 2], data]))


def acknowledged(before: int, step: str) -> int:
    """How many commits a caller may rely on after this step."""
    return before + (step in ("ledger.manifest_synced", "view.named"))


Crash = tuple[str, Path, int]


def crashes(
    store: Path,
    into: Path,
    monkeypatch: pytest.MonkeyPatch | None,
    write: Callable[[], object],
    occurrences: Sequence[int] = (1, 3),
) -> list[Crash]:
    """Run `write` and copy the store after some occurrences of every step, as a crash would leave it.

    The third time round there are old versions, deletions and merged fragments; some steps come once.

    Gives (step, copy, acknowledged commits); with `monkeypatch` the copies have lost what was not synced.
    """
    disk = Disk(monkeypatch) if monkeypatch else None
    if disk:
        disk.trust(store)
    chance = random.Random(20261121)
    seen: Counter[str] = Counter()
    found: list[Crash] = []
    commits = 0

    def listener(step: str) -> None:
        nonlocal commits
        commits = acknowledged(commits, step)
        seen[step] += 1
        if seen[step] in occurrences:
            copy = into / f"{len(found):03d}"
            shutil.copytree(store, copy, symlinks=True)
            if disk:
                disk.lose(store, copy, chance)
            found.append((step, copy, commits))

    checkpoints.listen(listener)
    write()
    checkpoints.listen(None)
    return found
