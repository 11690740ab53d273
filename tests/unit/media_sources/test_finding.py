"""Several sources: the order, what comes once, what is an error and what an outcome."""

from __future__ import annotations

import io
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vifex.media.sources import find
from vifex.values import InputError, Medium

Make = Callable[..., Path]
Tell = Callable[..., list[tuple[str, str]]]


def test_a_named_file_is_always_tried(make: Make, tell: Tell) -> None:
    folder = make("README.txt", ".hidden.jpg", "app.ts", content=b"text\n")
    files = [folder / "README.txt", folder / ".hidden.jpg", folder / "app.ts"]
    assert tell(find(files)) == [("README.txt", "unknown"), (".hidden.jpg", "image"), ("app.ts", "unknown")]


def test_a_source_may_stand_alone_as_text_path_or_address(make: Make, tell: Tell) -> None:
    file = make("a b%20.jpg") / "a b%20.jpg"
    address = file.as_uri()
    assert "%2520" in address
    for given in (
        str(file),
        file,
        os.fsencode(file),
        address,
        address.replace("file:///", "file://localhost/"),
    ):
        assert tell(find(given)) == [("a b%20.jpg", "image")]


def test_overlapping_sources_give_a_medium_once(
    make: Make, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make("a/1.jpg", "a/2.jpg")
    monkeypatch.chdir(folder)
    told = tell(find(["a", ".", "a/1.jpg", "a/../a/2.jpg", str(folder / "a"), "**/*.jpg"]))
    assert told == [("1.jpg", "image"), ("2.jpg", "image")]


def test_a_file_named_beside_its_folder_is_tried(make: Make, tell: Tell) -> None:
    """Named files come first: else the folder's word that it is no medium would be the last one."""
    folder = make("strange.dat", content=b"unknown bytes")
    assert tell(find([folder, folder / "strange.dat"])) == [("strange.dat", "unknown")]


def test_a_missing_path_alone_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        list(find(["no/such.jpg"]))
    assert str(caught.value) == (
        f"no/such.jpg: there is no such file or folder. Check the path; relative ones start at {tmp_path}."
    )
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_missing_path_among_others_is_an_outcome(make: Make, tell: Tell) -> None:
    folder = make("1.jpg")
    told = tell(find([folder / "1.jpg" / "below", folder / "gone", folder]))
    reason = "failed: there is no such file or folder"
    assert told == [("1.jpg", "image"), (f"{folder}/1.jpg/below", reason), (f"{folder}/gone", reason)]


def test_several_sources_that_give_nothing_are_one_error(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"none of the 4 sources gives anything \(.*a: there is .*; and 1 more\)"
    ):
        list(find([tmp_path / name for name in "abcd"]))


@pytest.mark.parametrize("given", [[], ["\ud800.jpg"], [""]])
def test_what_names_no_file_is_an_error(given: list[str]) -> None:
    with pytest.raises(InputError):
        list(find(given))


def test_a_path_with_nul_is_told_of(make: Make, tell: Tell) -> None:
    (told,) = tell(find(["a\0b.jpg"]))
    assert told == ("a\0b.jpg", "failed: this is not a valid file name")


@pytest.mark.parametrize("address", ["rtmp://host/film.mp4", "rtsp://host/a", "RTSP://b/l.csv"])
def test_addresses_of_other_schemes_are_refused_plainly(address: str, make: Make, tell: Tell) -> None:
    scheme = address.partition("://")[0].lower()
    reason = f"{scheme}:// addresses cannot be read, only http(s), s3, gs, az and those of fsspec"
    shown = f"{scheme}://{address.partition('://')[2]}"
    with pytest.raises(InputError, match=re.escape(reason)):
        list(find([address]))
    assert tell(find([address, make("1.jpg")]))[-1] == (shown, f"failed: {reason}")


@pytest.mark.parametrize("address", ["file://host/a.jpg", "file:///a.jpg?x", "file:///a#1.jpg"])
def test_addresses_that_are_not_of_a_local_file_are_refused(address: str) -> None:
    with pytest.raises(InputError, match="not the address of a local file"):
        list(find([address]))


def test_a_store_is_no_source(make: Make) -> None:
    folder = make("lib.vifex/STORE.json")
    with pytest.raises(InputError, match="this is a store of features, not a folder of media"):
        list(find([folder / "lib.vifex"]))


@pytest.mark.skipif(os.name == "nt", reason="no such devices there")
def test_a_device_is_told_of(tell: Tell) -> None:
    assert tell(find(["/dev/zero"])) == [("zero", "failed: not a regular file but a device")]


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, vifex.media.sources as s; list(s.find([sys.argv[1]]));"
        "print([m for m in ('numpy', 'PIL', 'av', 'lance', 'openvino', 'pyarrow') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code, __file__], capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"


def test_standard_input_may_be_text_bytes_or_a_wrapper(make: Make) -> None:
    file = str(make("1.jpg") / "1.jpg")
    raw = os.fsencode(file)
    for stdin in (io.StringIO(file), io.BytesIO(raw), io.TextIOWrapper(io.BytesIO(raw))):
        (medium,) = find(["-"], stdin=stdin)
        assert isinstance(medium, Medium)
        assert medium.name == file
