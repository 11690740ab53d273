"""The notice about fields of a manifest that are not read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from vifex.media.sources.fields import snake
from vifex.media.sources.source import Notice, printable

__all__ = ["ignored_fields"]

_SHOWN: Final = 12
_NAME_LENGTH: Final = 40
_WHOLE: Final = "every file is read whole"
_REMEDY: Final = "t_s or frame says in which frame, t_start_s and t_end_s in which span"
_OF_TIME: Final = re.compile(
    r"frame|time|(?<![a-z])(t|ts|pts|dts|sec|secs|seconds?|ms|msec|msecs|millis)(?![a-z])"
)
"""Names that say when: `t_s`, `frame_id`, `timestampMs`, `pts`, `sec`."""


def ignored_fields(
    manifest: str, names: Sequence[str], *, has_boxes: bool, has_moments: bool = False
) -> Notice:
    """Return a notice of the fields that are not read, with advice if they state times.

    Args:
        manifest: Its name, for the notice.
        names: Names of the fields.
        has_boxes: Whether a line has a box.
        has_moments: Whether a line states a time or a frame that is read.
    """
    one = len(names) == 1
    text = f"{manifest}: the field{'' if one else 's'} {_listed(names)} {'is' if one else 'are'} not read."
    timed = [] if has_moments else [name for name in names if _OF_TIME.search(snake(name))]
    if timed:
        what = "a box is seen" if has_boxes else "a frame is seen"
        then = "every box is taken on every sampled frame of its file" if has_boxes else _WHOLE
        text += f" Although {_listed(timed)} may say when {what}, {then}; {_REMEDY}."
    if any(snake(name) == "fps" for name in names):
        text += " fps is taken for the frame rate of the videos; sample_fps says how many frames to take."
    return Notice(text)


def _listed(names: Sequence[str]) -> str:
    short = [n if len(n) <= _NAME_LENGTH else f"{n[:_NAME_LENGTH]}..." for n in map(_named, names[:_SHOWN])]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(short) + more


def _named(name: str) -> str:
    return printable(name) or "(one without a name)"
