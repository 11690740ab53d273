"""From how decoding ended to what the ledger says of a medium."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from vifex.extraction.decoders.protocol import Broken, Failed, Skipped
from vifex.extraction.pipeline.in_flight import MediumInFlight
from vifex.values import NothingDecoded, Outcome, Status
from vifex.values.outcomes import BADNESS

__all__ = ["outcome_of", "worst"]

_NO_FRAME: Final = "No frame of it was sampled."


def worst(outcomes: list[Outcome]) -> Outcome:
    """Return the outcome by which a medium counts that ended in several ways for several views."""
    return outcomes[0] if len(outcomes) == 1 else max(outcomes, key=lambda o: BADNESS[o.status])


def outcome_of(state: MediumInFlight, place: int) -> Outcome:
    """Return how a medium ended for one view.

    Args:
        state: Of the medium, whose decoding has ended.
        place: Of the view among those that want the medium.
    """
    medium, ending, rows, wall_s = state.medium, state.ending, state.rows[place], round(state.wall_s, 6)
    refused = state.refused.get(place) if state.refused else None
    if ending is None and rows and refused is None:
        return Outcome(medium, "ok", rows=rows, wall_s=wall_s, content_hash=state.content_hash)
    facts: Any = {"wall_s": wall_s, "content_hash": state.content_hash}
    if isinstance(ending, Skipped):
        return Outcome(medium, "skipped", ending.reason, **facts)
    if isinstance(ending, Failed):
        if ending.is_passing:
            # With the facts of a file that could not be examined, so that the next run tries it again.
            medium = replace(medium, size_bytes=0, mtime_ns=0)
        return Outcome(medium, "failed", ending.reason, **facts)
    assert not isinstance(ending, Broken), "a run ends where nothing can be decoded"
    if refused is not None:
        return Outcome(medium, "failed", refused, **facts)
    if ending is None:
        return Outcome(medium, "failed", _NO_FRAME, **facts)
    report = dict(ending.apart).get(place, ending)
    if isinstance(report, NothingDecoded):
        return Outcome(medium, "skipped" if report.is_skipped else "failed", report.reason, **facts)
    problems = " ".join(report.problems)
    if not rows:
        why = dict(report.empty).get(place, _NO_FRAME)
        return Outcome(medium, "failed", f"{problems} {why}".strip(), lost=report.frames_lost, **facts)
    status: Status = "partial" if problems else "ok"
    # How sound was filled and video converted is kept, though nothing was lost; choices are kept and shown.
    notes = report.choices if report.kind == "image" else (*report.notes, *report.choices)
    taken = [sentence for number, sentence in report.taken if number == place]
    reason = " ".join([*report.problems, *notes, *taken])
    is_note = status == "ok" and bool(report.choices)
    return Outcome(medium, status, reason, rows=rows, lost=report.frames_lost, is_note=is_note, **facts)
