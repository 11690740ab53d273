"""Reports how far the decoding of a video or a sound is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Final, Protocol, runtime_checkable

from av.container import InputContainer

from vifex.media.sample.base import Part

__all__ = ["Reach", "Reached"]

_MICROSECONDS: Final = 1_000_000
_SLACK_S: Final = 1.0


@runtime_checkable
class Reached(Protocol):
    """A progress callback that also takes how far a medium is decoded."""

    def reach(self, t_s: float, end_s: float | None) -> None:
        """Take the seconds that were reached, and the end of the decoding if it is known."""


class Reach:
    """Reports one medium's progress, if the callback takes it.

    Args:
        progress: Called for each packet or image; it gets the seconds if it is a `Reached`.
        container: Of the medium.
        parts: The requested parts; nothing is decoded after the last end.
    """

    def __init__(
        self, progress: Callable[[], None], container: InputContainer, parts: Sequence[Part] = ()
    ) -> None:
        self._builder = progress if isinstance(progress, Reached) else None
        duration = container.duration  # from the container's start; absent in streams without an index
        end_s = duration / _MICROSECONDS if duration and duration > 0 else None
        ends = [part.end for part in parts]
        wanted_s = float(max(e for e in ends if e is not None)) if ends and None not in ends else None
        self._end_s = min((s for s in (end_s, wanted_s) if s is not None), default=None)

    def tell(self, at: Fraction) -> None:
        """Report the seconds that were reached."""
        if self._builder is not None:
            at_s = float(at)
            # A container may be wrong, or have a clock that starts anew.
            is_beyond = self._end_s is not None and at_s > self._end_s + _SLACK_S
            self._builder.reach(at_s, None if is_beyond else self._end_s)
