"""The media below addresses that are listed again and again, as batches that a pipeline takes in turn.

An object of a bucket appears whole, so it is taken when a listing first has it. What is the same by size and
by time of change, in which the entity tag counts, is taken once. On other servers, where files grow, a file
must be the same in two listings.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

from vifex.extraction.listing import Listing
from vifex.extraction.watching.arrivals import is_unfinished_name
from vifex.extraction.watching.batches import LOOK_S, READY, Found, WatchedBatches, medium_in
from vifex.media.remote.addresses import BUCKETS, WEB, public
from vifex.media.remote.errors import TransferError
from vifex.media.sources.folders import HIDDEN
from vifex.media.sources.remote import read_address
from vifex.media.sources.source import NothingHere, why
from vifex.values import InputError, Medium, Outcome

__all__ = ["POLL_S", "WatchedAddresses"]

POLL_S: Final = 60.0
"""Seconds between two listings, by default: each costs requests."""


class WatchedAddresses(WatchedBatches):
    """What arrives below addresses.

    Args:
        addresses: As they are read, each with `/` at its end.
        poll_s: Seconds between two listings.
        on_notice: Told of an address that cannot be listed any more, and when it can again.
        stop: Says whether the watch is to end.

    Raises:
        InputError: If one of them is of a web server, which gives no listings.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        *,
        poll_s: float,
        on_notice: Callable[[str], None],
        stop: Callable[[], bool],
    ) -> None:
        super().__init__(stop)
        for address in addresses:
            if urlsplit(address).scheme in WEB:
                raise InputError(
                    "a web server gives no listing that could be watched.",
                    of=public(address),
                    todo="Watch a bucket, e.g. s3://bucket/folder/, or a folder.",
                )
        self._addresses = list(addresses)
        self._grows = any(urlsplit(address).scheme not in BUCKETS for address in addresses)
        self._poll_s, self._on_notice = poll_s, on_notice
        self._given: dict[str, tuple[int, int]] = {}
        """Size and time of change of what was given, by address."""
        self._before: dict[str, tuple[int, int]] = {}
        self._seen: dict[str, tuple[int, int]] = {}
        """The same of all that the listing before, and the one that goes on, have."""
        self._names: dict[str, str] = {}
        self._problems: dict[str, str] = {}
        """Why addresses could not be listed in the listing that goes on."""
        self._away: dict[str, str] = {}
        """Why addresses could not be listed in the one before."""
        self._is_first = True
        self.retries_failed = False
        """Whether a server answers again, and the batch with its listing is not over."""
        self._list_again_s = self._looked_s = 0.0
        self._list()

    # -- between batches -----------------------------------------------------------------------------------

    def look(self) -> bool:
        """Take in what the listing has; return whether there are media for a batch."""
        now_s = time.monotonic()
        if self._listing is None and now_s >= self._list_again_s:
            self._list()
        self._take_in(now_s)
        return bool(self._ready)

    def end_batch(self) -> None:
        """Take note that all media of the batch are committed."""
        if self._listing is None:
            self.retries_failed = False
        super().end_batch()

    def take_removed(self) -> tuple[str, ...]:
        """Return the names of objects that were deleted since the last call, sorted."""
        removed, self._removed = self._removed, {}
        return tuple(sorted(removed))

    def take_has_gone(self) -> bool:
        """Return false: a remote medium under another name is another medium."""
        return False

    def everything(self) -> Iterator[Found]:
        """Yield what is below the addresses now. What cannot be listed is noted in `_problems`."""
        for address in self._addresses:
            try:
                for found in read_address(address):
                    if isinstance(found, Outcome) and found.medium.uri == public(address):
                        self._problems[address] = found.reason  # the rest could not be listed
                    elif not _is_passed_over(found):
                        yield found
            except NothingHere as exc:
                if isinstance(exc.__cause__, TransferError):
                    self._problems[address] = f"it cannot be listed: {why(exc.__cause__)}"

    def close(self) -> None:
        """End the thread."""
        if self._listing is not None:
            self._listing.close()

    # -- listings ------------------------------------------------------------------------------------------

    def _list(self) -> None:
        self._seen, self._problems = {}, {}
        self._listing = Listing(lambda on_notice: self.everything(), self._on_notice)

    def _remember(self, found: Found) -> None:
        medium = medium_in(found)
        self._given[medium.uri] = _state(medium)
        self._names[medium.uri] = medium.name

    def _take_in(self, now_s: float) -> None:
        listing = self._listing
        if listing is None or now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        while len(self._ready) < READY and time.monotonic() - now_s < 2 * LOOK_S:
            found = listing.take(READY)
            for one in found:
                self._sort(one)
            if not found:
                break
        if listing.is_over:
            self._end_listing(listing)

    def _sort(self, found: Found) -> None:
        """Decide whether an object is given now, waits for the next listing, or was given as it is."""
        medium = medium_in(found)
        uri, state = medium.uri, _state(medium)
        self._seen[uri] = state
        if self._given.get(uri) == state or medium.medium_id in self._in_batch:
            return
        if self._grows and self._before.get(uri) != state:
            return
        self._in_batch.add(medium.medium_id)
        self._ready.append(found)

    def _end_listing(self, listing: Listing) -> None:
        listing.close()
        self._listing = None
        # A file that grows is looked at again soon.
        waits = self._grows and any(self._given.get(uri) != state for uri, state in self._seen.items())
        self._list_again_s = time.monotonic() + (min(self._poll_s, 2.0) if waits else self._poll_s)
        if self._is_first and self._problems:
            address, problem = next(iter(self._problems.items()))
            raise InputError(f"{problem}.", of=public(address), todo="Check the address and the credentials.")
        self._is_first = False
        self._tell_of_problems()
        if not self._problems:
            self._before = self._seen
            for uri in [uri for uri in self._given if uri not in self._seen]:
                del self._given[uri]
                self._removed[self._names.pop(uri)] = None

    def _tell_of_problems(self) -> None:
        for address, problem in self._problems.items():
            if address not in self._away:
                self._on_notice(f"{public(address)}: {problem}. It is listed again every {self._poll_s:g} s.")
        back = [address for address in self._away if address not in self._problems]
        for address in back:
            self._on_notice(f"{public(address)} can be listed again.")
        if back:
            # What failed because its server was away is tried again.
            self.retries_failed = True
            self._given = dict.fromkeys(self._given, (-1, -1))
            self._list_again_s = 0.0
        self._away = self._problems


def _state(medium: Medium) -> tuple[int, int]:
    return medium.size_bytes, medium.mtime_ns


def _is_passed_over(found: Found) -> bool:
    if isinstance(found, Outcome) and found.reason == HIDDEN:
        return True
    return is_unfinished_name(medium_in(found).name)
