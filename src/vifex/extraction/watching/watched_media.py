"""The media of watched folders, as batches that a pipeline takes one after the other.

A folder is listed at the start, when it comes back, and from time to time; between that, notifications say
which paths changed. Everything here but the two threads that list and hear of changes is one thread's.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from vifex.extraction.listing import Listing
from vifex.extraction.watching.arrivals import Arrivals, is_unfinished_name
from vifex.extraction.watching.batches import LOOK_S, READY, Found, WatchedBatches, medium_in
from vifex.extraction.watching.file_systems import network_file_system
from vifex.extraction.watching.notifications import Notifications
from vifex.media.sources.folders import HIDDEN, VANISHED, is_store, look_at, walk
from vifex.media.sources.id_set import IdSet
from vifex.media.sources.kinds import by_name
from vifex.media.sources.source import printable
from vifex.values import InputError, Medium, Outcome
from vifex.values.media import uri_to_path

__all__ = ["WatchedMedia"]

_FOLDERS_S: Final = 1.0
"""Between two looks whether the folders are there."""
_LIST_AGAIN_S: Final = 600.0
"""Between two listings beside notifications, which a system may drop; at least 20 times what one takes."""
_LINGER_S: Final = 1.0
"""After its last file a batch waits so long for files that may be whole within this time."""
_REMEMBERED: Final = 100_000
"""Files that are remembered as given, where notifications tell of changes."""


class WatchedMedia(WatchedBatches):
    """What arrives in folders.

    Args:
        folders: Absolute paths.
        settle_s: Seconds for which a file must stay the same.
        poll_s: Seconds between two listings; `None` takes notifications of the system.
        on_notice: Told of a folder that vanishes or comes back.
        stop: Says whether the watch is to end.
    """

    def __init__(
        self,
        folders: Sequence[str],
        *,
        settle_s: float,
        poll_s: float | None,
        on_notice: Callable[[str], None],
        stop: Callable[[], bool],
    ) -> None:
        super().__init__(stop)
        self._folders = dict.fromkeys(folders, True)
        """Whether each is there."""
        self._ids: dict[str, tuple[int, int]] = {}
        self._settle_s, self._poll_s = settle_s, poll_s
        self._on_notice = on_notice
        self._arrivals = Arrivals(settle_s)
        self._held: dict[str, None] = {}
        """Files that changed after this batch had begun with them: they wait for its end."""
        self._given: OrderedDict[str, tuple[int, int]] = OrderedDict()
        """Size and time of change of files that were given, by path."""
        self._has_gone = False
        self.retries_failed = False
        """Whether a folder has come back, and the batch with its listing is not over."""
        self._listed: set[str] = set()
        """Paths of the listing that goes on, where listings tell which files are gone."""
        self._was_away = False
        """Whether a folder was not there at some time of that listing."""
        self._ready_s = self._looked_s = self._folders_s = 0.0
        self._list_s = self._list_again_s = 0.0
        self._notifications = None if poll_s is not None else Notifications()
        try:
            for folder in folders:
                self._watch(folder)
                kind = network_file_system(folder) if poll_s is None else None
                if kind is not None:
                    where = f"{printable(folder)} is on a network file system ({kind})"
                    on_notice(
                        f"{where}, which does not tell of what other machines write: list it again and again "
                        "with `poll_s=`."
                    )
        except BaseException:
            self.close()
            raise
        self._list()

    # -- between batches -----------------------------------------------------------------------------------

    def look(self) -> bool:
        """Take in what happened; return whether there are media for a batch."""
        now_s = time.monotonic()
        if self._listing is None and (
            now_s >= self._list_again_s or (self._notifications and self._notifications.take_losses())
        ):
            self._list()
        self._take_in(now_s)
        return bool(self._ready)

    def begin_batch(self) -> None:
        """Begin another batch."""
        super().begin_batch()
        self._ready_s = time.monotonic()

    def end_batch(self) -> None:
        """Take note that all media of the batch are committed."""
        if self._listing is None and self._list_again_s > 0:
            self.retries_failed = False
        super().end_batch()
        held, self._held = self._held, {}
        now_s = time.monotonic()
        for path in held:
            self._arrivals.note(path, now_s)

    def take_removed(self) -> tuple[str, ...]:
        """Return the names of files that were deleted or moved away since the last call, sorted."""
        removed, self._removed = self._removed, {}
        files = [name for name in removed if not name.endswith("/")]
        # A folder is named only where the system named none of its files.
        folders = [name for name in removed if name.endswith("/") and not _any_below(name, files)]
        return tuple(sorted([*files, *folders]))

    def take_has_gone(self) -> bool:
        """Return whether a file may have left its place since the last call: it may be renamed now."""
        has_gone, self._has_gone = self._has_gone or self._poll_s is not None, False
        return has_gone

    def everything(self) -> Iterator[Found]:
        """Yield what is in the folders now."""
        seen, folders = IdSet(), list(self._folders)
        for folder in folders:
            for found in walk(folder) if os.path.isdir(folder) else ():  # noqa: PTH112
                if not _is_passed_over(found) and (len(folders) == 1 or seen.add(medium_in(found).medium_id)):
                    yield found

    def close(self) -> None:
        """End the threads."""
        if self._listing is not None:
            self._listing.close()
        if self._notifications is not None:
            self._notifications.close()

    def _comes_soon(self, now_s: float) -> bool:
        due_s = self._arrivals.next_due_s()
        return due_s is not None and due_s <= now_s + _LINGER_S and now_s - self._ready_s < _LINGER_S

    def _remember(self, found: Found) -> None:
        medium = medium_in(found)
        path = uri_to_path(medium.uri)
        self._given[path] = (medium.size_bytes, medium.mtime_ns)
        self._given.move_to_end(path)
        if self._poll_s is None and len(self._given) > _REMEMBERED:
            self._given.popitem(last=False)

    # -- what happened -------------------------------------------------------------------------------------

    def _take_in(self, now_s: float) -> None:
        if now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        if now_s - self._folders_s >= _FOLDERS_S:
            self._folders_s = now_s
            self._look_for_folders()
        if self._notifications is not None:
            self._hear(self._notifications, now_s)
        if self._listing is not None:
            self._read(self._listing, now_s)
        for path in self._arrivals.take_whole(now_s):
            self._arrived(path, now_s)

    def _hear(self, notifications: Notifications, now_s: float) -> None:
        for path, change in notifications.take().items():
            folder = self._folder_of(path)
            if folder is None or is_unfinished_name(path):
                continue
            if not change.is_gone:
                self._arrivals.note(path, now_s, is_written=change.is_written)
                continue
            self._arrivals.drop(path)
            self._has_gone = True
            if self._is_taken(change.moved_to):
                self._given.pop(path, None)
            elif self._given.pop(path, None) is not None or change.is_folder or by_name(path):
                self._gone(folder, path, is_folder=change.is_folder)

    def _is_taken(self, path: str) -> bool:
        """Return whether a file is taken at a path by its name and its place."""
        return bool(path) and not is_unfinished_name(path) and self._folder_of(path) is not None

    def _gone(self, folder: str, path: str, *, is_folder: bool = False) -> None:
        name = printable(os.path.relpath(path, folder))
        if name != ".":
            self._removed[name + "/" * is_folder] = None

    def _folder_of(self, path: str) -> str | None:
        """Return the watched folder of a path; `None` for what no walk gives, as files of a store."""
        folder = next((f for f in self._folders if path.startswith(os.path.join(f, ""))), None)  # noqa: PTH118
        if folder is None:
            return None
        at = os.path.dirname(path)  # noqa: PTH120
        while len(at) > len(folder):
            if os.path.basename(at).startswith(".") or is_store(at):  # noqa: PTH119
                return None
            at = os.path.dirname(at)  # noqa: PTH120
        return folder

    def _arrived(self, path: str, now_s: float) -> None:
        """Take what lies at a path that is whole: a medium, or the media of a folder."""
        folder = self._folder_of(path)
        if folder is not None:
            for found in look_at(folder, path):
                self._sort(found, now_s, is_whole=True)

    def _read(self, listing: Listing, now_s: float) -> None:
        while len(self._ready) < READY and time.monotonic() - now_s < 2 * LOOK_S:
            found = listing.take(READY)
            for one in found:
                self._sort(one, now_s)
            if not found:
                break
        if listing.is_over:
            self._end_listing(listing)

    def _sort(self, found: Found, now_s: float, *, is_whole: bool = False) -> None:
        """Decide whether a file is given now, waits, or was given as it is."""
        if _is_passed_over(found):
            return
        medium = medium_in(found)
        path, state = uri_to_path(medium.uri), (medium.size_bytes, medium.mtime_ns)
        if self._poll_s is not None and not is_whole:
            self._listed.add(path)
        if self._given.get(path) == state:
            return
        if medium.medium_id in self._in_batch:
            self._held[path] = None
        elif is_whole or _age_s(medium) >= self._settle_s:
            self._in_batch.add(medium.medium_id)
            self._ready.append(found)
            self._ready_s = now_s
        else:
            self._arrivals.note(path, now_s)

    # -- folders and listings ------------------------------------------------------------------------------

    def _list(self) -> None:
        self._listed = set()
        self._was_away = not all(self._folders.values())
        self._list_s = time.monotonic()
        self._listing = Listing(lambda on_notice: self.everything(), self._on_notice)

    def _end_listing(self, listing: Listing) -> None:
        listing.close()
        self._listing = None
        now_s = time.monotonic()
        every_s = self._poll_s or max(_LIST_AGAIN_S, 20 * (now_s - self._list_s))
        self._list_again_s = now_s + every_s
        self._look_for_folders()
        if self._poll_s is not None and not self._was_away:
            for path in [path for path in self._given if path not in self._listed]:
                folder = self._folder_of(path)
                if folder is not None:
                    del self._given[path]
                    self._gone(folder, path)

    def _look_for_folders(self) -> None:
        for folder, was_there in self._folders.items():
            try:
                stat = os.stat(folder)  # noqa: PTH116
                if was_there and (stat.st_dev, stat.st_ino) == self._ids[folder]:
                    continue
                self._watch(folder)
            except (OSError, InputError):
                self._was_away = True
                if was_there:
                    self._folders[folder] = False
                    self._on_notice(f"{printable(folder)} is gone; it is watched again when it comes back.")
                    if self._notifications is not None:
                        self._notifications.unwatch(folder)
                continue
            if not was_there:
                self._on_notice(f"{printable(folder)} is back.")
            self._folders[folder] = self._was_away = self._has_gone = True
            # What failed because the folder was not there is tried again.
            self.retries_failed = True
            self._given = OrderedDict.fromkeys(self._given, (-1, -1))
            self._list_again_s = 0.0

    def _watch(self, folder: str) -> None:
        if self._notifications is not None:
            self._notifications.watch(folder)
        stat = os.stat(folder)  # noqa: PTH116
        self._ids[folder] = (stat.st_dev, stat.st_ino)


def _is_passed_over(found: Found) -> bool:
    if isinstance(found, Outcome) and found.reason in (HIDDEN, VANISHED):
        return True
    return is_unfinished_name(uri_to_path(medium_in(found).uri))


def _any_below(folder: str, files: Sequence[str]) -> bool:
    return any(name.startswith(folder) for name in files)


def _age_s(medium: Medium) -> float:
    """Return for how long a file has stayed the same by its time of change; below 0 for one of the future."""
    return time.time() - medium.mtime_ns / 1e9
