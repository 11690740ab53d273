"""Media are found ahead of their use: in order, not too many, and with the sources' errors and notices."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from vifex.extraction.listing import Listing
from vifex.values import InputError, Medium, Outcome

Tell = Callable[[str], None]
MANY = 10_000
MOST_AHEAD = 2048


def medium(number: int) -> Medium:
    return Medium(f"file:///{number}", str(number), "image", 1, 1)


def wait_until(condition: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.005)


def take_all(listing: Listing, most: int = 100) -> list[str]:
    names: list[str] = []
    while not listing.is_over:
        names += [one.name for one in listing.take(most, wait=True) if isinstance(one, Medium)]
    return names


@pytest.mark.parametrize("ahead", [True, False])
def test_all_media_come_in_order(ahead: bool) -> None:
    listing = Listing(lambda tell: map(medium, range(MANY)), print, ahead=ahead)
    listing.prime()
    assert take_all(listing) == [str(n) for n in range(MANY)]
    assert listing.take(5) == []
    listing.close()


def test_a_thread_looks_ahead_but_not_too_far() -> None:
    found: list[int] = []

    def find(tell: Tell) -> Iterator[Medium]:
        for number in range(MANY):
            found.append(threading.get_ident())
            yield medium(number)

    listing = Listing(find, print)
    wait_until(lambda: len(found) >= MOST_AHEAD)
    time.sleep(0.1)
    assert len(found) <= MOST_AHEAD + 1
    assert set(found) != {threading.get_ident()}
    listing.take(1500)
    wait_until(lambda: len(found) >= MOST_AHEAD + 1500)
    listing.close()
    assert len(found) < MANY


def test_without_a_thread_no_more_is_read_than_was_asked_for() -> None:
    found: list[int] = []

    def find(tell: Tell) -> Iterator[Medium]:
        for number in range(MANY):
            found.append(number)
            yield medium(number)

    listing = Listing(find, print, ahead=False)
    listing.prime()
    assert found == [0]
    assert [m.name for m in listing.take(3) if isinstance(m, Medium)] == ["0", "1", "2"]
    assert found == [0, 1, 2]


@pytest.mark.parametrize("ahead", [True, False])
def test_an_error_comes_after_what_was_found_before_it(ahead: bool) -> None:
    def find(tell: Tell) -> Iterator[Medium]:
        yield medium(0)
        yield medium(1)
        raise InputError("line 3 cannot be read.")

    listing = Listing(find, print, ahead=ahead)
    listing.prime()
    wait_until(lambda: len(listing._waiting) == 2 or not ahead)
    assert len(listing.take(5)) == 2
    with pytest.raises(InputError, match="line 3"):
        listing.take(5, wait=True)
    listing.close()


@pytest.mark.parametrize("ahead", [True, False])
def test_sources_that_lead_nowhere_are_an_error_at_once(ahead: bool) -> None:
    def find(tell: Tell) -> Iterator[Medium]:
        raise InputError("there is no such file.")
        yield medium(0)

    listing = Listing(find, print, ahead=ahead)
    with pytest.raises(InputError, match="no such file"):
        listing.prime()
    listing.close()


def test_notices_are_given_by_the_thread_that_takes_the_media() -> None:
    told: list[tuple[str, int]] = []

    def find(tell: Tell) -> Iterator[Medium | Outcome]:
        tell("the manifest has a field that is not read.")
        yield medium(0)

    listing = Listing(find, lambda text: told.append((text, threading.get_ident())))
    listing.prime()
    assert take_all(listing) == ["0"]
    assert told == [("the manifest has a field that is not read.", threading.get_ident())]
    listing.close()


def test_whoever_found_too_little_is_woken() -> None:
    go_on, woken = threading.Event(), threading.Event()

    def find(tell: Tell) -> Iterator[Medium]:
        yield medium(0)
        go_on.wait()
        yield medium(1)

    listing = Listing(find, print)
    listing.wake_with(woken.set)
    listing.prime()
    assert len(listing.take(10)) == 1
    woken.clear()
    assert listing.take(10) == []
    assert not woken.is_set()
    go_on.set()
    assert woken.wait(30)
    wait_until(lambda: listing.is_over or len(listing.take(10)) == 1)
    listing.close()
