"""Damage a store byte by byte and say what readers, writers and the check make of it.

usage: python scripts/flip_bytes.py [--every N] [--write-every N] [--seed S] [--record FILE] [--only PART]

It makes a small store of numbers, with replaced media, deletions and merged fragments. Then, for each file
of its view, it flips one bit of one byte (every byte, or each N-th), cuts the file short, empties it and
fills it with zeros, one at a time. A process of its own reads the store, checks it, and writes to a copy.
What counts as right:

- reading gives the rows and the ledger of the last commit or, where the damage takes that one, of one
  before; or it ends with one sentence (`StoreError`). Other rows are allowed only where a checksum would
  have to be computed over the rows at every reading: `vifex check` must tell of those;
- writing ends with one sentence, or leaves a store whose rows are right;
- nothing raises anything else, and no process dies.

The exit status is the number of cases that are not right.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import resource
import select
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "unit" / "store"))

PARTS = {
    "ledger manifests": "ledger.lance/_versions/*.manifest",
    "rows manifests": "rows.lance/_versions/*.manifest",
    "ledger data": "ledger.lance/data/*",
    "rows data": "rows.lance/data/*",
    "rows deletions": "rows.lance/_deletions/*",
    "ledger transactions": "ledger.lance/_transactions/*",
    "rows transactions": "rows.lance/_transactions/*",
    "version hints": "*.lance/_versions/*.json",
    "recipe": "recipe.json",
}
"""What is damaged, by the files of a view."""

_MEMORY_BYTES = 8 << 30
_CASE_S = 60

Case = tuple[str, int, str]
"""A file, a place in it, and what is done there: `flip0` to `flip7`, `cut`, `empty`, `zeros`."""


def make(store: Path) -> None:
    """Write a store with everything in it, as of a moment between two times of maintenance."""
    from store_maker import feed, medium, outcome, recipe, rows_of, wanted

    from vifex.store import CommitRule, open_writer
    from vifex.store.commit import maintenance

    maintenance.EVERY_COMMITS = 6
    view = open_writer(store, rule=CommitRule(media=2)).view("main", recipe())
    feed(view, wanted(11))
    view.commit()
    maintenance.EVERY_COMMITS = 1000
    view.add(outcome(medium(7, 5), 2), rows_of(medium(7, 5), 2))
    view.add(outcome(medium(50), 3), rows_of(medium(50), 3))
    view.add(outcome(medium(51), 4), rows_of(medium(51), 4))
    view.commit()
    os._exit(0)  # killed: there is no last maintenance


def states(store: Path) -> list[list[object]]:
    """Rows and ledger as of every commit that is kept, the newest first."""
    from store_maker import bits

    from vifex.store import open_store
    from vifex.store.files.lance_adapter import manifests

    copy = store.with_name("states")
    shutil.copytree(store, copy)
    found: list[list[object]] = []
    ledger = copy / "views/main/ledger.lance"
    for version in sorted(manifests(ledger), reverse=True):
        with open_store(copy) as read:
            view = read.view()
            found.append([*bits(view.to_arrow()), *bits(view.ledger())])
        manifests(ledger)[version].unlink()
    shutil.rmtree(copy)
    return found


def damage(data: bytes, place: int, how: str) -> bytes:
    """Give the bytes of a damaged file."""
    if how == "cut":
        return data[:place]
    if how in ("empty", "zeros"):
        return bytes(len(data) if how == "zeros" else 0)
    changed = bytearray(data)
    changed[place] ^= 1 << int(how.removeprefix("flip"))
    return bytes(changed)


def cases(file: Path, name: str, every: int, chance: random.Random) -> Iterator[Case]:
    """What is done to one file."""
    size = file.stat().st_size
    for start in range(0, size, every):
        yield name, min(size - 1, start + chance.randrange(every)), f"flip{chance.randrange(8)}"
    for place in sorted({size // 2, max(0, size - 1), max(0, size - 16)}):
        yield name, place, "cut"
    yield name, 0, "empty"
    yield name, 0, "zeros"


class Trial:
    """The store that is damaged, and what is right of it."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.right = states(store)

    def run(self, case: Case, *, write: bool = True) -> dict[str, str]:
        """Damage, read, check and, if asked for, write; the file is as before afterwards."""
        name, place, how = case
        file = self.store / "views/main" / name
        data = file.read_bytes()
        file.write_bytes(damage(data, place, how))
        copy = self.store.with_name("written")
        try:
            said = {"read": self._try(self._read), "check": self._try(self._check)}
            if not write:
                return said
            shutil.copytree(self.store, copy)
            return said | {"write": self._try(lambda: self._write(copy))}
        finally:
            file.write_bytes(data)
            shutil.rmtree(copy, ignore_errors=True)

    def _try(self, call: Any) -> str:
        from vifex.values import StoreError

        try:
            return str(call())
        except StoreError:
            return "StoreError"
        except BaseException as exc:
            return f"{type(exc).__name__}: {str(exc)[:100]}"

    def _read(self) -> str:
        from store_maker import bits

        from vifex.store import open_store

        with open_store(self.store) as read:
            view = read.view()
            seen = [*bits(view.to_arrow()), *bits(view.ledger())]
        if seen not in self.right:
            return "other rows"
        back = self.right.index(seen)
        return "same" if back == 0 else f"back by {back}"

    def _check(self) -> str:
        from vifex.store import open_store

        with open_store(self.store) as read:
            return "well" if all(c.ok for c in read.verify()) else "damage told"

    def _write(self, store: Path) -> str:
        from store_maker import bits, expected, medium, outcome, recipe, rows_of

        from vifex.store import CommitRule, open_store, open_writer
        from vifex.store.commit import maintenance

        maintenance.EVERY_COMMITS, maintenance.AT_END_COMMITS = 4, 1
        with open_writer(store, rule=CommitRule(media=1)) as writer:
            view = writer.view("main", recipe())
            for number, edition in ((60, 0), (61, 0), (3, 9), (62, 0), (50, 4)):
                view.add(outcome(medium(number, edition), 2), rows_of(medium(number, edition), 2))
        with open_store(store) as read:
            view_ = read.view()
            rows = view_.to_arrow().sort_by("key").combine_chunks()
            if bits(rows) == bits(expected(view_.ledger().to_pylist())):
                return "right rows"
            return "other rows, told" if not all(c.ok for c in read.verify()) else "other rows"


def is_right(said: dict[str, str]) -> bool:
    """Whether nothing is silent and nothing raises."""
    if said["read"] == "other rows" and said["check"] != "damage told":
        return False
    reads = said["read"] in ("same", "other rows", "StoreError") or said["read"].startswith("back by ")
    writes = ("right rows", "other rows, told", "StoreError")
    written = said.get("write", "StoreError")
    return reads and said["check"] in ("well", "damage told") and written in writes


def work(store: Path) -> None:
    """In a process of its own: run the cases that come on standard input, one answer a line."""
    logging.disable(logging.CRITICAL)
    # A damaged length must not take the machine's memory.
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    trial = Trial(store)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        case, write = json.loads(line)
        print(json.dumps(trial.run(tuple(case), write=write)), flush=True)


class Worker:
    """The process that touches damaged files; it is started anew when it dies."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self._process: subprocess.Popen[str] | None = None

    def run(self, case: Case, *, write: bool = True) -> dict[str, str]:
        """Give what became of a case; a death of the process is told as such."""
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        file = self.store / "views/main" / case[0]
        data = file.read_bytes()
        process.stdin.write(json.dumps([case, write]) + "\n")
        process.stdin.flush()
        if select.select([process.stdout], [], [], _CASE_S)[0]:
            answer = process.stdout.readline()
            if answer:
                said: dict[str, str] = json.loads(answer)
                return said
            end = f"the process died ({process.wait()})"
        else:
            process.kill()
            process.wait()
            end = f"it took more than {_CASE_S} s"
        self._process = None
        file.write_bytes(data)
        shutil.rmtree(self.store.with_name("written"), ignore_errors=True)
        return dict.fromkeys(("read", "check", "write"), end)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()

    def _start(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--work", str(self.store)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a panic prints there
            text=True,
        )
        assert self._process.stdout is not None
        assert json.loads(self._process.stdout.readline()) == "ready"
        return self._process


def sweep(
    folder: Path, every: int, write_every: int, seed: int, only: str | None
) -> tuple[dict[str, Any], list[Any]]:
    """Run all cases; gives counts by part, and the cases that are not right."""
    store = folder / "s.vifex"
    subprocess.run([sys.executable, __file__, "--make", str(store)], check=True)
    chance, worker = random.Random(seed), Worker(store)
    counts: dict[str, Any] = {}
    wrong: list[Any] = []
    for part, pattern in PARTS.items():
        if only is not None and part != only:
            continue
        seen = {act: Counter[str]() for act in ("read", "check", "write")}
        number = 0
        for file in sorted((store / "views/main").glob(pattern)):
            for case in cases(file, file.relative_to(store / "views/main").as_posix(), every, chance):
                said = worker.run(case, write=number % write_every == 0)
                number += 1
                for act, what in said.items():
                    seen[act][what] += 1
                if not is_right(said):
                    wrong.append([*case, said])
                    print("not right:", json.dumps(wrong[-1]), flush=True)
        counts[part] = {"cases": number} | {act: dict(c.most_common()) for act, c in seen.items()}
        print(f"{part}: {counts[part]}", flush=True)
    worker.close()
    return counts, wrong


def main() -> int:
    """Read the command line, run, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--every", type=int, default=1, help="flip one byte of each N")
    parser.add_argument("--write-every", type=int, default=1, help="write to the store in one case of N")
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--only", choices=list(PARTS), help="damage these files alone")
    parser.add_argument("--record", type=Path, help="write the counts to this JSON file")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make is not None:
        make(options.make)
        return 0
    if options.work is not None:
        work(options.work)
        return 0
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="vifex-flips-", dir=memory if memory.is_dir() else None) as name:
        counts, wrong = sweep(Path(name), options.every, options.write_every, options.seed, options.only)
    if options.record is not None:
        record = {
            "every": options.every,
            "write_every": options.write_every,
            "seed": options.seed,
            "wrong": len(wrong),
            "parts": counts,
        }
        options.record.write_text(json.dumps(record, indent=1) + "\n")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main())
