"""When a file that arrives is whole: real files, and a clock that the test turns."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vifex.extraction.watching.arrivals import Arrivals, is_unfinished_name
from vifex.extraction.watching.file_systems import network_file_system


def whole(arrivals: Arrivals, now_s: float) -> list[str]:
    return [Path(path).name for path in arrivals.take_whole(now_s)]


def test_a_file_is_whole_when_it_stayed_the_same(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(b"half")
    arrivals = Arrivals(2.0)
    arrivals.note(str(file), 0.0)
    assert whole(arrivals, 1.9) == []
    file.write_bytes(b"half and more")  # nobody tells of it: the second look sees it
    assert whole(arrivals, 2.0) == []
    assert whole(arrivals, 3.9) == []
    assert whole(arrivals, 4.0) == ["a.jpg"]
    assert not len(arrivals)


def test_a_file_with_another_time_of_the_same_size_is_not_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(b"1234")
    arrivals = Arrivals(1.0)
    arrivals.note(str(file), 0.0)
    os.utime(file, ns=(1, 1))
    assert whole(arrivals, 1.0) == []
    assert whole(arrivals, 2.0) == ["a.jpg"]


def test_each_change_starts_the_settling_time_again(tmp_path: Path) -> None:
    file, other = tmp_path / "a.jpg", tmp_path / "b.jpg"
    file.write_bytes(b"1")
    other.write_bytes(b"1")
    arrivals = Arrivals(2.0)
    arrivals.note(str(file), 0.0)
    arrivals.note(str(other), 0.5)
    arrivals.note(str(file), 1.0)
    assert arrivals.next_due_s() == 2.5
    assert whole(arrivals, 2.5) == ["b.jpg"]
    assert whole(arrivals, 3.0) == ["a.jpg"]


def test_an_open_file_waits_until_it_is_closed_for_ten_minutes_at_most(tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    file.write_bytes(b"1")
    arrivals = Arrivals(2.0)
    arrivals.note(str(file), 0.0, is_written=True)
    assert whole(arrivals, 60.0) == []
    arrivals.note(str(file), 61.0)  # its times were set, which does not close it
    assert whole(arrivals, 90.0) == []
    arrivals.note(str(file), 91.0, is_written=False)
    assert whole(arrivals, 93.0) == ["a.mp4"]
    arrivals.note(str(file), 100.0, is_written=True)
    assert [now_s for now_s in range(100, 800, 10) if whole(arrivals, now_s)] == [700]


def test_an_empty_file_waits_for_content_and_a_folder_does_not(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.touch()
    arrivals = Arrivals(1.0)
    arrivals.note(str(file), 0.0)
    arrivals.note(str(tmp_path), 0.0)
    assert whole(arrivals, 100.0) == [tmp_path.name]
    file.write_bytes(b"1")
    assert whole(arrivals, 101.0) == []
    assert whole(arrivals, 102.0) == ["a.jpg"]


def test_files_that_go_are_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    arrivals = Arrivals(1.0)
    arrivals.note(str(file), 0.0)
    assert arrivals.next_due_s() is None
    file.write_bytes(b"1")
    arrivals.note(str(file), 0.0)
    file.unlink()
    assert whole(arrivals, 1.0) == []
    file.write_bytes(b"1")
    arrivals.note(str(file), 0.0)
    arrivals.drop(str(file))
    assert whole(arrivals, 1.0) == []


@pytest.mark.parametrize(
    "name", [".a.jpg.Xy12Zq", "a.jpg.part", "a.jpg.PARTIAL", "a.jpg.tmp", "a.jpg.crdownload", "a.jpg~"]
)
def test_names_of_unfinished_files(name: str) -> None:
    """As rsync, wget and curl front ends, browsers and editors give them."""
    assert is_unfinished_name(f"/x/{name}")
    assert not is_unfinished_name(f"/x/{name.strip('.')}/a.jpg")


MOUNTS = """\
/dev/vda1 / ext4 rw,relatime 0 0
nas:/export /mnt/nas nfs4 rw,vers=4.2 0 0
tmpfs /mnt/nas/fast tmpfs rw 0 0
//box/my\\040photos /mnt/my\\040photos cifs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/mnt/nas/2024", "nfs4"),
        ("/mnt/nas", "nfs4"),
        ("/mnt/nas2", None),
        ("/mnt/nas/fast/x", None),
        ("/mnt/my photos/a", "cifs"),
        ("/home", None),
    ],
)
def test_network_file_systems_by_the_table_of_mounts(folder: str, kind: str | None) -> None:
    """Lines as `man 5 proc` and `man 5 fstab` describe them; the longest mount point counts."""
    assert network_file_system(folder, MOUNTS) == kind
