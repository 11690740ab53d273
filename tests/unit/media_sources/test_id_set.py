"""The set of ids."""

from __future__ import annotations

import hashlib
import tracemalloc

import pytest

from vifex.media.sources.id_set import IdSet


def _id(n: int) -> str:
    return hashlib.blake2b(str(n).encode(), digest_size=16).hexdigest()


def test_it_holds_what_a_set_holds() -> None:
    seen = IdSet()
    assert all(seen.add(_id(n)) for n in range(5000))
    assert not any(seen.add(_id(n)) for n in range(5000))
    assert len(seen) == 5000


def test_ids_that_differ_in_their_last_bytes_only_are_kept_apart() -> None:
    seen = IdSet()
    assert all(seen.add("ab" * 8 + f"{n:016x}") for n in range(500))
    assert not seen.add("ab" * 8 + f"{499:016x}")


def test_the_id_of_zeros_is_an_id() -> None:
    seen = IdSet()
    assert [seen.add("00" * 16), seen.add("00" * 16)] == [True, False]


def test_it_takes_at_most_50_bytes_an_id() -> None:
    """16 bytes at two thirds to one third full; a set of Python objects takes 100 and more."""
    tracemalloc.start()
    seen = IdSet()
    for n in range(12_000):
        seen.add(_id(n))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 50 * 12_000


def test_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="an id has 16 bytes"):
        IdSet().add("ab")
