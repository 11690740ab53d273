"""Passing the samples of a decoder on, changed or left out, with its report."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

from vifex.values import DecodeReport, Sample

__all__ = ["Samples", "only_new", "pass_on", "renumbered"]

Samples = Generator[Sample, None, DecodeReport]
"""Yields samples and returns a report."""


def pass_on(samples: Samples, change: Callable[[Sample], Sample | None]) -> Samples:
    """Yield what `change` makes of each sample, except for `None`; return the report."""
    while True:
        try:
            sample = next(samples)
        except StopIteration as stop:
            report: DecodeReport = stop.value
            return report
        changed = change(sample)
        if changed is not None:
            yield changed


def renumbered(samples: Samples, numbers: Sequence[int]) -> Samples:
    """Yield samples whose requests have other numbers elsewhere.

    Args:
        samples: Their `request` counts the requests of one call.
        numbers: The number of each of these requests among all.

    Returns:
        The report, with the same change in `empty` and `taken`.
    """
    report = yield from pass_on(samples, lambda s: replace(s, request=numbers[s.request]))
    return replace(
        report,
        empty=tuple((numbers[i], why) for i, why in report.empty),
        taken=tuple((numbers[i], how) for i, how in report.taken),
    )


def only_new(samples: Samples, given: list[int]) -> Samples:
    """Yield only samples that an earlier attempt did not yield.

    Args:
        samples: Of a further attempt at the same medium.
        given: Samples per request so far; it is updated.
    """

    def new(sample: Sample) -> Sample | None:
        if sample.ordinal < given[sample.request]:
            return None
        given[sample.request] = sample.ordinal + 1
        return sample

    return (yield from pass_on(samples, new))
