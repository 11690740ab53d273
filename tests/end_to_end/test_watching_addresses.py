"""`vifex watch` below addresses: arrivals by size and entity tag, deletions, a server that is away."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from colour_network import write_colour_network
from PIL import Image
from servers import ftp_server, remove

import vifex

Fill = Callable[[str, dict[str, bytes]], None]


def png(number: int) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_colour_network(tmp_path)


@contextmanager
def watching(address: Any, store: Path, model: Path, **options: Any) -> Iterator[Iterator[Any]]:
    """A watch that ends after a minute at the latest."""
    end_s = time.monotonic() + 60
    batches = vifex.watch(
        address, store, model=model, poll_s=0.2, workers=1, stop=lambda: time.monotonic() > end_s, **options
    )
    try:
        yield batches
    finally:
        batches.close()


def names(store: Path) -> list[str]:
    with vifex.open(store) as opened:
        return sorted(opened.to_arrow(["name"])["name"].to_pylist())


def test_what_arrives_changes_and_goes(s3: Fill, s3_endpoint: str, model: Path, tmp_path: Path) -> None:
    s3("watched", {"in/a.png": png(1), "in/b/c.png": png(2), "in/x.part": b"half", "other.png": png(3)})
    store = tmp_path / "s.vifex"
    with watching("s3://watched/in", store, model) as batches:
        first = next(batches)
        assert (first.ok, first.media, first.removed) == (2, 2, ())
        s3("watched", {"in/new.png": png(4), "in/.hidden/d.png": png(5)})
        assert (next(batches).ok, names(store)) == (1, ["a.png", "b/c.png", "new.png"])
        with vifex.open(store) as opened:
            before = opened.to_numpy(where="name = 'a.png'")
        s3("watched", {"in/a.png": png(6)})
        assert next(batches).ok == 1
        with vifex.open(store) as opened:
            assert opened.count_rows() == 3
            assert not np.array_equal(opened.to_numpy(where="name = 'a.png'"), before)
        remove(s3_endpoint, "watched", "in/b/c.png")
        gone = next(batches)
        assert (gone.media, gone.removed) == (0, ("b/c.png",))
    report = vifex.extract("s3://watched/in/", store, model=model)
    assert (report.already_done, report.ok) == (2, 0), "an extraction takes the same media"


def test_an_empty_prefix_is_watched_and_a_wrong_bucket_is_not(s3: Fill, model: Path, tmp_path: Path) -> None:
    s3("empty", {"elsewhere.png": png(1)})
    with watching("s3://empty/in/", tmp_path / "s.vifex", model) as batches:
        assert next(batches).media == 0
        s3("empty", {"in/a.png": png(2)})
        assert next(batches).ok == 1
    with (
        pytest.raises(vifex.InputError, match="cannot be listed"),
        watching("s3://no-such-bucket/", tmp_path / "t.vifex", model) as batches,
    ):
        next(batches)


def test_what_cannot_be_watched_is_refused(model: Path, tmp_path: Path) -> None:
    for wrong, said in (
        ("https://example.org/x/", "a web server gives no listing"),
        (["s3://bucket/in", tmp_path], "are watched in different ways"),
    ):
        with (
            pytest.raises(vifex.InputError, match=said),
            watching(wrong, tmp_path / "s.vifex", model) as batches,
        ):
            next(batches)


def test_a_server_that_comes_back(
    s3: Fill, s3_endpoint: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is called gone while the server is away, and what arrived meanwhile is taken."""
    s3("away", {"in/a.png": png(1)})
    notices: list[str] = []
    monkeypatch.setenv("VIFEX_RETRIES", "0")

    def notice(text: str) -> None:
        notices.append(text)
        if "cannot be listed" in text:
            s3("away", {"in/b.png": png(2)})
            monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)

    with watching("s3://away/in/", tmp_path / "s.vifex", model, on_notice=notice) as batches:
        assert next(batches).ok == 1
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        found = next(batches)
        assert (found.ok, found.failed, found.removed) == (1, 0, ())
        again = next(batches)  # what may have failed meanwhile is tried again
        assert again.ok == 0
        assert again.already_done >= 1
    assert len(notices) == 2
    assert notices[0].startswith("s3://away/in/: it cannot be listed")
    assert notices[1] == "s3://away/in/ can be listed again."


def test_files_that_grow_are_taken_when_two_listings_agree(model: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(png(1))
    with (
        ftp_server(tmp_path / "in", "secret") as host,
        watching(f"ftp://me:secret@{host}/", tmp_path / "s.vifex", model) as batches,
    ):
        assert next(batches).media == 0, "one listing says nothing of growing"
        found = next(batches)
        assert (found.ok, names(tmp_path / "s.vifex")) == (1, ["a.png"])
