"""Which files of a folder are opened, by whatever process: the kernel tells (Linux)."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["opened"]


@contextmanager
def opened(folder: Path) -> Iterator[set[str]]:
    """Take note of the names of files in a folder that any process opens; the set is whole in the end."""
    from watchdog.events import FileOpenedEvent, FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer

    names: set[str] = set()
    heard = threading.Event()

    class Handler(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            if isinstance(event, FileOpenedEvent):
                names.add(Path(os.fsdecode(event.src_path)).name)
                if "the-end" in names:
                    heard.set()

    observer = Observer()
    observer.schedule(Handler(), str(folder))
    observer.start()
    try:
        yield names
        (folder / "the-end").write_text("")  # events come in order
        assert heard.wait(10)
        (folder / "the-end").unlink()
        names.discard("the-end")
    finally:
        observer.stop()
        observer.join()
