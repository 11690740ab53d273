"""A repair mends what can be mended, loses nothing that is right, and changes nothing when it only looks."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from store_maker import assert_whole, feed, last_editions, medium, outcome, recipe, rows_of

from vifex.store import CommitRule, ViewRepair, open_store, open_writer, repair_views
from vifex.store.repairing import commits

MAIN = Path("views/main")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with several data files, a merged ledger and files of it that came later, and deleted rows."""
    store = tmp_path_factory.mktemp("written") / "s.vifex"
    with open_writer(store, "{}", rule=CommitRule(media=1)) as writer:
        feed(writer.view("main", recipe()), last_editions(12))
    writer = open_writer(store, '{"second": 1}', rule=CommitRule(media=3))
    view = writer.view("main", recipe())
    for number in range(12, 24):
        view.add(outcome(medium(number), 2), rows_of(medium(number), 2))
    view.add(outcome(medium(13, 5), 3), rows_of(medium(13, 5), 3))
    view.commit()
    writer._lock.free()  # killed: nothing is merged
    return store


@pytest.fixture
def store(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "s.vifex"))


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read damaged ledgers here: starting a process takes a second. One test does it in a process."""

    def run(ledger: object, first: int, folder: Path, seconds: float) -> None:
        commits.write_fragments(ledger.path, ledger.version, first, folder)  # type: ignore[attr-defined]

    monkeypatch.setattr(commits, "_run", run)


def contents(store: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(store)): p.read_bytes()
        for p in store.rglob("*")
        if p.is_file() and p.parent.name != "readers"
    }


def rows_by_key(store: Path) -> dict[str, object]:
    with open_store(store) as read:
        return {row["key"]: row for row in read.view().to_arrow().to_pylist()}


def make_again(store: Path) -> None:
    """Extract everything once more: what is finished is left alone."""
    run = [*last_editions(12), *((medium(n), 2, "ok", 0) for n in range(12, 24) if n != 13)]
    with open_writer(store, '{"third": 1}') as writer:
        feed(writer.view("main", recipe()), [*run, (medium(13, 5), 3, "ok", 0)])  # type: ignore[list-item]


def flip(file: Path, place: int) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 4
    file.write_bytes(data)


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def files(store: Path, folder: str) -> list[Path]:
    """Give the files of a folder, the oldest first."""
    found = [p for p in (store / MAIN / folder).iterdir() if not p.name.endswith(".json")]
    return sorted(found, key=lambda p: (p.stat().st_mtime_ns, p.name))


def mended(store: Path, original: Path) -> ViewRepair:
    """Repair; see that a dry run says the same and changes nothing, and that nothing right is lost."""
    before = contents(store)
    (told,) = repair_views(store, dry_run=True)
    assert contents(store) == before
    (done,) = repair_views(store, dry_run=False, run='{"repair": 1}')
    assert done.mended == told.mended
    assert done.left == ()
    wanted = rows_by_key(original)
    with open_store(store) as read:
        check = read.verify()[0]
        assert check.ok, check.problems
        entries = {e["name"]: e for e in read.view().ledger().to_pylist()}
        after = rows_by_key(store)
    other = {row["name"] for key, row in wanted.items() if after.get(key) != row}  # type: ignore[index]
    other |= {row["name"] for key, row in after.items() if key not in wanted}  # type: ignore[index]
    assert other <= set(done.to_do), "a row is not what it was"
    for name, entry in entries.items():
        assert entry["rows"] == sum(row["name"] == name for row in after.values()), name  # type: ignore[index]
    make_again(store)
    assert rows_by_key(store) == wanted
    assert_whole(store)
    assert not repair_views(store, dry_run=True)[0].mended
    return done


def test_a_whole_store_stays_as_it_is(store: Path) -> None:
    before = contents(store)
    for dry_run in (True, False):
        assert repair_views(store, dry_run=dry_run) == [ViewRepair("main", (), ())]
    assert {k: v for k, v in contents(store).items() if k != "LOCK"} == {
        k: v for k, v in before.items() if k != "LOCK"
    }


@pytest.mark.parametrize(
    ("damage", "which"),
    [(lambda f: flip(f, 200), 0), (Path.unlink, 2), (truncate, -1)],
    ids=["flip", "gone", "cut"],
)
def test_a_data_file_of_the_rows(
    damage: Callable[[Path], None], which: int, store: Path, written: Path
) -> None:
    damage(files(store, "rows.lance/data")[which])
    with open_store(store) as read:
        affected = set(read.verify()[0].affected)
    done = mended(store, written)
    assert set(done.to_do) == affected != set()
    assert any("Damaged files of the rows are left out: data/" in text for text in done.mended)


def test_a_list_of_deleted_rows(store: Path, written: Path) -> None:
    flip(files(store, "rows.lance/_deletions")[-1], 30)
    mended(store, written)


@pytest.mark.parametrize(
    ("damage", "which"),
    [(truncate, 0), (Path.unlink, -2), (truncate, -1)],
    ids=["first", "last but one", "last"],
)
def test_a_data_file_of_the_ledger(
    damage: Callable[[Path], None], which: int, store: Path, written: Path
) -> None:
    """Also the oldest one, in which most entries are: rows that the ledger no longer proves are kept."""
    damage(files(store, "ledger.lance/data")[which])
    done = mended(store, written)
    assert done.to_do
    assert not any("rows that no entry names" in text for text in done.mended)


def test_a_flip_in_the_ledger(store: Path, written: Path) -> None:
    """Wherever it is, it is mended; most lie in one commit, and the other media are not made again."""
    (file, *_) = files(store, "ledger.lance/data")
    data = file.read_bytes()
    few = 0
    for place in (900, len(data) // 2):
        copy = Path(shutil.copytree(store, store.parent / f"copy-{place}"))
        flip(copy / file.relative_to(store), place)
        few += len(mended(copy, written).to_do) <= 3
    assert few


@pytest.mark.parametrize("table", ["rows.lance", "ledger.lance"])
def test_manifests_of_the_newest_versions(table: str, store: Path, written: Path) -> None:
    for file in files(store, f"{table}/_versions")[-4:]:
        truncate(file)
    mended(store, written)


def test_left_over_files(store: Path, written: Path) -> None:
    for name in ("rows.lance/data/x.lance", "ledger.lance/data/y.lance", "rows.lance/_versions/.tmp_1"):
        (store / MAIN / name).write_bytes(b"left")
    (store / MAIN / "recipe.json.tmp").write_text("left")
    (store / "views" / ".new-abc").mkdir()
    done = mended(store, written)
    assert done.mended == ("4 files that nothing uses are removed.",)
    assert not [p for p in store.rglob("*") if p.name in ("x.lance", "y.lance", ".tmp_1", "recipe.json.tmp")]
    assert not (store / "views" / ".new-abc").exists()


def test_rows_that_no_entry_names(store: Path, written: Path) -> None:
    """Rows of a medium that the ledger never heard of, as no writer leaves them."""
    with open_writer(store) as writer:
        tables = writer.stored_view("main")._tables
        tables.rows.sync_data(new := tables.write([rows_of(medium(99), 5)]))
        tables.rows.commit("rows.manifest", new)
        tables.enter(
            {
                name: [value[0]] for name, value in _maintenance(tables.recipe_hash).items()
            }  # names that version
        )
    with open_store(store) as read:
        assert not read.verify()[0].ok
    done = mended(store, written)
    assert "5 rows that no entry names are removed." in done.mended


def _maintenance(recipe_hash: str) -> dict[str, list[object]]:
    from vifex.store.schema import maintenance_entry

    return dict(maintenance_entry("a test", recipe_hash))  # type: ignore[arg-type]


def test_what_cannot_be_mended_is_said(store: Path) -> None:
    (store / MAIN / "recipe.json").write_text("{")
    for dry_run in (True, False):
        (found,) = repair_views(store, dry_run=dry_run)
        assert not found.mended
        (sentence,) = found.left
        assert "the recipe of the view 'main' cannot be read" in sentence
        assert "Restore that file from a copy" in sentence


def test_no_version_opens(store: Path) -> None:
    for file in files(store, "ledger.lance/_versions"):
        truncate(file)
    (found,) = repair_views(store, dry_run=False)
    assert found.left == (
        "no version of ledger.lance of the view 'main' opens. Restore the view's folder from a copy, or "
        "remove it and extract again.",
    )


def test_a_damaged_ledger_is_read_by_another_process(
    store: Path, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    flip(files(store, "ledger.lance/data")[0], 900)
    mended(store, written)
