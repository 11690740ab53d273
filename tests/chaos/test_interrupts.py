"""Ctrl-C and SIGTERM: what was finished is committed and told; a second one ends at once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import vifex

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX systems")

IMAGES = 1000
FRAMES = 4000


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images that are finished first, then a video that takes long."""
    folder = tmp_path_factory.mktemp("interrupts") / "media"
    folder.mkdir()
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(folder / "a-0000.jpg")
    for i in range(1, IMAGES):
        os.link(folder / "a-0000.jpg", folder / f"a-{i:04d}.jpg")
    with av.open(str(folder / "z-long.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height = 320, 240
        frame = rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)
        for i in range(FRAMES):
            image = av.VideoFrame.from_ndarray(np.roll(frame, i, axis=0), format="rgb24")
            container.mux(stream.encode(image))
        container.mux(stream.encode())
    return folder


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Decoder processes started from here on take 20 s for the video, however fast the machine is."""
    folder = tmp_path / "site"
    folder.mkdir()
    shutil.copy(Path(__file__).parents[1] / "support" / "slow_decoders.py", folder / "sitecustomize.py")
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    return monkeypatch


def start(*words: object, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "vifex", *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen(command, start_new_session=True, **pipes)  # type: ignore[call-overload,no-any-return]


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    until_s = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until_s
        time.sleep(0.05)


def media_in(store: Path) -> int:
    try:
        with vifex.open(store) as opened:
            return opened.ledger().num_rows
    except vifex.VifexError:
        return 0


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize(
    ("number", "status", "to_group"),
    [(signal.SIGINT, 130, False), (signal.SIGINT, 130, True), (signal.SIGTERM, 143, True)],
)
def test_what_was_finished_is_kept_and_told(
    media: Path, tmp_path: Path, number: signal.Signals, status: int, to_group: bool
) -> None:
    store = tmp_path / "s.vifex"
    # Everything in the video is sampled: it cannot be over before the images are.
    process = start("extract", media, "-o", store, "--every", "1", "-q")
    wait_for(lambda: media_in(store) > 0, process)
    # As `timeout` does: once to the process, and at once again to its group.
    process.send_signal(number)
    if to_group:
        os.killpg(process.pid, number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == status, err
    assert out == ""
    kept = media_in(store)
    assert 0 < kept <= IMAGES
    assert err.count("\n") == 1
    assert err.startswith(f"vifex: interrupted. {kept:,} media with {kept:,} rows of this run are kept in ")
    assert "the same command goes on from there." in err
    with vifex.open(store) as opened:
        assert len(opened.main) == kept  # no row of what was not finished


def test_a_video_in_work_is_named_and_the_same_command_ends_what_was_begun(
    media: Path, tmp_path: Path, slow: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "s.vifex"
    options = {"stderr": subprocess.PIPE}
    process = start(
        "extract", media / "z-long.mp4", media / "a-0000.jpg", "-o", store, "--every", "1", "-q", **options
    )
    wait_for(lambda: media_in(store) == 1, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert "1 medium with 1 row of this run are kept" in err
    assert err.rstrip().endswith("z-long.mp4 was not finished and starts anew.")
    slow.delenv("PYTHONPATH")
    again = start("extract", media / "z-long.mp4", media / "a-0000.jpg", "-o", store, "--every", "100", "-q")
    _, err = again.communicate(timeout=120)
    assert again.returncode == 4, err  # another recipe
    last = start("extract", media / "z-long.mp4", media / "a-0000.jpg", "-o", store, "--every", "1", "-q")
    out, err = last.communicate(timeout=300)
    assert last.returncode == 0, err
    assert "1 already done" in out
    with vifex.open(store) as opened:
        assert len(opened.main) == FRAMES + 1


@pytest.mark.usefixtures("slow")
def test_nothing_finished_is_told_as_that(media: Path, tmp_path: Path) -> None:
    process = start("extract", media / "z-long.mp4", "-o", tmp_path / "s.vifex", "--every", "1", "-q")
    wait_for((tmp_path / "s.vifex" / "STORE.json").exists, process)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.startswith("vifex: interrupted")
    assert "same command" in err
    assert "Traceback" not in err


def test_a_second_interrupt_ends_at_once_where_the_main_thread_hangs() -> None:
    """The main thread sits in C, where no handler of Python's runs: the second signal must not need it."""
    script = (
        "import ctypes, sys\n"
        "from vifex.cli import interrupts\n"
        "with interrupts.watch_signals():\n"
        "    libc = ctypes.CDLL(None)\n"
        "    try:\n"
        "        print('ready', flush=True)\n"
        "        libc.sleep(600)\n"
        "    except KeyboardInterrupt:\n"
        "        while True:\n"
        "            libc.sleep(600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    too_late = threading.Timer(60, process.kill)
    too_late.start()
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("vifex: stopping")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    too_late.cancel()
    assert process.returncode == 130
    assert "vifex: ended at once." in err


def test_signals_that_were_ignored_stay_ignored(media: Path, tmp_path: Path) -> None:
    """As `nohup` and the shell's `&` leave them."""
    store = tmp_path / "s.vifex"
    command = [
        sys.executable,
        "-m",
        "vifex",
        "extract",
        media / "a-0000.jpg",
        media / "z-long.mp4",
        "-o",
        store,
    ]
    process = subprocess.Popen(
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *map(str, command), "--every", "30", "-q"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for((store / "STORE.json").exists, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert "2 ok" in out


def test_in_python_it_is_a_keyboard_interrupt_that_says_what_is_kept(media: Path, tmp_path: Path) -> None:
    script = (
        "import sys, _thread, vifex\n"
        "def tell(progress):\n"
        "    if progress.finished > 300: _thread.interrupt_main()\n"
        "try:\n"
        "    vifex.extract(sys.argv[1], sys.argv[2], every=1, on_progress=tell)\n"
        "except KeyboardInterrupt as exc:\n"
        "    print(exc.media, exc.rows, exc)\n"
    )
    store = tmp_path / "s.vifex"
    done = subprocess.run(
        [sys.executable, "-c", script, str(media), str(store)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    kept = media_in(store)
    assert done.stdout.startswith(f"{kept} {kept} interrupted. {kept:,} media with {kept:,} rows")


@pytest.mark.usefixtures("slow")
def test_a_kill_leaves_nothing_among_temporary_files(media: Path, tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    store = tmp_path / "s.vifex"
    process = start(
        "extract", media, "-o", store, "--every", "1", "-q", env={**os.environ, "TMPDIR": str(tmp_path / "t")}
    )
    wait_for(lambda: media_in(store) > 0, process)
    process.kill()
    process.communicate()
    assert list((tmp_path / "t").iterdir()) == []


def test_interrupts_during_a_slow_commit_make_no_second_one(tmp_path: Path) -> None:
    """The third one leaves every wait for the commit thread, and the store is closed while that commits."""
    media = tmp_path / "media"
    media.mkdir()
    for i in range(8):
        Image.new("RGB", (32, 32), (i, i, i)).save(media / f"{i}.png")
    script = (
        "import os, signal, sys, threading, time, vifex\n"
        "from vifex.store.commit import checkpoints\n"
        "seen = []\n"
        "def interrupt(step):\n"
        "    if step != 'ledger.written' or seen: return\n"
        "    if threading.current_thread() is threading.main_thread(): return\n"
        "    seen.append(step)\n"
        "    for _ in range(int(sys.argv[3])):\n"
        "        time.sleep(0.5)\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(1.0)\n"
        "checkpoints.listen(interrupt)\n"
        "try:\n"
        "    vifex.extract(sys.argv[1], sys.argv[2], precision='fp32')\n"
        "except KeyboardInterrupt:\n"
        "    time.sleep(2.0)\n"
        "    print('interrupted', seen)\n"
    )
    for count in (3, 4):  # the fourth one leaves the wait for the writer too
        store = tmp_path / f"{count}.vifex"
        done = subprocess.run(
            [sys.executable, "-c", script, str(media), str(store), str(count)],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        assert done.stdout == "interrupted ['ledger.written']\n", done.stderr
        with vifex.open(store) as opened:
            assert (len(opened.main), opened.main.ledger().num_rows) == (8, 8)
        assert vifex.extract(media, store, precision="fp32").already_done == 8
