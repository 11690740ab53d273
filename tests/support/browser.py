"""A real browser for tests of pages: Chromium without a window, driven through a pipe.

The protocol is Chromium's own (https://chromedevtools.github.io/devtools-protocol): JSON messages that end
with a zero byte, read by the browser from file 3 and written by it to file 4.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["CHROMIUM", "Tab", "opened_page"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_WORDS = (
    "--headless",
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-pipe",
)


class _Pipe:
    """Messages to and from the browser, one call after the other."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader, self._writer = reader, writer
        self._number = 0
        self._rest = b""
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None, parameters: dict[str, Any]) -> Any:
        """Call a method of the protocol and return its result; events that come before it are kept."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._writer, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next(60)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self.events.append(answer)

    def _next(self, seconds: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert select.select([self._reader], [], [], seconds)[0], "the browser does not answer"
            part = os.read(self._reader, 1 << 20)
            assert part, "the browser has ended"
            self._rest += part
        text, _, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(text)
        return answer


class Tab:
    """One open page."""

    def __init__(self, pipe: _Pipe, target: str) -> None:
        self._pipe, self.target = pipe, target
        attached = pipe.call("Target.attachToTarget", None, {"targetId": target, "flatten": True})
        self._session: str = attached["sessionId"]

    def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol and return its result."""
        return self._pipe.call(method, self._session, parameters)

    def run(self, script: str) -> Any:
        """Run a script in the page and return its value; a promise is waited for."""
        done = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait(self, script: str, seconds: float = 30) -> None:
        """Wait until a script gives something true."""
        end = time.monotonic() + seconds
        while not self.run(f"Boolean({script})"):
            assert time.monotonic() < end, f"{script} did not come true; the page said {self.said()}"
            time.sleep(0.02)

    def key(self, key: str, **more: Any) -> None:
        """Press and release a key."""
        words = {"key": key, **({"text": key} if len(key) == 1 else {}), **more}
        if key == "Enter":
            words |= {"text": "\r", "windowsVirtualKeyCode": 13}
        self.call("Input.dispatchKeyEvent", type="keyDown", **words)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def drag(self, *places: tuple[float, float], shift: bool = False) -> None:
        """Press the mouse at the first place, move it over the others, and release it at the last."""
        kinds = ["mousePressed", *["mouseMoved"] * len(places[1:]), "mouseReleased"]
        for kind, (x, y) in zip(kinds, [*places, places[-1]], strict=True):
            held = {"button": "left", "buttons": 1, "clickCount": 1, "modifiers": 8 if shift else 0}
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **held)

    def forget(self) -> None:
        """Forget what the page asked for and said until now."""
        kept = [event for event in self._pipe.events if event.get("sessionId") != self._session]
        self._pipe.events[:] = kept

    def requests(self) -> list[str]:
        """Return the addresses that the page asked for, without those of embedded data."""
        self.run("0")
        found = [e["params"]["request"]["url"] for e in self._of("Network.requestWillBeSent")]
        return [address for address in found if not address.startswith(("data:", "blob:"))]

    def said(self) -> list[str]:
        """Return what the page wrote to its console, its errors included."""
        logged = [str(e["params"]["entry"]["text"]) for e in self._of("Log.entryAdded")]
        wrote = [json.dumps(e["params"].get("args")) for e in self._of("Runtime.consoleAPICalled")]
        thrown = [json.dumps(e["params"]) for e in self._of("Runtime.exceptionThrown")]
        return [*logged, *wrote, *thrown]

    def _of(self, method: str) -> list[dict[str, Any]]:
        return [
            event
            for event in self._pipe.events
            if event.get("method") == method and event.get("sessionId") == self._session
        ]


class _Browser:
    """A browser that opens pages in tabs."""

    def __init__(self) -> None:
        assert CHROMIUM
        to_browser, self._writer = os.pipe()
        self._reader, from_browser = os.pipe()
        self._folder = tempfile.TemporaryDirectory(prefix="vifex-browser-", ignore_cleanup_errors=True)
        # The shell puts the pipes where the browser wants them.
        shell = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        command = [
            "bash",
            "-c",
            shell,
            "bash",
            CHROMIUM,
            *_WORDS,
            f"--user-data-dir={self._folder.name}",
        ]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, pass_fds=(to_browser, from_browser), **quiet)  # type: ignore[call-overload]
        os.close(to_browser)
        os.close(from_browser)
        self._pipe = _Pipe(self._reader, self._writer)

    @contextmanager
    def page(self, path: Path, *, width: int = 1200, height: int = 800) -> Iterator[Tab]:
        """Open a file in a new tab, and close the tab afterwards.

        Args:
            path: The page.
            width: Of the window, in CSS pixels.
            height: Of the window.
        """
        target = self._pipe.call("Target.createTarget", None, {"url": "about:blank"})["targetId"]
        tab = Tab(self._pipe, target)
        for domain in ("Page", "Runtime", "Network", "Log"):
            tab.call(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        tab.call("Emulation.setDeviceMetricsOverride", **size)
        tab.call("Page.navigate", url=path.absolute().as_uri())
        try:
            yield tab
        finally:
            with suppress(AssertionError, OSError):
                self._pipe.call("Target.closeTarget", None, {"targetId": target})
            tab.forget()

    def close(self) -> None:
        """End the browser."""
        with suppress(AssertionError, OSError):
            self._pipe.call("Browser.close", None, {})
        self._process.kill()
        self._process.wait()
        os.close(self._reader)
        os.close(self._writer)
        self._folder.cleanup()


@cache
def _shared_browser() -> _Browser:
    """Return the browser of this process, which starts once and ends with it: a start costs a second."""
    browser = _Browser()
    atexit.register(browser.close)
    return browser


@contextmanager
def opened_page(path: Path, *, width: int = 1200, height: int = 800) -> Iterator[Tab]:
    """Open a file in a tab of this process's browser.

    Args:
        path: The page.
        width: Of the window, in CSS pixels.
        height: Of the window.
    """
    with _shared_browser().page(path, width=width, height=height) as tab:
        yield tab
