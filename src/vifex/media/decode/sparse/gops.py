"""The roles of compressed packets: where decoding can start, and on which packets no other depends.

A container's flags do not suffice: an H.264 stream marks images as keyframes that depend on earlier ones, and
marks hardly any image as disposable. The first bytes of each packet are therefore parsed by the codec's own
rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from av.packet import Packet

from vifex.media.decode.sparse.nal import H264, Hevc
from vifex.media.decode.sparse.role import ENTRY, Role, Unclear
from vifex.media.decode.sparse.vpx import av1_role, vp8_role, vp9_role

__all__ = ["holds_back", "roles", "roles_by_header"]

_ALONE: Final = frozenset({"prores", "dnxhd"})
"""Codecs whose frames never need another; FFmpeg's decoders keep nothing between them."""
_BY_HEADER: Final = {"vp8": vp8_role, "vp9": vp9_role, "av1": av1_role}


def roles(context: Any) -> Callable[[Packet[Any]], Role]:
    """Make the reader of packets for a stream.

    Args:
        context: The stream's codec context.

    Returns:
        A function that is given every packet in the order of the file; it raises `Unclear` too.

    Raises:
        Unclear: If the roles are not known for such streams.
    """
    codec, extradata = context.codec.canonical_name, bytes(context.extradata or b"")
    if codec in _ALONE:
        return lambda packet: ENTRY
    if codec in _BY_HEADER:
        return _BY_HEADER[codec]
    is_boxed = extradata[:1] == b"\1"  # else NAL units stand apart by start codes
    if codec == "h264" and is_boxed and len(extradata) > 6:
        return H264(extradata, (extradata[4] & 3) + 1).role
    if codec == "hevc" and is_boxed and len(extradata) > 22:
        return Hevc(extradata, (extradata[21] & 3) + 1).role
    raise Unclear


def roles_by_header(context: Any) -> Callable[[Packet[Any]], Role] | None:
    """Return the reader of packets for a codec whose frames start with a header that says what they are."""
    return _BY_HEADER.get(context.codec.canonical_name)


def holds_back(context: Any) -> int:
    """Return how many frames may follow one in the file and be shown before it, at most."""
    return 32 if context.codec.canonical_name in ("h264", "hevc") else 1
