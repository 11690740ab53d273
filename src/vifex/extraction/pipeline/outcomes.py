"""What became of a medium, from what its decoder said at the end."""

from __future__ import annotations

from vifex.extraction.decoders.protocol import Finished
from vifex.values import Medium, NothingDecoded, Outcome, Status

__all__ = ["outcome_of"]


def outcome_of(
    medium: Medium, ended: Finished, *, place: int, rows: int, refused: str | None = None
) -> Outcome:
    """Return how a medium ended for one view.

    Args:
        medium: The medium.
        ended: What its decoder said.
        place: Of the view among those that the decoder was asked for.
        rows: How many rows the view has of it.
        refused: Why its numbers cannot be kept; `None` where they can.
    """
    wall_s = round(ended.wall_s, 6)
    if ended.skipped is not None:
        return Outcome(medium, "skipped", ended.skipped, wall_s=wall_s)
    failed = ended.failed or refused
    if failed is not None:
        return Outcome(medium, "failed", failed, wall_s=wall_s)
    assert ended.seen is not None
    seen = dict(ended.seen.apart).get(place, ended.seen)
    if isinstance(seen, NothingDecoded):
        return Outcome(medium, "skipped" if seen.is_skipped else "failed", seen.reason, wall_s=wall_s)
    reason = " ".join(seen.problems)
    if not rows:
        why = dict(seen.empty).get(place, "No frame of it was sampled.")
        reason = f"{reason} {why}".strip()
        return Outcome(medium, "failed", reason, lost=seen.frames_lost, wall_s=wall_s)
    status: Status = "partial" if reason else "ok"
    # How sound was filled and video converted is kept, though nothing was lost; choices are kept and told.
    facts = seen.choices if seen.kind == "image" else (*seen.notes, *seen.choices)
    reason = " ".join([*seen.problems, *facts])
    is_note = status == "ok" and bool(seen.choices)
    return Outcome(medium, status, reason, rows=rows, lost=seen.frames_lost, wall_s=wall_s, is_note=is_note)
