"""Counts what was lost in one medium, and describes it in sentences.

Damage is what decoding met: errors, corrupt flags, frames without a timestamp, a premature end. What a header
claims never counts as damage.
"""

from __future__ import annotations

from fractions import Fraction

from vifex.media.decode.files.log import Log
from vifex.media.decode.files.reasons import why_not

__all__ = ["Damage"]


class Damage:
    """Counts losses of one medium; its size does not grow with them."""

    def __init__(self) -> None:
        self.opening = Log()
        self.log = Log()
        self.n_undecoded = 0
        self.n_corrupt_frames = 0
        self.n_corrupt_packets = 0
        self.n_timeless = 0
        self.n_backwards = 0
        self.n_unconverted = 0
        self.is_encrypted = False
        self.first: BaseException | None = None
        self.first_s: float | None = None
        self.read_error: BaseException | None = None
        self.others: list[str] = []

    def undecoded(self, exc: BaseException, at: Fraction | None) -> None:
        """A packet that the decoder refused; `at` is about when."""
        self.n_undecoded += 1
        if self.first is None:
            self.first, self.first_s = exc, None if at is None else float(at)

    def note_skipped_packets(self) -> None:
        """Count a place in the file that could not be read, with more after it."""
        self.other("A part of the file could not be read; what lies behind it could.")

    def other(self, sentence: str) -> None:
        """Count any other problem; its sentence is given once."""
        if sentence not in self.others:
            self.others.append(sentence)

    @property
    def too_large(self) -> str | None:
        """Width x height of images that were refused for their size, if any were."""
        return self.log.too_large or self.opening.too_large

    @property
    def n_lost(self) -> int:
        """Frames that were met and could not be decoded."""
        return self.n_undecoded + self.n_timeless + self.n_unconverted

    def cause(self) -> str:
        """Return the likeliest cause in a clause, for a medium of which nothing could be read."""
        if self.is_encrypted:
            return "it is encrypted"
        if self.too_large:
            return f"it is {self.too_large} pixels large, more than allowed"
        for exc in (self.first, self.read_error):
            if exc is not None:
                return why_not(exc)
        for log in (self.log, self.opening):
            if log.first:
                return f"FFmpeg says {log.first!r}"
        return "it holds no frame"

    def sentences(self) -> tuple[str, ...]:
        """Describe what was lost, one sentence each; none if nothing was."""
        said = list(self.others)
        if self.n_undecoded:
            at = "" if self.first_s is None else f", the first at about {self.first_s:.2f} s"
            why = "" if self.first is None else f": {why_not(self.first)}"
            said.append(f"{_frames(self.n_undecoded)} could not be decoded{at}{why}.")
        counted = {
            "came out of the decoder marked as damaged": self.n_corrupt_frames,
            "had no time of their own and were left out": self.n_timeless,
            "went back in time and were placed directly after the frame before": self.n_backwards,
            "could not be turned into RGB": self.n_unconverted,
        }
        said += [f"{_frames(n)} {words}." for words, n in counted.items() if n]
        if self.n_corrupt_packets:
            said.append(
                f"Parts of the file are marked as damaged or cut (packets: {self.n_corrupt_packets:,})."
            )
        if self.read_error is not None:
            said.append(f"Reading stopped before the end: {why_not(self.read_error)}.")
        if self.log.first:
            said.append(
                f"FFmpeg reported damage (messages: {self.log.n_errors:,}), first {self.log.first!r}."
            )
        return tuple(said)


def _frames(n: int) -> str:
    return f"{n:,} frame{'' if n == 1 else 's'}"
