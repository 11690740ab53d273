"""A real clip, looped without encoding it again: its packets, over and over, at later times."""

from __future__ import annotations

from pathlib import Path

import av


def loop_clip(source: Path, target: Path, seconds: float) -> int:
    """Write at least `seconds` of a clip into a Matroska file.

    Returns:
        How many packets were written.
    """
    with av.open(str(source)) as clip:
        stream = clip.streams.video[0]
        packets = [(bytes(p), p.pts, p.is_keyframe) for p in clip.demux(stream) if p.size]
        return _write(packets, stream, target, seconds)


def _write(
    packets: list[tuple[bytes, int, bool]], template: av.VideoStream, target: Path, seconds: float
) -> int:
    base = template.time_base
    assert base is not None
    times = sorted(pts for _, pts, _ in packets)
    length = times[-1] - times[0] + (times[1] - times[0])
    # Matroska keeps no decoding times, so they are made anew: the rising pts, early enough for every packet.
    early = max(time - pts for time, (_, pts, _) in zip(times, packets, strict=True))
    written = 0
    with av.open(str(target), "w", format="matroska") as out:
        stream = out.add_stream_from_template(template)
        for turn in range(int(seconds / float(length * base)) + 1):
            for (data, pts, key), time in zip(packets, times, strict=True):
                packet = av.Packet(data)
                packet.stream, packet.time_base = stream, base
                packet.pts = pts - times[0] + turn * length
                packet.dts = time - times[0] - early + turn * length
                packet.is_keyframe = key
                out.mux(packet)
                written += 1
    return written
