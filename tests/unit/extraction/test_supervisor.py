"""Decoders that are ended, replaced and fed: every sample counts once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vifex.extraction.decoders.events import Ended, Event, Filled, Retried
from vifex.extraction.decoders.poller import Poller
from vifex.extraction.decoders.supervisor import Supervisor
from vifex.media.sources import find
from vifex.values import Limits, Medium, PixelSpec, Sampling, ViewRequest

ROWS = 16
FRAMES = 109
"""Of the clip; more than all slots hold."""
SAMPLES = 22
"""Of the clip, each fifth frame: one slot and a part of another."""


@pytest.fixture
def every() -> int:
    """Frames of the clip for one sample."""
    return 5


@pytest.fixture
def supervisor(every: int) -> Iterator[Supervisor]:
    request = ViewRequest(Sampling("every", fps=None, every=every), PixelSpec(32, 32))
    poller = Poller()
    made = Supervisor((request,), (ROWS,), extra_slots=2, workers=1, limits=Limits(), poller=poller)
    yield made
    made.close()
    poller.close()


@pytest.fixture
def clip(shared_media: Path) -> Medium:
    medium = next(find(shared_media / "good" / "clip-h264-ducks.mp4"))
    assert isinstance(medium, Medium)
    return medium


def step(supervisor: Supervisor, *, more: bool = False) -> list[Event]:
    supervisor.flush()
    for decoder in supervisor._poller.wait(0.1):
        supervisor.listen(decoder)  # type: ignore[arg-type]
    return supervisor.events(more=more)


def run_until_idle(supervisor: Supervisor, events: list[Event]) -> None:
    """Step until nothing is to be done, and take every slot back."""
    until_s = time.monotonic() + 60
    taken = [event for event in events if isinstance(event, Filled)]
    while not supervisor.is_idle and time.monotonic() < until_s:
        for filled in taken:
            supervisor.free(filled.request, filled.slot)
        new = step(supervisor)
        taken = [event for event in new if isinstance(event, Filled)]
        events += new
    events += step(supervisor)


def test_a_decoder_killed_just_after_it_finished_a_file_has_finished_it(
    supervisor: Supervisor, clip: Medium
) -> None:
    """What it sent lies unread in its pipe: a second attempt would count the samples of the first slot
    twice."""
    attempt = supervisor.give(clip, (0,))
    (decoder,) = supervisor._decoders.values()
    events: list[Event] = []
    until_s = time.monotonic() + 60
    while not (any(isinstance(e, Filled) for e in events) and decoder.open):
        assert time.monotonic() < until_s
        events += step(supervisor)
    supervisor.flush()
    while decoder.heartbeat.job is not None:
        assert time.monotonic() < until_s
        time.sleep(0.01)
    assert not supervisor.is_idle, "the supervisor must not know yet that the file is over"
    supervisor._reap(decoder, "It took too long.")
    run_until_idle(supervisor, events)
    samples = [a for e in events if isinstance(e, Filled) for a in e.attempts]
    endings = [e.finished for e in events if isinstance(e, Ended)]
    assert [(f.attempts, f.counts, dict(f.endings).keys()) for f in endings] == [
        ((attempt,), ((SAMPLES,),), {attempt})  # a video's report travels
    ]
    assert samples == [attempt] * SAMPLES
    assert not any(isinstance(e, Retried) for e in events)


@pytest.mark.parametrize("every", [1])
def test_what_a_dead_decoder_had_not_begun_is_read_under_another_number(
    supervisor: Supervisor, clip: Medium, every: int
) -> None:
    """Its first clip has more samples than there are slots, so it cannot begin the second one."""
    before = [supervisor.give(clip, (0,)), supervisor.give(clip, (0,))]
    (lane,) = supervisor._dispatcher._lanes.values()
    lane.ahead = 2  # as after many short clips: nothing waits behind a long one
    (decoder,) = supervisor._decoders.values()
    events: list[Event] = []
    until_s = time.monotonic() + 60
    while decoder.heartbeat.job != before[0]:
        assert time.monotonic() < until_s
        events += step(supervisor)
    supervisor._reap(decoder, "It took too long.")
    run_until_idle(supervisor, events)
    endings = {
        a: f.endings.get(a) for e in events if isinstance(e, Ended) for f in [e.finished] for a in f.attempts
    }
    retried = [e for e in events if isinstance(e, Retried)]
    assert [e.before for e in retried] == [before[1]]
    assert set(endings) == {before[0], retried[0].now}
    assert "It took too long." in str(endings[before[0]])
    samples = [a for e in events if isinstance(e, Filled) for a in e.attempts]
    assert samples.count(retried[0].now) == FRAMES // every


def test_a_slot_that_is_not_full_waits_while_more_media_are_to_come(
    supervisor: Supervisor, clip: Medium
) -> None:
    """Else its batch would be padded each time that all decoders have nothing to do for a moment."""
    supervisor.give(clip, (0,))
    events: list[Event] = []
    until_s = time.monotonic() + 60
    while not supervisor.is_idle and time.monotonic() < until_s:
        events += step(supervisor, more=True)
    events += supervisor.events(more=True)
    assert [len(e.attempts) for e in events if isinstance(e, Filled)] == [ROWS]
    assert [len(e.attempts) for e in supervisor.events(more=False) if isinstance(e, Filled)] == [
        SAMPLES - ROWS
    ]
