"""Progress of a run: counts, rates, and an estimate of the time left."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vifex.extraction.counting import Counter, is_long
from vifex.extraction.decoders.events import InWork
from vifex.values import Medium
from vifex.values.reports import Tally

__all__ = ["Course", "FileInWork", "Progress"]

_WINDOW_S: Final = 20.0
"""Rates are averages over the last so many seconds."""
_SETTLED_S: Final = 2.0
"""No rate is shown before this much of decoding."""
_ENOUGH_S: Final = 3.0
"""Seconds of video that must be decoded before the time for other videos is estimated."""


@dataclass(frozen=True, slots=True)
class FileInWork:
    """A file that a decoder is reading."""

    name: str
    at_s: float
    """Seconds of video or sound that were reached; 0 for an image."""
    end_s: float | None
    """Where its decoding ends, where that is known."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a run, passed to a callback a few times a second."""

    found: int
    finished: int
    """Media that are over, those that an earlier run finished included."""
    failed: int
    rows: int
    elapsed_s: float
    all_found: bool
    already_done: int = 0
    """Media that an earlier run finished."""
    total: int | None = None
    """Media in all; `None` while they are counted."""
    counted: int = 0
    """Media that are known of so far."""
    video_s: float = 0.0
    """Seconds of video and sound that were gone through, files in work included."""
    media_per_s: float | None = None
    video_s_per_s: float | None = None
    left_s: float | None = None
    """How long it may still take; `None` where nothing can be said."""
    left_is_least: bool = False
    """Whether it will be longer: of videos or of images that are to come none was met yet."""
    in_work: tuple[FileInWork, ...] = ()
    is_over: bool = False


class Course:
    """Adds up what decoding took, by kind of medium, and estimates the time left from it.

    Images cost by the piece, videos and sounds by their seconds. What decoders spend while they wait for
    the network is not in it, so a slow network shows in how many of their seconds pass in one.
    """

    def __init__(self) -> None:
        self._images = self._image_s = 0.0
        self._long = 0
        self._long_s = self._long_media_s = 0.0
        self._over_long = 0
        """Videos and sounds that are over in any way, found done included."""
        self._first_s: float | None = None
        self._marks: deque[tuple[float, int, float]] = deque()

    def over(self, medium: Medium) -> None:
        """Note that a medium is over, in whatever way."""
        self._over_long += is_long(medium)

    def ended(self, medium: Medium, wall_s: float, media_s: float) -> None:
        """Note what the decoding of a medium took.

        Args:
            medium: Which one.
            wall_s: What it took, waiting for the network not counted.
            media_s: Seconds of video or sound that were gone through.
        """
        if is_long(medium):
            self._long += 1
            self._long_s += wall_s
            self._long_media_s += media_s
        else:
            self._images += 1
            self._image_s += wall_s

    def progress(
        self,
        tally: Tally,
        in_work: Sequence[InWork],
        counter: Counter | None,
        *,
        elapsed_s: float,
        all_found: bool,
        is_over: bool = False,
    ) -> Progress:
        """Tell how far the run is.

        Args:
            tally: What is over.
            in_work: What decoders are reading.
            counter: Of media that are still to be found, where one counts.
            elapsed_s: Since the run began.
            all_found: Whether every medium was found.
            is_over: Whether this is the last word.
        """
        now = [FileInWork(w.medium.name, w.at_s, w.end_s) for w in in_work]
        video_s = self._long_media_s + sum(w.at_s for w in in_work)
        done = tally.finished - tally.already_done
        rates = self._rates(elapsed_s, done, video_s)
        counted = max(tally.media, counter.media if counter is not None else 0)
        total = tally.media if all_found else counted if counter is not None and counter.is_done else None
        left_s, is_least = (None, False)
        if total is not None and not is_over and self._first_s is not None:
            n_long = max(self._over_long, counter.long) if counter is not None else self._over_long
            left_s, is_least = self._left(total - tally.finished, n_long, in_work, elapsed_s - self._first_s)
        return Progress(
            found=tally.media,
            finished=tally.finished,
            failed=tally.by_status["failed"],
            rows=tally.rows,
            elapsed_s=elapsed_s,
            all_found=all_found,
            already_done=tally.already_done,
            total=total,
            counted=counted,
            video_s=video_s,
            media_per_s=rates[0],
            video_s_per_s=rates[1],
            left_s=left_s,
            left_is_least=is_least,
            in_work=tuple(now),
            is_over=is_over,
        )

    def _rates(self, at_s: float, done: int, video_s: float) -> tuple[float | None, float | None]:
        """Return media and seconds of video a second, over the window just gone."""
        if self._first_s is None:
            if not done and not video_s:
                return None, None
            self._first_s = at_s
        self._marks.append((at_s, done, video_s))
        while len(self._marks) > 2 and at_s - self._marks[0][0] > _WINDOW_S:
            self._marks.popleft()
        since_s, done_then, video_then_s = self._marks[0]
        if at_s - since_s < _SETTLED_S:
            return None, None
        # A file that is read again goes back to its start.
        return (done - done_then) / (at_s - since_s), max(0.0, video_s - video_then_s) / (at_s - since_s)

    def _left(
        self, media: int, n_long: int, in_work: Sequence[InWork], elapsed_s: float
    ) -> tuple[float | None, bool]:
        """Return seconds that are left for so many media, and whether a kind of them is still unknown.

        Args:
            media: That are not over.
            n_long: Videos and sounds in all.
            in_work: What decoders are reading.
            elapsed_s: Since the first medium came out.
        """
        long = [w for w in in_work if is_long(w.medium)]
        spent_s = self._long_s + sum(w.spent_s for w in long)
        gone_s = self._long_media_s + sum(w.at_s for w in long)
        work_s = self._image_s + spent_s
        if elapsed_s < _SETTLED_S or work_s <= 0:
            return None, False
        long_left = n_long - self._over_long
        images_left = max(0, media - long_left)
        todo_s, is_least = 0.0, False
        if images_left and self._images:
            todo_s += images_left * self._image_s / self._images
        elif images_left:
            is_least = True
        if long_left > 0 and gone_s >= _ENOUGH_S:
            per_s = spent_s / gone_s
            known = [w for w in long if w.end_s is not None]
            todo_s += per_s * sum(max(0.0, (w.end_s or 0.0) - w.at_s) for w in known)
            to_come = long_left - len(known)
            lengths = self._long + len(known)
            if to_come > 0 and lengths:
                mean_s = (self._long_media_s + sum(w.end_s or 0.0 for w in known)) / lengths
                todo_s += per_s * mean_s * to_come
            is_least = is_least or (to_come > 0 and not lengths)
            todo_s = max(todo_s * elapsed_s / work_s, *(_alone(w) for w in long), 0.0)
        else:
            is_least = is_least or long_left > 0
            todo_s *= elapsed_s / work_s
        return (None, False) if is_least and not todo_s else (todo_s, is_least)


def _alone(work: InWork) -> float:
    """Return the seconds that a file still takes by itself: one decoder reads it, however many idle."""
    if work.end_s is None or work.at_s < _ENOUGH_S:
        return 0.0
    return max(0.0, work.end_s - work.at_s) * work.spent_s / work.at_s
