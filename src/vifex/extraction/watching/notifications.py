"""What the system says of changes below folders, by the library watchdog: the newest state of each path.

watchdog tells of a file that a process closed after it wrote to it, which notify and its bindings leave out.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vifex.values import InputError
from vifex.values.media import path_to_uri
from vifex.values.registry import require

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent

__all__ = ["Change", "Notifications"]

_TELLS_OF_CLOSING: Final = sys.platform == "linux"
_LOST: Final = ("watchdog.observers.inotify_c", "watchdog.observers.inotify")
"""The loggers that warn where the kernel dropped events."""


@dataclass(slots=True)
class Change:
    """What happened to a path since it was last asked for."""

    is_gone: bool = False
    """Whether it was deleted, or moved away."""
    moved_to: str = ""
    """Where it is now, if that is in a watched folder."""
    is_folder: bool = False
    """Whether what is gone was a folder."""
    is_written: bool | None = None
    """Whether a process wrote to it and has not closed it; `None` where the system did not say."""


class Notifications:
    """Changes below folders, gathered by a thread of watchdog.

    Raises:
        MissingExtraError: If watchdog is not installed.
    """

    def __init__(self) -> None:
        require("watchdog", extra="watch", needed_for="Watching a folder without `poll_s=`")
        from watchdog.events import FileSystemEventHandler
        from watchdog.observers import Observer

        self._lock = threading.Lock()
        self._changes: dict[str, Change] = {}
        self._watches: dict[str, Any] = {}
        self._observer: Any = Observer()
        self._observer.daemon = True
        self._losses = _Losses()
        for name in _LOST:
            logging.getLogger(name).addFilter(self._losses)
        took = self._took

        class Handler(FileSystemEventHandler):
            def on_any_event(self, event: FileSystemEvent) -> None:
                took(event)

        self._handler = Handler()
        self._observer.start()

    def watch(self, folder: str) -> None:
        """Tell of changes in a folder and below it from now on.

        Raises:
            InputError: If the system gives no notifications for it.
        """
        from watchdog.events import (
            DirCreatedEvent,
            DirDeletedEvent,
            DirMovedEvent,
            FileClosedEvent,
            FileCreatedEvent,
            FileDeletedEvent,
            FileModifiedEvent,
            FileMovedEvent,
        )

        wanted: list[type[FileSystemEvent]] = [DirCreatedEvent, DirDeletedEvent, DirMovedEvent]
        wanted += [FileClosedEvent, FileCreatedEvent, FileDeletedEvent, FileModifiedEvent, FileMovedEvent]
        self.unwatch(folder)
        try:
            self._watches[folder] = self._observer.schedule(
                self._handler, folder, recursive=True, event_filter=wanted
            )
        except OSError as exc:
            raise InputError(
                f"the system gives no notifications of changes here: {exc.strerror or exc}.",
                of=path_to_uri(folder),
                todo="List the folder again and again instead with `poll_s=`, or raise the system's limit "
                "(Linux: fs.inotify.max_user_watches).",
            ) from exc

    def unwatch(self, folder: str) -> None:
        """Tell no more of a folder."""
        watch = self._watches.pop(folder, None)
        if watch is not None:
            try:
                self._observer.unschedule(watch)
            except (KeyError, OSError):
                return  # its thread ended with the folder

    def take(self) -> dict[str, Change]:
        """Return the changes since the last call, by path."""
        with self._lock:
            changes, self._changes = self._changes, {}
        return changes

    def take_losses(self) -> bool:
        """Return whether the system dropped changes since the last call."""
        were_lost, self._losses.are_there = self._losses.are_there, False
        return were_lost

    def close(self) -> None:
        """End the thread."""
        for name in _LOST:
            logging.getLogger(name).removeFilter(self._losses)
        self._observer.stop()
        self._observer.join(timeout=2.0)

    # -- in the thread of watchdog -------------------------------------------------------------------------

    def _took(self, event: FileSystemEvent) -> None:
        path, to = os.fsdecode(event.src_path), os.fsdecode(event.dest_path)
        with self._lock:
            match event.event_type:
                case "deleted":
                    self._note(path, is_gone=True, is_folder=event.is_directory)
                case "moved":
                    self._note(path, is_gone=True, is_folder=event.is_directory, moved_to=to)
                    self._note(to)
                case "modified":
                    self._note(path, is_written=_TELLS_OF_CLOSING)
                case "closed":
                    self._note(path, is_written=False)
                case _:
                    self._note(path)

    def _note(
        self,
        path: str,
        *,
        is_gone: bool = False,
        is_folder: bool = False,
        moved_to: str = "",
        is_written: bool | None = None,
    ) -> None:
        change = self._changes.setdefault(path, Change())
        change.is_gone, change.is_folder, change.moved_to = is_gone, is_folder, moved_to
        change.is_written = change.is_written if is_written is None else is_written


class _Losses(logging.Filter):
    """Notes the warnings of lost events in place of printing them."""

    are_there = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Note a record."""
        self.are_there = True
        return False
