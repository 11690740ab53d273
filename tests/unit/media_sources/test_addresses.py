"""Addresses of remote media: which are the same, and what of them is never stored."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from vifex.extraction.counting import Counter
from vifex.media.remote.addresses import address_of, join, key_of, name_of, path_of, public
from vifex.media.remote.errors import without_secrets
from vifex.media.remote.stat import is_same_time, time_with_tag
from vifex.media.sources import find
from vifex.values import InputError


@pytest.mark.parametrize(
    ("given", "uri"),
    [
        ("s3://b/my photo#1.jpg", "s3://b/my%20photo%231.jpg"),
        ("s3://b/a%20b.jpg", "s3://b/a%2520b.jpg"),
        ("HTTPS://Host.org/a b.jpg#x", "https://host.org/a%20b.jpg"),
        ("https://host.org/a%20b.jpg?id=3&name=x y", "https://host.org/a%20b.jpg?id=3&name=x%20y"),
        ("https://host.org", "https://host.org/"),
    ],
)
def test_an_address_is_written_in_one_way(given: str, uri: str) -> None:
    assert address_of(given).uri == uri


@pytest.mark.parametrize(
    ("given", "uri"),
    [
        ("https://me:pa%40ss@host.org/a.jpg", "https://host.org/a.jpg"),
        (
            "https://b.s3.amazonaws.com/k.jpg?X-Amz-Algorithm=A&X-Amz-Credential=AK%2F1&X-Amz-Signature=ab&v=2",
            "https://b.s3.amazonaws.com/k.jpg?v=2",
        ),
        ("https://storage.googleapis.com/b/k?X-Goog-Signature=ab", "https://storage.googleapis.com/b/k"),
        (
            "https://a.blob.core.windows.net/c/k?sv=1&sr=b&se=2030&sp=r&sig=ab%3D",
            "https://a.blob.core.windows.net/c/k",
        ),
        ("https://d1.cloudfront.net/k?Expires=1&Signature=x&Key-Pair-Id=K", "https://d1.cloudfront.net/k"),
        (
            "https://b.s3.amazonaws.com/k?AWSAccessKeyId=AK&Signature=s&Expires=1",
            "https://b.s3.amazonaws.com/k",
        ),
        ("ftp://me:secret@host.org/k", "ftp://host.org/k"),
        ("https://host.org/k?access_token=t&api_key=k&page=2&sv=3", "https://host.org/k?page=2&sv=3"),
    ],
)
def test_secrets_are_read_with_and_never_stored(given: str, uri: str) -> None:
    assert public(given) == uri
    if given.startswith("https"):
        assert (address_of(given).access, address_of(given).uri) == (given, uri)


def test_what_is_no_address_keeps_its_secrets_too() -> None:
    assert public("http://me:secret@[bad/a.jpg?token=x") == "http://[bad/a.jpg"
    with pytest.raises(InputError, match=r"^http://\[bad/a\.jpg: this is not an address"):
        list(find(["http://me:secret@[bad/a.jpg?token=x"]))


def test_media_are_counted_without_asking_their_servers(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("uri\n" + "".join(f"http://127.0.0.1:9/{n}.jpg\n" for n in range(50)))
    counter = Counter(lambda: find([tmp_path / "list.csv"]))
    counter.start()
    deadline_s = time.monotonic() + 10
    while not counter.is_done and time.monotonic() < deadline_s:
        time.sleep(0.01)
    counter.close()
    assert counter.media == 50


def test_messages_of_libraries_lose_secrets() -> None:
    said = "GET https://u:p@h/a.jpg?X-Amz-Signature=abc failed\n\nDebug source: secret"
    assert without_secrets(said) == "GET https://h/a.jpg failed"


def test_the_parts_of_an_address() -> None:
    assert key_of("s3://b/a%20b/%23.jpg") == "a b/#.jpg"
    assert path_of("https://h/x/shard%201.TAR?v=1#m.jpg") == "/x/shard 1.TAR"
    assert name_of("https://h/x/a%20b.jpg?v=1") == "a b.jpg"
    assert name_of("https://me:secret@h/") == "h"


@pytest.mark.parametrize(
    ("base", "name", "found"),
    [
        ("https://h/sets/list.csv?v=1", "photos/a.jpg", "https://h/sets/photos/a.jpg"),
        ("https://h/sets/list.csv", "../a.jpg", "https://h/a.jpg"),
        ("s3://b/my%20sets/list.csv", "a%20.jpg", "s3://b/my sets/a%20.jpg"),
    ],
)
def test_names_in_a_remote_manifest_start_at_its_folder(base: str, name: str, found: str) -> None:
    assert join(base, name) == found


@pytest.mark.parametrize("name", ["/etc/passwd", "../../x.jpg"])
def test_names_that_leave_the_server_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"cannot name a file of this machine|leads out"):
        join("https://h/sets/list.csv", name)


def test_the_tag_is_below_the_second() -> None:
    first, second = time_with_tag(1_700_000_000.9, '"a"'), time_with_tag(1_700_000_000.0, "b")
    assert first // 10**9 == second // 10**9 == 1_700_000_000
    assert first != second
    assert first == time_with_tag(1_700_000_000, 'W/"a"')
    assert time_with_tag(None, None) == 0
    assert not is_same_time(first, second)
    assert is_same_time(first, time_with_tag(1_700_000_000, None)), (
        "an answer without a tag is no other version"
    )
    assert is_same_time(first, time_with_tag(None, "a"))
    assert not is_same_time(first, time_with_tag(1_700_000_001, None))
