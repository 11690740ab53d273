"""Windows of sound for every way in which it may come: against the rule over the whole sound at once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vifex.media.sample.sound import SoundWindow, SoundWindows
from vifex.values import AudioSpec

RUNS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 30)), min_size=1, max_size=12)
"""Silence before a stretch of sound, and the stretch, in samples."""
TAILS = st.sampled_from(["drop", "pad", "repeat"])


def _expected(
    sound: np.ndarray, real: np.ndarray, spec: AudioSpec, start: int
) -> list[tuple[int, int, list[float]]]:
    """Cut the windows out of the whole, silence already in its place."""
    length, hop = spec.window_samples, spec.hop_samples
    found = []
    covered, at = start, start
    while at < len(sound):
        whole = at + length <= len(sound)
        if not whole and (spec.tail == "drop" or covered >= len(sound)):
            break
        cut, is_real = sound[at : at + length], real[at : at + length]
        if is_real.any():
            covered = at + length
            n_real = int(np.flatnonzero(is_real)[-1]) + 1
            if not whole and spec.tail == "repeat":
                cut = np.tile(cut[:n_real], length // n_real)
            found.append((at, n_real, [*map(float, cut), *([0.0] * (length - len(cut)))]))
        if not whole:
            break
        at += hop
    return found


@given(
    runs=RUNS,
    length=st.integers(1, 25),
    hop=st.integers(1, 30),
    tail=TAILS,
    start=st.integers(0, 30),
    end=st.none() | st.integers(0, 200),
)
def test_windows_are_those_of_the_whole_sound(
    runs: list[tuple[int, int]], length: int, hop: int, tail: str, start: int, end: int | None
) -> None:
    spec = AudioSpec(1, float(length), float(hop), tail=tail)  # type: ignore[arg-type]
    size = sum(gap + n for gap, n in runs)
    sound, real = np.zeros(size, np.float32), np.zeros(size, bool)
    maker, given_windows, at = SoundWindows(spec, start, end), list[SoundWindow](), 0
    for gap, n in runs:
        at += gap
        part = np.arange(at + 1, at + n + 1, dtype=np.float32)  # no sample is 0
        sound[at : at + n], real[at : at + n] = part, True
        given_windows += maker.feed(at, part)
        at += n
    given_windows += maker.finish()
    if end is not None:
        kept = np.flatnonzero(real[:end])
        stop = int(kept[-1]) + 1 if len(kept) else 0
        sound, real = sound[:stop], real[:stop]
    assert [(w.start, w.n_real, w.samples.tolist()) for w in given_windows] == _expected(
        sound, real, spec, start
    )
