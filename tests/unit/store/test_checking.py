"""A check finds every damaged file, names the media, changes nothing, and reads stores of old."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from store_maker import assert_whole, bits, feed, last_editions, medium, outcome, recipe, rows_of

from vifex.store import CommitRule, ViewCheck, open_store, open_writer
from vifex.store.commit import maintenance
from vifex.values import StoreError

OLD = Path(__file__).parent / "stores" / "without-checksums.tar.xz"
PARTS = ["rows.lance/data", "rows.lance/_deletions", "rows.lance/_versions", "ledger.lance/data"]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with several data files, and with deleted rows."""
    store = tmp_path_factory.mktemp("written") / "s.vifex"
    writer = open_writer(store, rule=CommitRule(media=3))
    view = writer.view("main", recipe())
    feed(view, last_editions(10))
    view.add(outcome(medium(2, 9), 2), rows_of(medium(2, 9), 2))
    view.commit()
    writer._lock.free()  # killed: nothing is merged
    return store


@pytest.fixture
def store(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "s.vifex"))


def check(store: Path) -> ViewCheck:
    with open_store(store) as read:
        (found,) = read.verify()
    return found


def contents(store: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(store)): p.read_bytes()
        for p in store.rglob("*")
        if p.is_file() and p.parent.name != "readers"
    }


def flip(file: Path, place: int) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 4
    file.write_bytes(data)


def same_ledger(store: Path, file: Path, place: int) -> bool:
    """Whether a flip in the ledger's newest file, where nothing is kept but filling, changes no entry."""

    def entries() -> list[object]:
        with open_store(store) as read:
            return bits(read.view().ledger(history=True))

    flip(file, place)
    damaged = file.read_bytes()
    flip(file, place)
    before = entries()
    file.write_bytes(damaged)
    try:
        return entries() == before
    except StoreError:
        return False
    finally:
        flip(file, place)


def test_a_whole_store(store: Path) -> None:
    before = contents(store)
    found = check(store)
    assert found.ok
    assert found.problems == found.affected == ()
    assert (found.without_checksum, found.media) == (0, 10)
    assert found.rows == assert_whole(store).num_rows
    assert found.files == 1 + sum(len(list((store / "views/main" / p).iterdir())) for p in PARTS[:2])
    assert contents(store) == before


@pytest.mark.parametrize("part", PARTS)
def test_one_flipped_bit_anywhere_is_told(part: str, store: Path) -> None:
    """Of every file, at its ends and between; `rows.lance/_versions` and the ledger are told as one back."""
    for file in sorted((store / "views/main" / part).glob("*[!n]")):
        data = file.read_bytes()
        if part.endswith("_versions") and not file.name.endswith(".manifest"):
            continue
        for place in sorted({0, len(data) // 3, len(data) // 2, len(data) - 20, len(data) - 1}):
            flip(file, place)
            found = check(store)
            file.write_bytes(data)
            newest = min((store / "views/main" / part).iterdir()) == file
            if part.endswith("_versions") and not newest:
                continue  # an older manifest belongs to no commit that counts
            # No file names the checksum of the ledger's newest one; its entries have theirs.
            filling = part == "ledger.lance/data" and same_ledger(store, file, place)
            assert found.ok == filling, (file, place)
    assert check(store).ok


def test_the_media_of_a_damaged_file_are_named(store: Path) -> None:
    with open_store(store) as read:
        view = read.view()
        fragments = view._head.rows.fragments()
        table = view._head.rows
        names = [
            sorted({n for b in table.scan(["name"], fragments=[f.id]) for n in b.column(0).to_pylist()})
            for f in fragments
        ]
    assert len(fragments) >= 3
    for fragment, wanted in zip(fragments, names, strict=True):
        file = store / "views/main/rows.lance/data" / fragment.files[0]
        data = file.read_bytes()
        flip(file, 700)
        found = check(store)
        assert list(found.affected) == wanted
        assert [p.file for p in found.problems] == [f"views/main/rows.lance/data/{file.name}"]
        file.unlink()
        found = check(store)
        assert list(found.affected) == wanted
        assert found.problems[0].what == "it is gone"
        file.write_bytes(data)


def test_bit_rot_that_reads_well_is_told(store: Path) -> None:
    """In the numbers of a vector any bit makes another number: nothing but the checksum can tell."""
    before = bits(assert_whole(store))
    files = sorted((store / "views/main/rows.lance/data").iterdir())
    silent = 0
    for file in files:
        data = file.read_bytes()
        for place in range(0, 600, 50):
            flip(file, place)
            try:
                with open_store(store) as read:
                    silent += bits(read.view().to_arrow().sort_by("key").combine_chunks()) != before
            except StoreError:
                pass
            assert not check(store).ok
            file.write_bytes(data)
    assert silent > 5


def test_what_lies_beside_the_tables(store: Path) -> None:
    shutil.copytree(store / "views/main", store / "views/other")
    flip(store / "views/main/recipe.json", 300)
    (store / "views/other/recipe.json").unlink()
    with open_store(store) as read:
        main, other = read.verify()
        with pytest.raises(StoreError, match="recipe of the view 'main' cannot be read"):
            read.view()
    assert "recipe" in main.problems[0].what
    assert other.problems[0].file == "views/other/recipe.json"
    assert other.problems[0].what == "it is gone"


@pytest.mark.parametrize("place", [0, 1, -1])
def test_merging_does_not_hide_damage(place: int, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Damage in the first file, in one between, and in the last: what comes behind it is merged."""
    monkeypatch.setattr(maintenance, "AT_END_COMMITS", 1)
    with open_store(store) as read:
        fragments = read.view()._head.rows.fragments()
    file = store / "views/main/rows.lance/data" / fragments[place].files[0]
    flip(file, 300)
    affected = check(store).affected
    with open_writer(store, rule=CommitRule(media=1)) as writer:
        view = writer.view("main", recipe())
        for number in range(30, 36):
            view.add(outcome(medium(number), 2), rows_of(medium(number), 2))
    found = check(store)
    assert found.affected == affected
    assert [p.file for p in found.problems] == [f"views/main/rows.lance/data/{file.name}"]
    before_it = range(len(fragments))[place]
    assert len(list(file.parent.iterdir())) == before_it + 2


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A store as Vifex wrote it before there were checksums of files."""
    with tarfile.open(OLD) as packed:
        packed.extractall(tmp_path, filter="data")
    return tmp_path / "without-checksums.vifex"


def test_a_store_of_old_opens_and_says_that_it_has_no_checksums(old: Path) -> None:
    rows = assert_whole(old)
    found = check(old)
    assert found.ok
    assert found.rows == rows.num_rows
    assert found.without_checksum == found.files > 2


def test_a_store_of_old_goes_on_with_checksums(old: Path) -> None:
    rows = assert_whole(old).num_rows
    with open_writer(old) as writer:
        view = writer.view("main", recipe())
        view.add(outcome(medium(90), 3), rows_of(medium(90), 3))
    assert assert_whole(old).num_rows == rows + 3
    found = check(old)
    assert found.ok
    assert found.without_checksum < found.files


def test_unreadable_files_of_a_store_of_old_are_told(old: Path) -> None:
    file = max((old / "views/main/rows.lance/data").iterdir(), key=lambda p: p.stat().st_size)
    file.write_bytes(file.read_bytes()[:-30])
    found = check(old)
    assert not found.ok
    assert found.problems[0].file.endswith(file.name)
    assert found.affected


def test_a_file_that_cannot_be_read_is_no_damage(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise OSError(24, os.strerror(24))

    monkeypatch.setattr("vifex.store.files.sums.file_sum", fail)
    with (
        open_store(store) as read,
        pytest.raises(StoreError, match=r"too many files open|Too many open files"),
    ):
        read.verify()


def test_the_command(store: Path, old: Path, vifex_command: Callable[..., object]) -> None:
    import json

    def run(*words: object) -> tuple[int, str]:
        done = vifex_command("check", *words)
        return done.returncode, done.stdout  # type: ignore[attr-defined]

    status, said = run(store)
    assert status == 0
    assert "view main: no damage." in said
    status, said = run(old)
    assert status == 0
    assert "no checksums for" in said
    flip(min((store / "views/main/rows.lance/data").iterdir()), 100)
    status, said = run(store)
    assert status == 3
    assert "DAMAGED" in said
    assert "media affected" in said
    assert "--repair --dry-run says what that does" in said
    status, said = run(store, "--json")
    assert status == 3
    told = json.loads(said)
    assert told["ok"] is False
    assert told["views"][0]["problems"]
    assert told["views"][0]["affected"]
    assert run(store, "--view", "mian")[0] == 4
    assert run(store / "absent")[0] == 4
