"""The numbers that a decoder shows its supervisor."""

from __future__ import annotations

import mmap

from vifex.extraction.decoders.memory.heartbeat import HEARTBEAT_BYTES, Heartbeat


def test_what_one_side_writes_the_other_reads() -> None:
    memory = mmap.mmap(-1, 2 * HEARTBEAT_BYTES)
    writer, reader, neighbour = Heartbeat(memory, 64), Heartbeat(memory, 64), Heartbeat(memory, 0)
    assert reader.job is None
    writer.start(0)
    beats = reader.beats
    writer.beat()
    writer.wait()
    assert (reader.job, reader.waiting, reader.beats > beats) == (0, True, True)
    writer.go_on(0.25)
    writer.wait()
    writer.go_on(0.5)
    assert (reader.waiting, reader.waited_s) == (False, 0.75)
    writer.start(1)
    assert (reader.job, reader.waited_s) == (1, 0.0)
    writer.stop()
    assert reader.job is None
    assert neighbour.beats == 0


def test_a_cleared_heartbeat_shows_nothing_of_the_one_before() -> None:
    memory = mmap.mmap(-1, HEARTBEAT_BYTES)
    heartbeat = Heartbeat(memory, 0)
    heartbeat.start(7)
    heartbeat.wait()
    heartbeat.clear()
    assert (heartbeat.job, heartbeat.beats, heartbeat.waiting, heartbeat.waited_s) == (None, 0, False, 0.0)
