"""Media between their decoder and the store: the rows of each so far, and whether it is complete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vifex.extraction.decoders.protocol import Ending, Finished
from vifex.extraction.pipeline.rows import MediumRows, Part, in_order
from vifex.extraction.pipeline.vectors import BatchRows
from vifex.extraction.pipeline.view_sink import SpilledRows
from vifex.values import DecodeReport, InputError, Medium

__all__ = ["InFlight", "MediumInFlight"]


class MediumInFlight:
    """One medium, and its rows so far for each view that wants it.

    Args:
        medium: Which one.
        views: Numbers of the views, in the order in which the decoder was asked for them.
    """

    __slots__ = (
        "content_hash",
        "ending",
        "is_ended",
        "media_s",
        "medium",
        "missing",
        "parts",
        "refused",
        "rows",
        "spilled",
        "views",
        "wall_s",
    )

    def __init__(self, medium: Medium, views: tuple[int, ...]) -> None:
        self.medium = medium
        self.views = views
        self.reset()

    def reset(self) -> None:
        """Set everything back for another attempt at the medium."""
        self.parts: list[list[Part]] = [[] for _ in self.views]
        """For each of `views` the rows that are here."""
        self.rows = [0] * len(self.views)
        """For each of `views` the number of its rows, those on the disk included."""
        self.missing = 0
        """Samples that have not come back; below 0 as long as the decoder has not said how many it wrote."""
        self.is_ended = False
        self.ending: Ending | None = None
        """How decoding ended; `None` for an image of which nothing is to be said."""
        self.wall_s = self.media_s = 0.0
        """What decoding took, and seconds of video or sound that were gone through."""
        self.content_hash = ""
        self.refused: dict[int, str] | None = None
        """Place among `views` to the reason why its numbers cannot be stored."""
        self.spilled: dict[int, SpilledRows] | None = None
        """Place among `views` to the rows that went to the disk."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing more will come."""
        return self.is_ended and not self.missing

    def held(self, place: int) -> int:
        """Count the rows in memory of the view at this place among `views`."""
        return sum(stop - start for _, start, stop in self.parts[place])

    def take(self, place: int) -> MediumRows | None:
        """Return the rows that are here, ordered by ordinal, and forget them."""
        parts = self.parts[place]
        if not parts:
            return None
        self.parts[place] = []
        return MediumRows(self.medium, in_order(parts))


class InFlight:
    """All media that were handed to decoders and are not settled, by the number of the attempt."""

    def __init__(self) -> None:
        self._media: dict[int, MediumInFlight] = {}

    def __len__(self) -> int:
        return len(self._media)

    def add(self, attempt: int, medium: MediumInFlight) -> None:
        """Expect a medium."""
        self._media[attempt] = medium

    def retry(self, before: int, now: int) -> MediumInFlight:
        """Expect a medium under another attempt: samples of the one before are of no use."""
        medium = self._media[now] = self._media.pop(before)
        return medium

    def end(self, finished: Finished) -> Iterator[MediumInFlight]:
        """Take note of endings, and give the media of which nothing more is to come."""
        endings = finished.endings
        columns = zip(
            finished.attempts,
            finished.counts,
            finished.wall_s,
            finished.media_s,
            finished.content_hashes,
            strict=True,
        )
        for attempt, counts, wall_s, media_s, content_hash in columns:
            medium = self._media[attempt]
            medium.is_ended, medium.wall_s, medium.media_s = True, wall_s, media_s
            medium.content_hash = content_hash
            medium.missing += sum(counts)
            if endings and attempt in endings:
                medium.ending = endings[attempt]
            if not medium.missing or _is_lost(medium.ending):
                del self._media[attempt]
                yield medium

    def collect(
        self, view: int, attempts: Sequence[int], batch: BatchRows
    ) -> Iterator[tuple[MediumInFlight, bool]]:
        """Give each medium its rows of a batch.

        Args:
            view: Whose batch it is.
            attempts: One number for each sample; samples of one attempt stand together.
            batch: The rows.

        Yields:
            Each medium that got rows, and whether nothing more is to come.
        """
        start, count = 0, len(attempts)
        while start < count:
            attempt, stop = attempts[start], start + 1
            while stop < count and attempts[stop] == attempt:
                stop += 1
            medium = self._media.get(attempt)
            if medium is not None:  # else it was settled as failed, or is read again
                _give(medium, view, batch, start, stop)
                is_complete = medium.is_complete
                if is_complete:
                    del self._media[attempt]
                yield medium, is_complete
            start = stop


def _is_lost(ending: Ending | None) -> bool:
    """Check whether decoding ended without anything that counts."""
    return ending is not None and not isinstance(ending, DecodeReport)


def _give(medium: MediumInFlight, view: int, batch: BatchRows, start: int, stop: int) -> None:
    medium.missing -= stop - start
    place = 0 if len(medium.views) == 1 else medium.views.index(view)
    if not batch.all_fit:
        try:
            batch.check(start, stop)
        except InputError as exc:
            medium.refused = {**(medium.refused or {}), place: exc.sentences}
            return
    first, end = batch.rows_of(start, stop)
    medium.parts[place].append((batch.chunk, first, end))
    medium.rows[place] += end - first
