"""What a run shows: lines at the bottom of a terminal, a line now and then in a log, nothing with -q."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import vifex
import vifex.api.progress as progress_module
from vifex.api.progress import Display
from vifex.extraction.progress import FileInWork, Progress

IMAGES = 150
FRAMES = 2500
EVERY = 2
"""Frames that are taken; enough for a run of a second or two."""


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 100 s, and images."""
    folder = tmp_path_factory.mktemp("shown") / "media"
    folder.mkdir()
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)
    with av.open(str(folder / "a-фильм\x1b[31m.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height = 320, 240
        for i in range(FRAMES):
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.roll(frame, i, axis=1), format="rgb24"))
            )
        container.mux(stream.encode())
    for i in range(IMAGES):
        Image.fromarray(frame[:64, :64]).save(folder / f"p-{i:03d}.jpg")
    return folder


def on_a_terminal(*words: object, cwd: Path, **environment: str) -> tuple[int, str]:
    """Run the command with a terminal of 100 columns for all its streams; status, and all it wrote."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "vifex", *map(str, words)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=cwd,
        env={**os.environ, "TERM": "xterm-256color", **environment},
        start_new_session=True,
    )
    os.close(theirs)
    told = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux says so when the other side is closed
            break
        if not part:
            break
        told += part
    os.close(ours)
    return process.wait(timeout=60), told.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX systems")
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_terminal_shows_totals_files_and_times(media: Path, tmp_path: Path, encoding: str) -> None:
    words = ("extract", media, "-o", "s.vifex", "--every", EVERY)
    status, told = on_a_terminal(*words, cwd=tmp_path, PYTHONIOENCODING=encoding)
    assert status == 0, told
    assert "Traceback" not in told
    name = "a-фильм\\x1b[31m.mp4" if encoding == "utf-8" else r"a-\u0444\u0438\u043b\u044c\u043c\x1b[31m.mp4"
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", told)
    assert re.search(rf"\d+ of 100 s of {re.escape(name)}", plain)
    assert "\x1b[31m.mp4" not in told
    assert re.search(rf"\d+ of {IMAGES + 1} media, \d[\d,]* rows", plain)
    assert re.search(r"\d+ s of video and sound", plain)
    assert re.search(r"\d+ %, 0:00:\d\d so far", plain)
    # What stays is the report alone.
    assert (
        plain.rstrip()
        .splitlines()[-1]
        .startswith(f"{IMAGES + 1} media: {IMAGES + 1} ok. {FRAMES // EVERY + IMAGES} rows")
    )


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX systems")
def test_quiet_is_quiet_on_a_terminal_too(media: Path, tmp_path: Path) -> None:
    status, told = on_a_terminal("extract", media / "p-000.jpg", "-o", "s.vifex", "-q", cwd=tmp_path)
    assert status == 0
    assert told.count("\n") == 1
    assert told.startswith("1 media: 1 ok.")


def test_a_log_gets_a_line_now_and_then(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(progress_module, "EVERY_S", 0.1)
    vifex.extract(media, tmp_path / "s.vifex", every=EVERY, progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 2
    assert all(line.startswith("vifex: ") for line in lines)
    assert re.fullmatch(
        rf"vifex: [\d,]+ of {IMAGES + 1} media, [\d,]+ rows?, [\d,]+ s of video and sound; .*now .*"
        r"\d+ of 100 s of a-фильм\\x1b\[31m\.mp4.*",
        next(line for line in lines if "of 100 s" in line),
    )


def test_a_short_run_writes_no_progress_into_a_log(media: Path, tmp_path: Path, vifex_command: Any) -> None:
    done = vifex_command("extract", media / "p-000.jpg", "-o", tmp_path / "s.vifex")
    assert (done.returncode, done.stderr) == (0, "")


def test_what_takes_long_before_the_first_medium_is_named() -> None:
    display = Display()
    display.step("converting timm/vit to OpenVINO, once")
    display._step_s = time.monotonic() - 95.0
    assert display.line() == "converting timm/vit to OpenVINO, once, 0:01:35 so far"
    display.step("")
    assert display.line() == "decoding the first media, 0:00:00 so far"


def test_a_line_says_everything_that_is_known() -> None:
    display = Display()
    display.step("")
    display.progress(
        Progress(
            found=1300,
            finished=1234,
            failed=2,
            rows=5678,
            elapsed_s=61.0,
            all_found=False,
            already_done=200,
            total=3003,
            counted=3003,
            video_s=4321.4,
            media_per_s=17.25,
            video_s_per_s=70.8,
            left_s=3725.0,
            left_is_least=True,
            in_work=(
                FileInWork("p.jpg", 0.0, None),
                FileInWork("long.mp4", 95.4, 300.0),
                FileInWork("x.ts", 7.0, None),
            ),
        )
    )
    assert display.line() == (
        "1,234 of 3,003 media, 200 of them done before, 5,678 rows, 2 failed, 4,321 s of video and sound; "
        "17.2 media/s, 70.8 s of video/s; at least 1:02:05 left; now 95 of 300 s of long.mp4, 7 s of x.ts"
    )
