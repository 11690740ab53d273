"""Feeds packets to a decoder, on one thread, and yields every frame it gives; damage is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from av.codec.context import ThreadType
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame

from vifex.media.decode.files.container import Opened
from vifex.media.decode.files.damage import Damage
from vifex.media.decode.files.log import listening
from vifex.media.decode.sparse.gops import roles_by_header
from vifex.media.decode.sparse.role import Unclear
from vifex.media.decode.timing.continuity import PacketClock, SoundClock, demuxed, is_header
from vifex.media.decode.timing.times import Clock
from vifex.media.decode.video.alpha import NO_ALPHA, alpha_context, has_alpha_beside
from vifex.values import Limits

__all__ = ["decoded", "frames_of", "packets_of", "prepare"]


def decoded(
    opened: Opened,
    limits: Limits,
    damage: Damage,
    progress: Callable[[], None],
    clock: Clock,
    *,
    packet_clock: PacketClock | SoundClock | None = None,
    n_before: int = 0,
) -> Iterator[VideoFrame]:
    """Decode a stream from where its container stands to its end.

    Args:
        opened: The file; its codec context is set to one thread.
        limits: `decoded_frames` ends the decoding, `max_pixels` makes the decoder refuse larger frames.
        damage: Counts errors, flags and messages.
        progress: Called for each packet.
        clock: For the times in messages.
        packet_clock: Moves the packets' timestamps past joins.
        n_before: Frames decoded before, of other streams, which count for the limit.

    Yields:
        Frames in the decoder's output order, which is that of presentation.
    """
    context = prepare(opened, limits)
    n = n_before
    role_of = roles_by_header(context) if has_alpha_beside(opened.stream) else None  # libvpx marks no frame
    for packet in packets_of(opened, damage, packet_clock):
        progress()
        if role_of is not None and packet is not None and packet.pts is not None:
            with suppress(Unclear):
                if role_of(packet).is_entry:
                    opened.key_pts.add(packet.pts)
        for frame in frames_of(context, packet, damage, clock):
            if n >= limits.decoded_frames:
                damage.other(
                    f"Only the first {limits.decoded_frames:,} frames were decoded, as the limit says."
                )
                return
            n += 1
            damage.n_corrupt_frames += frame.is_corrupt
            yield frame


def prepare(opened: Opened, limits: Limits) -> Any:
    """Return a stream's decoder, set to one thread and to frames that are not too large."""
    context: Any = opened.stream.codec_context
    if has_alpha_beside(opened.stream):
        context = alpha_context(opened.stream) or context
        if context is opened.stream.codec_context and NO_ALPHA not in opened.notes:
            opened.notes.append(NO_ALPHA)
    context.thread_type = ThreadType.NONE
    context.thread_count = 1
    context.options = {"max_pixels": str(limits.max_pixels)}
    return context


def packets_of(
    opened: Opened, damage: Damage, packet_clock: PacketClock | SoundClock | None = None
) -> Iterator[Packet[Any] | None]:
    """Yield the stream's packets, then `None`, which drains the decoder; an error ends the packets.

    Args:
        opened: The file.
        damage: Counts errors, flags and messages.
        packet_clock: Moves the packets' timestamps past joins.
    """
    demuxer = demuxed(opened.container, opened.stream, damage.note_skipped_packets)
    while True:
        try:
            with listening(damage.log):
                packet = next(demuxer)
        except (StopIteration, IndexError):
            # PyAV ends like this if FFmpeg found further streams meanwhile; all packets were given.
            break
        except (FFmpegError, OSError) as exc:
            damage.read_error = exc
            break
        if packet.size and not is_header(opened.container, opened.stream, packet):
            damage.n_corrupt_packets += packet.is_corrupt
            if packet_clock is not None:
                packet_clock.correct(packet)
            yield packet
    yield None


def frames_of(context: Any, packet: Packet[Any] | None, damage: Damage, clock: Clock) -> list[VideoFrame]:
    """Send one packet to the decoder, or `None` for the end; yield its frames and count errors."""
    try:
        with listening(damage.log):
            frames: list[VideoFrame] = context.decode(packet)
            return frames
    except EOFError:
        return []
    except (FFmpegError, OSError, ValueError, MemoryError) as exc:
        if packet is None or not packet.is_discard:
            at = None if packet is None or packet.pts is None else clock.seconds(packet.pts)
            damage.undecoded(exc, at)
        if packet is not None and packet.has_sidedata("encryption_info"):
            damage.is_encrypted = True
        return []
