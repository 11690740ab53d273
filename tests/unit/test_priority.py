"""Tests that encode AV1 leave the process with the priority that it had."""

from __future__ import annotations

import io
import os

import av
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "SCHED_FIFO"), reason="scheduling of Linux")


def test_an_encoder_may_change_the_priority() -> None:
    """On some machines it does, which is why the next test is there."""
    with av.open(io.BytesIO(), "w", format="mp4") as out:
        stream = out.add_stream("libsvtav1", rate=25, options={"preset": "12", "svtav1-params": "lp=1"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        out.mux(stream.encode(frame))
        out.mux(stream.encode())
    assert os.sched_getscheduler(0) in range(8)


def test_it_is_the_usual_one_again() -> None:
    assert os.sched_getscheduler(0) not in (os.SCHED_FIFO, os.SCHED_RR)
