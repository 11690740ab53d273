"""The duration that a file states, read without decoding it."""

from __future__ import annotations

import av

from vifex.media.decode.files.container import open_container
from vifex.media.decode.files.log import Log
from vifex.media.decode.files.source import open_uri
from vifex.values import Limits, MediaError, Medium

__all__ = ["duration_s"]


def duration_s(medium: Medium) -> float | None:
    """Read the duration of a video or sound, in seconds.

    Returns:
        `None` if the file cannot be opened or does not state its duration.
    """
    try:
        with open_uri(medium.uri, display_name=medium.name) as file:
            container = open_container(file, Limits(), Log())
            try:
                return None if container.duration is None else container.duration / av.time_base
            finally:
                container.close()
    except MediaError:
        return None
