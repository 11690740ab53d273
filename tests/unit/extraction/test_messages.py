"""Messages through a pipe."""

from __future__ import annotations

import io

import numpy as np

from vifex.extraction.decoders.protocol import (
    Assignment,
    Failed,
    Finished,
    Forget,
    Grant,
    Jobs,
    Need,
    Ready,
    Wrote,
)
from vifex.extraction.decoders.wire import FrameReader, frame, receive, send
from vifex.values import Box, Medium, Sample, Span
from vifex.values.sample_facts import FactsBuilder, SampleFacts

NOTHING = np.empty(0, np.uint8)
PLAIN = Medium("file:///a", "a\udcff", "image", 1, 2)
FULL = Medium("file:///b", "b", "video", 1, 2, "cat", "train", Span(1.0, None), (Box(0, 0, 1, 2),))


def facts(*samples: Sample) -> SampleFacts:
    builder = FactsBuilder()
    for sample in samples:
        builder.add(sample)
    return builder.take()


def test_messages_travel_in_order_and_whole() -> None:
    pipe = io.BytesIO()
    sent = [
        Ready(),
        Jobs((Assignment(3, PLAIN, (0,)), Assignment(4, FULL, (0, 1)))),
        Grant(0, 4),
        Forget(1),
        Need(0),
        Finished((3, 4), ((2, 0), (0, 0)), (0.5, 0.25), (0.0, 7.5), ("ab", ""), {4: Failed("It is gone.")}),
    ]
    send(pipe, sent[:1])
    send(pipe, sent[1:])
    pipe.seek(0)
    assert receive(pipe) == sent[:1]
    assert receive(pipe) == sent[1:]
    assert receive(pipe) is None


def test_facts_of_samples_travel_with_their_boxes() -> None:
    corner = Box(1, 2, 3, 4)
    still = Sample(0, 0, NOTHING)
    frame_of_video = Sample(0, 5, NOTHING, 7, -3, "1001/24000", 0.5, 0.5, 0.75, corner)
    on_maps = Sample(0, 1, NOTHING, boxes=(corner, corner), size_px=(30, 40), box_numbers=(2, 7))
    pipe = io.BytesIO()
    send(pipe, [Wrote(0, 1, (8, 9), facts(still, frame_of_video)), Wrote(1, 0, (9,), facts(on_maps))])
    pipe.seek(0)
    first, second = receive(pipe) or ()
    assert isinstance(first, Wrote)
    assert isinstance(second, Wrote)
    assert (first.request, first.slot, first.attempts) == (0, 1, (8, 9))
    assert first.facts.records.tobytes() == facts(still, frame_of_video).records.tobytes()
    assert first.facts.boxes == ()
    assert second.facts.sizes_px == ((30, 40),)
    np.testing.assert_array_equal(second.facts.boxes[0], [[1, 2, 3, 4, 2], [1, 2, 3, 4, 7]])


def test_a_pipe_that_is_cut_inside_a_message_reads_as_its_end() -> None:
    whole = frame([Jobs((Assignment(3, PLAIN, (0,)),))])
    for length in range(len(whole)):
        assert receive(io.BytesIO(whole[:length])) is None


def test_frames_that_come_in_pieces_are_put_together() -> None:
    sent = [[Ready(), Need(1)], [Need(2)], [Finished((1,), ((1,),), (0.5,), (0.0,), ("",))]]
    data = b"".join(frame(messages) for messages in sent)
    for step in (1, 3, 7, len(data)):
        reader = FrameReader()
        found = [m for i in range(0, len(data), step) for m in reader.feed(data[i : i + step])]
        assert found == [m for messages in sent for m in messages]
