"""A killed run over tar shards is resumed without opening the shards that it finished."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from opened_files import opened
from PIL import Image

import vifex

RUN = """
from vifex.media.sources import archive_index
from vifex.store.commit import view_writer
archive_index._SETTLED_NS = 0
object.__setattr__(view_writer.DEFAULT_RULE, "seconds", 0.05)
from vifex.cli import main
main()
"""
"""The command, which commits often and indexes archives that were written just now."""
PER_SHARD = 40


def write_shard(path: Path, names: Iterator[str]) -> None:
    with tarfile.open(path, "w") as shard:
        for number, name in enumerate(names):
            data = io.BytesIO()
            Image.new("RGB", (64, 64), (number % 256, 100, 50)).save(data, "JPEG")
            info = tarfile.TarInfo(name)
            info.size = len(data.getvalue())
            data.seek(0)
            shard.addfile(info, data)


def finished(store: Path) -> Counter[str]:
    """Count the media of each shard that the ledger has."""
    try:
        with vifex.open(store) as opened:
            return Counter(Path(e["uri"].partition("#")[0]).name for e in opened.ledger().to_pylist())
    except (vifex.VifexError, OSError):
        return Counter()


@pytest.mark.skipif(sys.platform != "linux", reason="inotify tells of files that are opened")
def test_finished_shards_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIFEX_CACHE", str(tmp_path / "cache"))
    shards, store = tmp_path / "shards", tmp_path / "s.vifex"
    shards.mkdir()
    for number in range(4):
        names = (f"{number}-{place:03d}.jpg" for place in range(PER_SHARD))
        write_shard(shards / f"{number}.tar", names)
    words = [*sorted(map(str, shards.glob("*.tar"))), "-o", str(store), "-q", "--workers", "1"]
    command = [sys.executable, "-c", RUN, "extract", *words]
    first = subprocess.Popen(command, start_new_session=True)
    while first.poll() is None and finished(store)["0.tar"] < PER_SHARD:
        time.sleep(0.02)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    before = finished(store)
    with opened(shards) as names:
        subprocess.run(command, check=True)
    assert set(finished(store).values()) == {PER_SHARD}
    whole = {name for name, count in before.items() if count == PER_SHARD}
    assert "0.tar" in whole
    assert not names & whole
    assert {name for name in finished(store) if name not in whole} <= names, "the others were read"
    write_shard(shards / "0.tar", (f"0-{place:03d}.jpg" for place in range(PER_SHARD + 1)))
    with opened(shards) as names:
        subprocess.run(command, check=True)
    assert names == {"0.tar"}, "a shard that changed is read again, and no other"
    assert finished(store)["0.tar"] == PER_SHARD + 1
