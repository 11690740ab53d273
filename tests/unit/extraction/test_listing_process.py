"""Sources that another process lists: the same media, notices and errors as here."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from vifex.extraction.planning.shards import Shard
from vifex.extraction.processes.listing import find_apart
from vifex.media.sources import find
from vifex.values import EngineError, InputError

MANY = 3000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("many")
    for number in range(MANY):
        (place / f"{number:04d} é.jpg").touch()
    (place / "list.csv").write_text("path,label,colour\n0001 é.jpg,cat,red\nmissing.jpg,dog,blue\n")
    return place


@pytest.mark.parametrize("shard", [None, Shard(2, 3)])
def test_it_finds_what_this_process_finds(folder: Path, shard: Shard | None) -> None:
    sources = [str(folder / "list.csv"), str(folder)]
    here: list[str] = []
    there: list[str] = []
    found = find(sources, on_notice=here.append)
    expected = list(found if shard is None else shard.filtered(found))
    assert list(find_apart(sources, shard, there.append)) == expected
    assert len(expected) > (MANY if shard is None else MANY / 4)
    assert there == here
    assert "colour" in "".join(here)


def test_errors_of_sources_are_raised_here(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        list(find_apart([str(tmp_path)], None, print))


def test_it_ends_with_whoever_takes_the_media(folder: Path) -> None:
    found = find_apart([str(folder)], None, print)
    next(found)
    (process,) = [p for p in psutil.Process().children() if "lister" in "".join(p.cmdline())]
    found.close()  # type: ignore[attr-defined]
    assert not psutil.pid_exists(process.pid)


def test_where_it_is_killed_the_run_is_told(folder: Path) -> None:
    found = find_apart([str(folder)], None, print)
    next(found)
    (process,) = [p for p in psutil.Process().children() if "lister" in "".join(p.cmdline())]
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(EngineError, match="lists the sources ended"):
        list(found)
