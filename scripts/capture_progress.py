"""Write the screens of `docs/progress.md`: a real run over three long videos and 3,000 images.

Needs ffmpeg and tmux, and takes some minutes. `python scripts/capture_progress.py` makes the media, runs the
real command in a terminal of 100 columns, interrupts it with Ctrl-C, lets the same command go on to its end,
and runs it once more with its standard error in a file.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

PAGE = Path(__file__).resolve().parents[1] / "docs" / "progress.md"
COMMAND = "vifex extract media -o lib.vifex --fps 5"
LENGTHS_S = (180, 300, 420)
IMAGES = 3000
PATIENCE_S = 400.0


def make_media(folder: Path) -> None:
    """Three videos of some minutes and 3,000 small images."""
    (folder / "clips").mkdir(parents=True)
    (folder / "photos").mkdir()
    for number, length_s in enumerate(LENGTHS_S, 1):
        source = f"testsrc2=size=640x360:rate=25:duration={length_s}"
        words = [
            "ffmpeg",
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            source,
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
        ]
        subprocess.run([*words, str(folder / "clips" / f"long-{number}.mp4")], check=True)
    rng = np.random.default_rng(0)
    for number in range(IMAGES):
        small = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
        small.resize((480, 360), Image.Resampling.BICUBIC).save(folder / "photos" / f"{number:04d}.jpg")


class Terminal:
    """A shell in tmux; what its screen shows is read as text."""

    def __init__(self, folder: Path) -> None:
        self._tmux = ["tmux", "-L", f"vifex-{os.getpid()}"]
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "VIFEX_CACHE": str(folder / "cache"),
            "LC_ALL": "C.UTF-8",
        }
        (folder / "bashrc").write_text("PS1='$ '\n")
        size = ["-x", "100", "-y", "16"]
        subprocess.run(
            [*self._tmux, "new-session", "-d", *size, "bash --rcfile bashrc"],
            env=environment,
            cwd=folder,
            check=True,
        )

    def type(self, *keys: str) -> None:
        subprocess.run([*self._tmux, "send-keys", *keys], check=True)

    def screen(self) -> str:
        done = subprocess.run([*self._tmux, "capture-pane", "-p"], capture_output=True, text=True, check=True)
        return done.stdout.rstrip()

    def wait(self, condition: Callable[[str], bool]) -> str:
        until_s = time.monotonic() + PATIENCE_S
        while not condition(screen := self.screen()):
            if time.monotonic() > until_s:
                raise TimeoutError(screen)
            time.sleep(0.05)
        return screen

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-session"], check=False)


def finished(screen: str) -> int:
    """Media that are over, as the screen says."""
    found = re.search(r"^([\d,]+) of [\d,]+", screen, re.MULTILINE)
    return int(found[1].replace(",", "")) if found else 0


def is_over(screen: str) -> bool:
    return screen.endswith("\n$")


def on_terminal(folder: Path) -> list[tuple[str, str]]:
    terminal = Terminal(folder)
    try:
        terminal.wait(lambda s: s.endswith("$"))
        terminal.type(COMMAND, "Enter")
        shown = [("At the start", terminal.wait(lambda s: "compiling" in s))]
        shown.append(("A few seconds later", terminal.wait(lambda s: "s of video/s" in s)))
        middle = terminal.wait(lambda s: finished(s) > IMAGES // 2 and "left" in s)
        shown.append(("In the middle", middle))
        terminal.type("C-c")
        shown.append(("After Ctrl-C", terminal.wait(is_over)))
        terminal.type("clear", "Enter")
        terminal.wait(lambda s: s == "$")
        terminal.type(COMMAND, "Enter")
        shown.append(("The same command again", terminal.wait(lambda s: "media/s" in s)))
        shown.append(("At the end", terminal.wait(is_over)))
    finally:
        terminal.close()
    return shown


def in_a_file(folder: Path) -> str:
    command = COMMAND.replace("lib.vifex", "log.vifex")
    with (folder / "log.txt").open("w") as log:
        words = [sys.executable, "-m", *shlex.split(command)]
        done = subprocess.run(words, cwd=folder, stderr=log, stdout=subprocess.PIPE, text=True, check=True)
    said = (folder / "log.txt").read_text().rstrip()
    return f"$ {command} 2> log.txt\n{done.stdout.rstrip()}\n$ cat log.txt\n{said}\n$"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_media(folder / "media")
        shown = on_terminal(folder)
        shown.append(("Where standard error is a file", in_a_file(folder)))
    text = PAGE.read_text(encoding="utf-8")
    head, mark, _ = text.partition("<!-- screens -->\n")
    screens = [f"### {title}\n\n```text\n{screen}\n```\n" for title, screen in shown]
    PAGE.write_text(head + mark + "\n" + "\n".join(screens), encoding="utf-8")


if __name__ == "__main__":
    main()
