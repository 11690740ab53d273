"""A full disk: one sentence, a store that reads as of its last commit, and a resume once there is space."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from store_maker import assert_whole, bits, feed, last_editions, recipe, wanted

from vifex.store import CommitRule, open_writer
from vifex.store.commit import checkpoints
from vifex.values import StoreError

HERE = Path(__file__).parent
UNIT = HERE.parents[1] / "unit" / "store"
MEDIA = 24

# Runs in a child: fills what is left of a small disk at every step in turn, from the first commit on.
ON_A_SMALL_DISK = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from store_maker import assert_whole, bits, feed, last_editions, recipe, wanted
from vifex.store import CommitRule, open_writer
from vifex.store.commit import maintenance, checkpoints
from vifex.values import StoreError

maintenance.EVERY_COMMITS, maintenance.AT_END_COMMITS = 5, 2
disk = Path(sys.argv[2])
store, ballast = disk / "s.vifex", disk / "ballast"

def fill(path):
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass

def write_all():
    with open_writer(store, rule=CommitRule(media=2)) as writer:
        feed(writer.view("main", recipe()), last_editions(int(sys.argv[3])))

failed = 0
others = ("index.", "views.", "tags.", "repair.", "rows.column_")
for step in [s for s in checkpoints.STEPS if not s.startswith(others)]:
    def fill_there(name, step=step):
        if name == step and not ballast.exists():
            fill(ballast)
    checkpoints.listen(fill_there)
    try:
        write_all()
    except StoreError as error:
        failed += 1
        assert "the disk is full. Free some space, then run the same command again" in str(error), error
    checkpoints.listen(None)
    if (store / "views/main").exists():
        assert_whole(store)          # while it is still full
    ballast.unlink(missing_ok=True)
    if failed % 4 == 0:              # sometimes start over, so that every step comes with work to do
        write_all()
        whole = bits(assert_whole(store))
        import shutil
        shutil.rmtree(store)
write_all()
assert bits(assert_whole(store)) == whole
print(failed)
"""

# Runs in a child: a limit on the size of files stands for the disk, on any Unix.
WITH_A_LIMIT = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from store_maker import feed, last_editions, outcome, medium, recipe, rows_of
from vifex.store import CommitRule, open_writer
from vifex.values import StoreError

with open_writer(sys.argv[2], rule=CommitRule(media=2)) as writer:
    view = writer.view("main", recipe())
    feed(view, last_editions(4))
    view.commit()
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, resource.RLIM_INFINITY))
    big = medium(1000)
    try:
        view.add(outcome(big, 200), rows_of(big, 200))
        view.commit()
    except StoreError as error:
        print(error)
    try:
        view.commit()
    except StoreError as error:
        print(error)
"""


# Runs in a child: at some limit the last write of any file is cut without an error of Lance's.
AT_ANY_LIMIT = """
import resource, shutil, sys
sys.path.insert(0, sys.argv[1])
from store_maker import assert_whole, feed, last_editions, recipe
from vifex.store import CommitRule, open_store, open_writer
from vifex.values import StoreError

failed = 0
for limit in range(1000, 14_000, 500):
    shutil.rmtree(sys.argv[2], ignore_errors=True)
    with open_writer(sys.argv[2], rule=CommitRule(media=2)) as writer:
        feed(writer.view("main", recipe()), last_editions(2))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        with open_writer(sys.argv[2], rule=CommitRule(media=10)) as writer:
            feed(writer.view("main", recipe()), last_editions(20))
    except StoreError as error:
        failed += 1
        assert "ulimit -f" in str(error) or "would grow beyond" in str(error), error
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert_whole(sys.argv[2], at_least=2)
    assert all(c.ok for c in open_store(sys.argv[2]).verify()), limit
    with open_writer(sys.argv[2]) as writer:
        feed(writer.view("main", recipe()), last_editions(20))
    assert_whole(sys.argv[2])
    assert open_store(sys.argv[2]).view().ledger().num_rows == 20
print(failed)
"""


def run(script: str, *words: object, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [*prefix, sys.executable, "-c", script, str(UNIT), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_disk_that_fills_at_any_step(tmp_path: Path) -> None:
    mount = f"mount -t tmpfs -o size=3m none {tmp_path}"
    unshare = shutil.which("unshare")
    probe = [str(unshare), "-Urm", "sh", "-c", mount]
    if unshare is None or subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        pytest.skip("no small disk can be mounted here without rights")
    # The shell mounts the disk in a name space of its own and then becomes the child.
    prefix = (unshare, "-Urm", "sh", "-c", f'{mount} && exec "$@"', "sh")
    done = run(ON_A_SMALL_DISK, tmp_path, MEDIA, prefix=prefix)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 15  # steps after which something was still to be written


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    store = tmp_path / "s.vifex"
    done = run(WITH_A_LIMIT, store)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert "a file would grow beyond" in first
    assert "run the same command again: all that was committed is kept." in first
    assert "has failed" in second
    assert_whole(store)
    # The file that was cut short is gone with the next writer.
    with open_writer(store) as writer:
        feed(writer.view("main", recipe()), last_editions(6))
    assert_whole(store)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_file_that_may_not_grow_at_any_limit(folder: Path) -> None:
    done = run(AT_ANY_LIMIT, folder / "s.vifex")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 10


def test_other_failures_of_the_system_pass_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no sentence explains stays an exception, and still nothing is half done."""
    store = tmp_path / "s.vifex"

    def fail(step: str) -> None:
        if step == "rows.manifest_synced":
            raise OSError(110, "Connection timed out")

    with open_writer(store, rule=CommitRule(media=100)) as writer:
        view = writer.view("main", recipe())
        feed(view, wanted(3))
        view.commit()
        feed(view, wanted(6))
        checkpoints.listen(fail)
        with pytest.raises(OSError, match="timed out"):
            view.commit()
        checkpoints.listen(None)
        with pytest.raises(StoreError, match="has failed"):
            view.commit()
    assert len(assert_whole(store)) < len(bits(assert_whole(store))[0]) + 1
    with open_writer(store) as writer:
        feed(writer.view("main", recipe()), last_editions(6))
    assert_whole(store)
