"""Waits for files are told from work, from waits for messages and from a processor that others use."""

from __future__ import annotations

import sys
import time

import pytest

from vifex.extraction.decoders.file_waits import FileWaits

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's account of a thread is Linux's")

SPAN_S = 0.3


def compute(seconds: float) -> None:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        sum(range(1000))


def share_of(waits: FileWaits) -> float:
    share = waits.share()
    assert share is not None
    return share


def test_a_thread_that_waits_is_blocked() -> None:
    waits = FileWaits()
    time.sleep(SPAN_S)  # as in a read from a slow disk
    assert share_of(waits) > 0.5


def test_a_thread_that_computes_is_not_blocked() -> None:
    """On a busy machine it is ready and others run, which is no wait for a file."""
    waits = FileWaits()
    compute(SPAN_S)
    assert share_of(waits) < 0.5


def test_waits_for_other_things_are_left_out() -> None:
    waits = FileWaits()
    began_s = time.monotonic()
    time.sleep(SPAN_S)
    waits.leave_out(time.monotonic() - began_s)
    compute(SPAN_S)
    assert share_of(waits) < 0.5


def test_there_is_no_share_of_a_moment_or_of_nothing_but_other_waits() -> None:
    waits = FileWaits()
    assert waits.share() is None
    began_s = time.monotonic()
    time.sleep(SPAN_S)
    waits.leave_out(time.monotonic() - began_s)
    assert waits.share() is None
