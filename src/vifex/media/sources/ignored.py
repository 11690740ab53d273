"""The notice about fields that have no meaning here: which are kept as extra columns, which are not read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from vifex.media.sources.extras import ExtraFields
from vifex.media.sources.fields import snake
from vifex.media.sources.source import Notice, printable

__all__ = ["told_fields"]

_SHOWN: Final = 12
_NAME_LENGTH: Final = 40
_WHOLE: Final = "every file is read whole"
_REMEDY: Final = "t_s or frame says in which frame, t_start_s and t_end_s in which span"
_OF_TIME: Final = re.compile(
    r"frame|time|(?<![a-z])(t|ts|pts|dts|sec|secs|seconds?|ms|msec|msecs|millis)(?![a-z])"
)
"""Names that say when: `t_s`, `frame_id`, `timestampMs`, `pts`, `sec`."""


def told_fields(
    manifest: str,
    extras: ExtraFields,
    ignored: Sequence[str] = (),
    *,
    has_boxes: bool = False,
    has_moments: bool = False,
) -> Notice | None:
    """Return a notice of the fields that have no meaning here, with advice if they state times.

    Args:
        manifest: Its name, for the notice.
        extras: Those that are kept.
        ignored: Names of those that are not read.
        has_boxes: Whether a line has a box.
        has_moments: Whether a line states a time or a frame that is read.

    Returns:
        `None` where there are none.
    """
    kept = extras.names
    told = (
        [f"{_the(kept)} kept as {'an extra column' if len(kept) == 1 else 'extra columns'}."] if kept else []
    )
    told += [f"{_the(names)} not kept, because of {why}." for names, why in extras.left_out]
    told += [f"{_the(ignored)} not read."] if ignored else []
    if not told:
        return None
    names = [*kept, *ignored]
    timed = [] if has_moments else [name for name in names if _OF_TIME.search(snake(name))]
    if timed:
        what = "a box is seen" if has_boxes else "a frame is seen"
        then = "every box is taken on every sampled frame of its file" if has_boxes else _WHOLE
        told.append(f"Although {_listed(timed)} may say when {what}, {then}; {_REMEDY}.")
    if any(snake(name) == "fps" for name in names):
        told.append("fps is taken for the frame rate of the videos; sample_fps says how many frames to take.")
    rest = "".join(
        f" {text.replace('the', 'The', 1) if text.startswith('the ') else text}" for text in told[1:]
    )
    return Notice(f"{manifest}: {told[0]}{rest}")


def _the(names: Sequence[str]) -> str:
    one = len(names) == 1
    return f"the field{'' if one else 's'} {_listed(names)} {'is' if one else 'are'}"


def _listed(names: Sequence[str]) -> str:
    short = [n if len(n) <= _NAME_LENGTH else f"{n[:_NAME_LENGTH]}..." for n in map(_named, names[:_SHOWN])]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(short) + more


def _named(name: str) -> str:
    return printable(name) or "(one without a name)"
