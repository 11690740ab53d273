"""Messages through a pipe."""

from __future__ import annotations

import io

from vifex.extraction.decoders.protocol import Finished, Grant, Job, Ready, receive, send
from vifex.values import DecodeReport, Medium

MEDIUM = Medium("file:///a", "a\udcff", "image", 1, 2)


def test_messages_travel_in_order_and_whole() -> None:
    pipe = io.BytesIO()
    sent = [
        Ready(),
        Job(3, MEDIUM, (0,)),
        Grant(0, 4),
        Finished(3, (2,), seen=DecodeReport("image", problems=("x",))),
    ]
    send(pipe, sent[0])
    send(pipe, *sent[1:])
    pipe.seek(0)
    assert receive(pipe) == (sent[0],)
    assert receive(pipe) == tuple(sent[1:])
    assert receive(pipe) is None


def test_a_pipe_that_is_cut_inside_a_message_reads_as_its_end() -> None:
    pipe = io.BytesIO()
    send(pipe, Job(3, MEDIUM, (0,)))
    for length in range(len(pipe.getvalue())):
        assert receive(io.BytesIO(pipe.getvalue()[:length])) is None
