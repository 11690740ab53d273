"""What leaves the cache and what stays: the oldest go, what is used stays, and nothing else is touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from vifex.engines import cache_maintenance
from vifex.engines.cache_maintenance import entries, free_space, hold, limit_bytes, prune, remove_leftovers
from vifex.engines.scratch import scratch_folder
from vifex.values import InputError

MIB = 1 << 20


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of three compiled graphs and two converted networks of a MiB each, and what is not its own."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("VIFEX_CACHE", str(cache))
    (cache / "graphs").mkdir(parents=True)
    (cache / "converted").mkdir()
    now_s = time.time()
    for age, digit in enumerate("345"):
        write(cache / "graphs" / f"{digit * 32}.graph", MIB, now_s - 1000 * (age + 1))
    for age, digit in ((10, "a"), (0, "b")):
        write(cache / "converted" / f"{digit * 32}.bin", MIB, now_s - 1000 * age - 500)
        write(cache / "converted" / f"{digit * 32}.xml", 10, now_s - 1000 * age - 500)
        write(cache / "converted" / f"{digit * 32}.json", 10, now_s - 90000)
    write(cache / "graphs" / "mine.graph", MIB, 0)
    write(cache / "converted" / "notes.txt", MIB, 0)
    (cache / "scratch").mkdir()
    write(cache / "scratch" / "of-somebody-else", MIB, 0)
    return cache


def write(path: Path, size_bytes: int, used_s: float) -> None:
    path.write_bytes(bytes(size_bytes))
    os.utime(path, (used_s, used_s))


def there(cache: Path) -> set[str]:
    return {path.stem[0] for path in cache.glob("*/*") if len(path.stem) == 32}


def test_the_oldest_go_first_whatever_their_kind(folder: Path) -> None:
    assert [e.kind for e in entries(folder)] == ["converted", "graph", "graph", "graph", "converted"]
    assert len(prune(folder, 3 * MIB + 100)) == 2
    assert there(folder) == {"3", "4", "b"}
    prune(folder, 0)
    assert there(folder) == set()


def test_what_is_not_the_caches_own_stays(folder: Path) -> None:
    prune(folder, 0)
    left = {path.name for path in folder.glob("*/*")}
    assert left == {"mine.graph", "notes.txt", "of-somebody-else"}


def test_a_dry_run_removes_nothing(folder: Path) -> None:
    assert len(prune(folder, 0, dry_run=True)) == 5
    assert there(folder) == {"3", "4", "5", "a", "b"}


@pytest.mark.skipif(sys.platform == "win32", reason="locks of POSIX systems")
def test_what_another_process_uses_stays_until_it_ends(folder: Path) -> None:
    script = (
        "import sys, pathlib\n"
        "from vifex.engines.cache_maintenance import hold\n"
        "hold(pathlib.Path(sys.argv[1]), 'a' * 32)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(folder / "converted")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as user:
        assert user.stdout is not None
        assert user.stdout.readline() == "held\n"
        prune(folder, 0)
        assert there(folder) == {"a"}
        assert (folder / "converted" / ("a" * 32 + ".bin")).exists()
        user.kill()  # not asked to let go: the system does that
        user.wait()
    prune(folder, 0)
    assert there(folder) == set()


@pytest.mark.skipif(sys.platform == "win32", reason="locks of POSIX systems")
def test_one_may_be_held_again_after_it_was_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_maintenance, "_held", {})
    hold(folder / "converted", "b" * 32)
    prune(folder, 0)
    assert there(folder) == {"b"}
    for handle in cache_maintenance._held.values():
        os.close(handle)
    monkeypatch.setattr(cache_maintenance, "_held", {})
    prune(folder, 0)
    hold(folder / "converted", "b" * 32)
    write(folder / "converted" / ("b" * 32 + ".bin"), MIB, 1)
    prune(folder, 0)
    assert (folder / "converted" / ("b" * 32 + ".bin")).exists()
    for handle in cache_maintenance._held.values():
        os.close(handle)


def test_the_limit_is_of_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert limit_bytes() == 10 << 30
    monkeypatch.setenv("VIFEX_CACHE_LIMIT", "0")
    assert limit_bytes() is None
    free_space(folder, 1 << 40)
    assert len(there(folder)) == 5
    monkeypatch.setenv("VIFEX_CACHE_LIMIT", str(4.5 * MIB / (1 << 30)))
    free_space(folder, MIB)
    assert there(folder) == {"3", "4", "b"}
    for wrong in ("much", "-1", "nan", "inf"):
        monkeypatch.setenv("VIFEX_CACHE_LIMIT", wrong)
        with pytest.raises(InputError, match="VIFEX_CACHE_LIMIT"):
            limit_bytes()
        free_space(folder, MIB)  # no reason for an extraction to end
    assert there(folder) == {"3", "4", "b"}


def test_a_scratch_folder_is_gone_afterwards_and_one_of_a_killed_process_with_the_next(folder: Path) -> None:
    script = (
        "from vifex.engines.scratch import scratch_folder\n"
        "import os, signal\n"
        "with scratch_folder() as path:\n"
        "    (path / 'graph.bin').write_bytes(bytes(1000))\n"
        "    print(path, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    if sys.platform == "win32":
        pytest.skip("signals of POSIX systems")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    left = Path(done.stdout.strip())
    assert left.parent == folder / "scratch"
    assert (left / "graph.bin").exists()
    with scratch_folder() as path:
        assert not left.exists()
        prune(folder, 0)
        assert path.exists(), "it is in use"
        (path / "file").write_text("x")
    assert not path.exists()
    assert (folder / "scratch" / "of-somebody-else").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX systems")
def test_a_graph_that_a_killed_process_was_writing_goes_with_the_next(folder: Path) -> None:
    """One that a live process is writing stays, however old the file looks."""
    script = (
        "from vifex.engines import cache\n"
        "import os, signal, sys, time\n"
        "class Compiled:\n"
        "    def export_model(self):\n"
        "        return bytes(1000)\n"
        "class Stopping:\n"
        "    def __init__(self, file): self.file = file\n"
        "    def __enter__(self): return self\n"
        "    def __exit__(self, *error): self.file.close()\n"
        "    def write(self, part):\n"
        "        self.file.write(part)\n"
        "        self.file.flush()\n"
        "        print('writing', flush=True)\n"
        "        sys.stdin.read()\n"
        "opened = os.fdopen\n"
        "cache.os.fdopen = lambda *words: Stopping(opened(*words))\n"
        "cache.Cache(cache.cache_folder() / 'graphs', None, '').save('f' * 32, Compiled())\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"writing\n"
    (part,) = folder.glob("graphs/*.tmp")
    os.utime(part, (1, 1))
    remove_leftovers(folder)
    assert part.exists(), "it is being written"
    writer.kill()
    writer.communicate()
    assert part.exists()
    remove_leftovers(folder)
    assert not part.exists()


def test_what_was_written_aside_goes_after_a_day(folder: Path) -> None:
    """A folder without a lock: what another process may just have made."""
    for name, age_s in (("new-abcd1234", 3600), ("new-efgh1234", 90000)):
        (folder / "converted" / name).mkdir()
        write(folder / "converted" / name / "graph.bin", 10, time.time() - age_s)
        os.utime(folder / "converted" / name, (time.time() - age_s,) * 2)
    prune(folder, None)
    assert {path.name for path in folder.glob("converted/new-*")} == {"new-abcd1234"}
    assert len(there(folder)) == 5


def test_the_command_tells_and_empties(folder: Path, vifex_command: Any) -> None:
    told = vifex_command("cache")
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[0] == f"{folder}: 5.0 MiB (limit 10.00 GiB)"
    dry = json.loads(vifex_command("cache", "--prune", "--dry-run", "--limit", 3.5 / 1024, "--json").stdout)
    assert dry["removed"]["dry_run"] is True
    assert dry["removed"]["size_bytes"] == 2 * MIB + 20
    assert dry["kinds"]["graph"] == {"entries": 3, "size_bytes": 3 * MIB}
    done = vifex_command("cache", "--prune")
    assert done.stdout.splitlines()[-1] == "5 entries removed, 5.0 MiB"
    assert vifex_command("cache", "--dry-run").returncode == 4
    assert vifex_command("cache").stdout.startswith(f"{folder}: 0.0 MiB")
