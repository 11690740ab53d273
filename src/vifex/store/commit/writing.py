"""Writing a store: one writer at a time, one recipe for each view, recovery before the first commit."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from vifex.store.commit.checkpoints import checkpoint
from vifex.store.commit.synced_table import SyncedTable
from vifex.store.commit.upgrading import needs_upgrade, upgrade_views
from vifex.store.commit.view_folders import check_removable, check_renamable, remove_view, rename_view
from vifex.store.commit.view_writer import DEFAULT_RULE, CommitRule, ViewWriter
from vifex.store.files.faults import explained
from vifex.store.files.lance_adapter import Table
from vifex.store.files.layout import (
    FORMAT,
    StoreInfo,
    ViewPaths,
    create_store,
    list_views,
    prepare_folder,
    read_recipe,
    read_store,
    recipe_text,
    remove_unfinished_views,
    write_recipe,
)
from vifex.store.files.lock import FileLock
from vifex.store.files.places.client import Changed
from vifex.store.files.places.lease import Lease
from vifex.store.files.places.object_path import ObjectPath
from vifex.store.files.places.place import Place, place_of
from vifex.store.files.sync import sync_folder, sync_tree
from vifex.store.ledger.sealing import FIRST, Seal, seal
from vifex.store.schema import LEDGER_SCHEMA, maintenance_entry, row_schema
from vifex.values import Recipe, StoreError
from vifex.values.errors import StoreInUseError
from vifex.values.registry import near

__all__ = ["StoreWriter", "open_writer", "upgrade"]


def open_writer(
    path: str | os.PathLike[str],
    run: str = "",
    *,
    rule: CommitRule = DEFAULT_RULE,
    anywhere: bool = False,
) -> StoreWriter:
    """Open a store to write, and make it if it is not there. A store of format 1 becomes one of format 2.

    Args:
        path: Folder of the store, or its address.
        run: Facts of this run as JSON text (versions, machine, times); the ledger of each view keeps it once.
        rule: When gathered media are committed.
        anywhere: Whether the store may lie at an object store. There media are added, deleted and relabelled;
            whole views are not renamed or removed.

    Raises:
        StoreInUseError: If another process writes to it.
        StoreError: If the folder holds something else.
    """
    folder = place_of(path) if anywhere else Path(path)
    with explained(folder):
        if (folder / "STORE.json").exists():
            read_store(folder)  # a newer format is refused before anything is touched
        prepare_folder(folder)
        lock = _take_lock(folder / "LOCK")
        if lock is None:
            raise StoreInUseError(
                f"another process{_holder(folder / 'LOCK')} is writing to this store.",
                of=str(folder),
                todo="Wait for it to end, or choose another store; reading is possible meanwhile.",
            )
        try:
            lock.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
            info = create_store(folder)
            remove_unfinished_views(info)
            if info.format < FORMAT:
                info = upgrade_views(info, run)
        except BaseException:
            lock.free()
            raise
    return StoreWriter(info, lock, run, rule)


def upgrade(path: str | os.PathLike[str], run: str = "") -> bool:
    """Make a store of an older format one of the newest; nothing is computed, and all rows stay as they are.

    `open_writer` does the same. A crash loses nothing; the next call goes on.

    Args:
        path: Folder of the store.
        run: Facts of this run as JSON text, for the ledgers.

    Returns:
        Whether there was anything to do.

    Raises:
        StoreError: If there is no store, another process writes to it, or it cannot be written.
    """
    if not needs_upgrade(path):
        return False
    open_writer(path, run).close()
    return True


_Lock: TypeAlias = FileLock | Lease


def _take_lock(path: Place) -> _Lock | None:
    return Lease.take(path) if isinstance(path, ObjectPath) else FileLock.take(path)


class StoreWriter:
    """A store that only this process may write until it is closed."""

    def __init__(self, info: StoreInfo, lock: _Lock, run: str, rule: CommitRule) -> None:
        self.path = info.path
        self.id = info.id
        self._info = info
        self._lock = lock
        self._run = run
        self._rule = rule
        self._views: dict[str, ViewWriter] = {}

    @property
    def info(self) -> StoreInfo:
        """The store's folder, id and format."""
        return self._info

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def view(self, name: str, recipe: Recipe, *, files: Sequence[Path] = ()) -> ViewWriter:
        """Open a view to write, recovered to its last commit, and make it if it is not there.

        Args:
            name: Of the view.
            recipe: How its rows are made.
            files: Files that a new view keeps beside its tables under their own names, and that the recipe
                names by hash. They appear with the view, or not at all.

        Raises:
            StoreError: If the view was made by another recipe; the message names the differences.
        """
        self._must_not_be_open(name)
        paths = self._info.view(name)
        with explained(self.path):
            if paths.is_there():
                self._refuse_another_recipe(paths, recipe)
            else:
                self._build(paths, recipe, files)
        writer = ViewWriter(self._info, paths, recipe, run=self._run, rule=self._rule)
        self._views[name] = writer
        return writer

    def stored_view(self, name: str) -> ViewWriter:
        """Open a view that is there, by the recipe that it has.

        Raises:
            StoreError: If there is no such view, or its recipe cannot be read.
        """
        paths = self._info.view(name)
        if not paths.is_there():
            known = list_views(self._info)
            raise StoreError(
                f"the store has no view {name!r}.",
                of=str(self.path),
                todo=f"{near(name, known)}It has: {', '.join(known) or 'none'}.",
            )
        return self.view(name, read_recipe(paths))

    def opened_view(self, name: str, recipe: Recipe, *, files: Sequence[Path] = ()) -> ViewWriter:
        """Return a view that this writer has open, or open it as `view` does."""
        return self._views.get(name) or self.view(name, recipe, files=files)

    def recipes(self) -> dict[str, Recipe]:
        """Read the recipe of every view, by name."""
        return {name: read_recipe(self._info.view(name)) for name in list_views(self._info)}

    def remove_view(self, name: str, *, force: bool = False) -> None:
        """Remove a view with all its files; they are gone at once.

        Args:
            name: Of a view that this writer has not opened.
            force: Whether the only view, or one from which other views were made, is removed too.

        Raises:
            StoreError: If there is no such view, a reader has it open, or `force` is needed.
        """
        self._must_not_be_open(name)
        with explained(self.path):
            check_removable(self._info, name, force=force)
            remove_view(self._info, name)

    def rename_view(self, old: str, new: str) -> None:
        """Give a view another name; its rows and its ledger stay as they are.

        Args:
            old: Of a view that this writer has not opened.
            new: Of no view.

        Raises:
            InputError: If the new name is taken, or none that a view can have.
            StoreError: If there is no such view, a reader has it open, or other views were made from it.
        """
        self._must_not_be_open(old)
        with explained(self.path):
            check_renamable(self._info, old, new)
            rename_view(self._info, old, new)

    def close(self) -> None:
        """Close every view, committing what it gathered, and let the next writer in.

        Interrupted while another thread commits, the store stays locked until this process ends.
        """
        views = list(self._views.values())
        try:
            with contextlib.ExitStack() as stack:
                for view in self._views.values():
                    stack.callback(view.close)
        finally:
            self._views = {}
            if not any(view.is_busy for view in views):
                self._lock.free()

    def _must_not_be_open(self, name: str) -> None:
        if name in self._views:
            raise ValueError(f"the view {name!r} is open already")

    def _build(self, paths: ViewPaths, recipe: Recipe, files: Sequence[Path]) -> None:
        """Make a view in another folder and rename that, so that the view is whole or absent."""
        if isinstance(paths.folder, ObjectPath):
            self._build_in_place(paths, paths.folder, recipe, files)
            return
        folder = self._info.building()
        assert isinstance(folder, Path)
        new = ViewPaths(paths.name, folder)
        folder.mkdir()
        try:
            write_recipe(new.recipe, recipe, uuid.uuid4().hex)
            for file in files:
                shutil.copyfile(file, folder / file.name)
            self._make_tables(new, recipe)
            checkpoint("view.built")
            sync_tree(folder)
            checkpoint("view.synced")
            folder.rename(paths.folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        sync_folder(self._info.views)
        checkpoint("view.named")

    def _build_in_place(
        self, paths: ViewPaths, folder: ObjectPath, recipe: Recipe, files: Sequence[Path]
    ) -> None:
        """Make a view whose recipe is written last: without it there is no view."""
        folder.remove_tree()  # of a writer that died while it made the view
        for file in files:
            (folder / file.name).write_bytes(file.read_bytes())
        self._make_tables(paths, recipe)
        checkpoint("view.built")
        checkpoint("view.synced")
        try:
            folder_recipe = recipe_text(recipe, uuid.uuid4().hex).encode()
            (folder / "recipe.json").write_if(folder_recipe, None)
        except Changed as exc:
            raise StoreInUseError(
                f"another process made the view {paths.name!r} at the same moment.",
                of=str(self.path),
                todo="Run the same command again.",
            ) from exc
        checkpoint("view.named")

    def _make_tables(self, paths: ViewPaths, recipe: Recipe) -> None:
        """Make empty rows, and a ledger whose first commit names them."""
        rows = Table.create(paths.rows, row_schema(recipe))
        entry = maintenance_entry("view made", recipe.hash)
        sums = SyncedTable(rows).take_sums()
        batch, _ = seal(entry, Seal(0, FIRST, 0), rows.version, sums, run_text=self._run)
        ledger = Table.create(paths.ledger, LEDGER_SCHEMA)
        ledger.commit(ledger.write([batch], LEDGER_SCHEMA))

    def _refuse_another_recipe(self, paths: ViewPaths, recipe: Recipe) -> None:
        stored = read_recipe(paths)
        if stored.hash == recipe.hash:
            return
        if (stored.imported is None) != (recipe.imported is None):
            was = "was not imported, so no file can be imported into it"
            if stored.imported is not None:
                was = "was imported from files, so only imports can add to it"
            raise StoreError(
                f"the view {paths.name!r} {was}.",
                of=str(self.path),
                todo=f"Take another view: `view=NAME` (taken: {', '.join(list_views(self._info))}).",
            )
        differences = stored.differences(recipe)
        shown = "; ".join(differences[:4]) + ("; ..." if len(differences) > 4 else "")
        raise StoreError(
            f"the view {paths.name!r} was made by another recipe (then, now): {shown}.",
            of=str(self.path),
            todo=f"Take another view: `view=NAME` (taken: {', '.join(list_views(self._info))}).",
        )


def _holder(lock: Place) -> str:
    try:
        data = json.loads(lock.read_text(encoding="utf-8"))
        return f" (pid {int(data['pid'])} on {data['host']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
