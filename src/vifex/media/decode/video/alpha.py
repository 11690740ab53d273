"""Transparency of VP8 and VP9 in WebM: a second stream of images beside the first.

A packet carries it as side data (Matroska's BlockAdditional). FFmpeg's own decoders ignore it; libvpx, which
PyAV's wheels include, returns frames with alpha. Other codecs store alpha in the images themselves.
"""

from __future__ import annotations

from typing import Any, Final

from av.codec.codec import UnknownCodecError
from av.codec.context import CodecContext
from av.video.stream import VideoStream

__all__ = ["NO_ALPHA", "alpha_context", "has_alpha_beside"]

NO_ALPHA: Final = "Its transparency was not decoded, as this FFmpeg lacks libvpx: hidden colours show."
_DECODERS: Final = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def has_alpha_beside(stream: VideoStream) -> bool:
    """Return whether a stream states that its packets carry alpha.

    The dependencies between packets are known for the images but not for their alpha, so these streams are
    decoded from their start.
    """
    is_said = stream.metadata.get("alpha_mode") == "1"
    return is_said and stream.codec_context.codec.canonical_name in _DECODERS


def alpha_context(stream: VideoStream) -> Any:
    """Return a decoder that makes frames with alpha; `None` if this FFmpeg has none."""
    own = stream.codec_context
    try:
        context: Any = CodecContext.create(_DECODERS[own.codec.canonical_name], "r")
    except UnknownCodecError:
        return None
    context.extradata = own.extradata
    # Colours of the container; those in the codec's own header take precedence.
    for name in ("color_range", "color_primaries", "color_trc", "colorspace"):
        setattr(context, name, getattr(own, name))
    return context
