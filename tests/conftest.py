"""What every test may ask for: the media, models and data that lie beside the checkout, and the command."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadFileScheduling

SHARED = Path(__file__).resolve().parents[2] / "shared"

Vifex = Callable[..., "subprocess.CompletedProcess[str]"]

SPREAD = ("test_guides.py", "test_joins.py")
"""Long files whose tests share no fixture but those of the session: several workers take them together."""
SLOWEST = 20
"""So many files are named with their time at the end of a run."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """Give a file to one worker, but each test of a long file to whichever is free."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return nodeid if file.endswith(SPREAD) else file

    return Scheduling(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the slowest files, so that it is seen what a run's time went into."""
    seconds: Counter[str] = Counter()
    tests: Counter[str] = Counter()
    for report in (one for reports in terminalreporter.stats.values() for one in reports):
        if isinstance(report, pytest.TestReport):
            file = report.nodeid.split("::", 1)[0]
            seconds[file] += report.duration
            tests[file] += report.when == "call"
    if len(seconds) > 1:
        terminalreporter.section(f"slowest {SLOWEST} files of {len(seconds)}, {seconds.total():.0f} s in all")
        for file, taken in seconds.most_common(SLOWEST):
            terminalreporter.write_line(f"{taken:7.1f} s {tests[file]:5d} tests  {file}")


def _shared(folder: str) -> Path:
    path = SHARED / folder
    if not path.is_dir():
        reason = f"there is no {folder} folder in {SHARED.name}/ beside the checkout"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture(scope="session", autouse=True)
def signals_as_in_a_terminal() -> None:
    """A shell starts jobs in the background with SIGINT ignored, and commands under test inherit that."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_IGN:
            default = signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
            signal.signal(number, default)


@pytest.fixture(autouse=True)
def usual_priority() -> Iterator[None]:
    """SVT-AV1 gives a process that encodes real-time priority where it may, and all others would starve."""
    yield
    if hasattr(os, "SCHED_FIFO") and os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compiled graphs of tests stay out of the user's cache; workers share them, as commands of a user do."""
    base = tmp_path_factory.getbasetemp()
    cache = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    cache.mkdir(exist_ok=True)
    os.environ["VIFEX_CACHE"] = str(cache)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Address of an S3 server on this machine."""
    from servers import s3_server

    with s3_server() as url:
        yield url


@pytest.fixture
def s3(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, dict[str, bytes]], None]:
    """Make a bucket with objects by their keys, on a server that this process and its children find."""
    from servers import S3_ENVIRONMENT, fill

    for name, value in {**S3_ENVIRONMENT, "AWS_ENDPOINT_URL": s3_endpoint}.items():
        monkeypatch.setenv(name, value)
    return lambda bucket, objects: fill(s3_endpoint, bucket, objects)


@pytest.fixture(scope="session")
def shared_media() -> Path:
    """Real images, clips and sounds: `good/`, `odd/`, `bad/`, `reference/`."""
    return _shared("media")


@pytest.fixture(scope="session")
def shared_cases() -> Path:
    """Inputs on which Vifex was wrong once."""
    return _shared("cases")


@pytest.fixture(scope="session")
def ffmpeg() -> Callable[..., str]:
    """Run the ffmpeg command with words and paths; gives what it prints."""
    if shutil.which("ffmpeg") is None:
        reason = "there is no ffmpeg command"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)

    def run(*words: object) -> str:
        command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, words)]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout

    return run


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """Real weights."""
    return _shared("models")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Labelled images and photographs."""
    return _shared("data")


@pytest.fixture(scope="session")
def vifex_command() -> Vifex:
    """Run the real command: `vifex_command("show", store)` gives the completed process, text captured."""

    def run(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "vifex",
            *(os.fspath(w) if isinstance(w, Path) else str(w) for w in words),
        ]
        settings = {"capture_output": True, "text": True, "timeout": 300, "check": False, **options}
        return subprocess.run(command, **settings)  # type: ignore[call-overload,no-any-return]

    return run
