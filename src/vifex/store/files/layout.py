"""Paths in a store's folder, and the two small files `STORE.json` and `recipe.json`."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

from vifex.store.files import format_1
from vifex.store.files.faults import DamagedError, system_error
from vifex.store.files.places.client import Changed
from vifex.store.files.places.object_path import ObjectPath
from vifex.store.files.places.place import Place, beside, not_there_yet, place_of, remote_scheme
from vifex.store.files.sync import sync_ancestors, sync_folder, write_aside
from vifex.values import InputError, Recipe, StoreError

__all__ = [
    "FORMAT",
    "StoreInfo",
    "ViewPaths",
    "create_store",
    "folder_bytes",
    "list_views",
    "read_recipe",
    "read_store",
    "stored_view",
]

FORMAT: Final = 2
"""Version of the format that this code writes; docs/store-format.md says what may change it."""

_OURS: Final = frozenset({"STORE.json", "STORE.json.tmp", "LOCK", "readers", "views"})
_CONTROLS: Final = frozenset(map(chr, [*range(0x20), 0x7F]))
"""Characters that Lance refuses in a path."""
_BUILDING: Final = ".new-"


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """A store's folder and what its STORE.json says."""

    path: Place
    id: str
    format: int = FORMAT
    """Version of the format; views of a store of format 1 may already be of format 2."""

    @property
    def lock(self) -> Place:
        """The file that the one writer holds locked."""
        return self.path / "LOCK"

    @property
    def readers(self) -> Place:
        """Folder of the files that open readers hold locked."""
        return self.path / "readers"

    @property
    def views(self) -> Place:
        """Folder of the views."""
        return self.path / "views"

    def view(self, name: str) -> ViewPaths:
        """Paths of a view, there or not.

        Raises:
            InputError: If no view can have that name.
        """
        return ViewPaths(name, self.views / folder_of(name))

    def building(self) -> Place:
        """A new folder in which a view is built before it gets its name."""
        return self.views / f"{_BUILDING}{uuid.uuid4().hex}"


@dataclass(frozen=True, slots=True)
class ViewPaths:
    """Paths of one view."""

    name: str
    folder: Place

    @property
    def recipe(self) -> Place:
        """The file of its recipe."""
        return self.folder / "recipe.json"

    @property
    def rows(self) -> Place:
        """The table of its rows."""
        return self.folder / "rows.lance"

    @property
    def ledger(self) -> Place:
        """The table of its ledger."""
        return self.folder / "ledger.lance"

    def is_there(self) -> bool:
        """Whether the view was made: its folder is renamed, or at an object store its recipe written last."""
        return (self.recipe if isinstance(self.folder, ObjectPath) else self.folder).exists()


def folder_of(name: str) -> str:
    """Return the folder name of a view: letters, digits and `_-.` as they are, other bytes as `%XX`."""
    try:
        folder = quote(name, safe="")
    except UnicodeEncodeError:  # bytes of a command line that are no text
        folder = ""
    if name.startswith("."):
        folder = "%2E" + folder[1:]
    if name.endswith(".") and len(name) > 1:
        folder = folder[:-1] + "%2E"  # Windows drops a dot at the end
    if not folder or len(folder) > 200:
        raise InputError(
            f"a view cannot be named {name!r}.", todo="Give it a name of 1 to 200 letters, digits or _-."
        )
    return folder


def list_views(info: StoreInfo) -> list[str]:
    """Return the names of all views, sorted."""
    if not info.views.is_dir():
        return []
    folders = [f for f in info.views.iterdir() if not f.name.startswith(".") and (f / "recipe.json").exists()]
    return sorted(unquote(f.name) for f in folders)


def folder_bytes(folder: str | os.PathLike[str]) -> int:
    """Return what the files below a folder take; files that go meanwhile count as none."""
    place = place_of(folder)
    if isinstance(place, ObjectPath):
        return sum(place.sizes())
    total = 0
    for parent, _, names in os.walk(place):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += Path(parent, name).stat().st_size
    return total


def indexed_views(path: str | os.PathLike[str]) -> list[str]:
    """Return the names of the views that may have an approximate index, sorted; no table is opened."""
    info = read_store(place_of(path))
    return [name for name in list_views(info) if any((info.view(name).rows / "_indices").glob("*"))]


def views_without_recipe(info: StoreInfo) -> list[str]:
    """Return the names of views whose folder has no recipe."""
    if isinstance(info.views, ObjectPath) or not info.views.is_dir():
        return []  # at an object store such a view was never finished
    folders = [f for f in info.views.iterdir() if not f.name.startswith(".") and f.is_dir()]
    return sorted(unquote(f.name) for f in folders if not (f / "recipe.json").exists())


def remove_unfinished_views(info: StoreInfo) -> None:
    """Remove the folders of views that were being built when their writer died."""
    if isinstance(info.views, ObjectPath):
        return  # they are removed when a view of that name is made
    for folder in info.views.glob(f"{_BUILDING}*"):
        shutil.rmtree(folder)


def read_store(path: Place) -> StoreInfo:
    """Read STORE.json.

    Raises:
        StoreError: If there is no store, or one that this version cannot read.
    """
    _refuse_path(path)
    try:
        data = json.loads((path / "STORE.json").read_text(encoding="utf-8"))
        version, store_id = int(data["vifex_store"]), str(data["id"])
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise StoreError(
            "this folder is no store." if path.is_dir() else "there is no store here.",
            of=str(path),
            todo="Check the path, or make a store there: vifex extract SOURCE... -o PATH.",
        ) from exc
    except OSError as exc:
        raise StoreError("the store cannot be read.", of=str(path), todo=f"{exc.strerror or exc}.") from exc
    except (ValueError, TypeError, KeyError) as exc:
        raise StoreError(
            "its STORE.json does not read as one.", of=str(path), todo="Restore that file from a copy."
        ) from exc
    if version > FORMAT:
        raise StoreError(
            f"the store has format {version}, and this Vifex reads up to {FORMAT}.",
            of=str(path),
            todo="Update Vifex: git pull in its checkout, then pip install .",
        )
    return StoreInfo(path, store_id, version)


def _refuse_path(path: Place) -> None:
    """Check that Lance can name a path, before it is made.

    Raises:
        StoreError: If the path is an address where a local store is needed, or has characters that Lance
            refuses.
    """
    text = os.fspath(path)
    # An address that came as a path: what takes stores at addresses uses `place_of`.
    if isinstance(path, Path) and remote_scheme(text) and not path.exists():
        raise not_there_yet(text)
    # For messages: bytes that are no text and control characters become escapes.
    named = os.path.abspath(text) if isinstance(path, Path) else text  # noqa: PTH100
    whole = os.fsencode(named).decode("utf-8", "backslashreplace")
    shown = "".join(f"\\x{ord(c):02x}" if c in _CONTROLS else c for c in whole)
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise StoreError(
            "the path of a store must be text, and this one has bytes that are none.",
            of=shown,
            todo="Choose another path for the store; media may have any name.",
        )
    if shown != whole:
        raise StoreError(
            "the path of a store may hold no line breaks and no other control characters.",
            of=shown,
            todo="Choose another path for the store; media may have any name.",
        )


def prepare_folder(path: Place) -> None:
    """Make the store's folder, or check that it is a store's or empty.

    Raises:
        StoreError: If something else lies there, or no store can have that path.
    """
    _refuse_path(path)
    if isinstance(path, ObjectPath):
        _refuse_foreign(path, path.glob("*"))
        return
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as exc:
        what = "this is a file" if isinstance(exc, FileExistsError) else "a file stands on the way to it"
        raise StoreError(
            f"{what}, and a store is a folder.", of=str(path), todo="Choose another path."
        ) from exc
    except FileNotFoundError as exc:  # /proc, or a dangling link on the way
        raise StoreError(
            "no folder can be made here.", of=str(path), todo="Choose another path for the store."
        ) from exc
    _refuse_foreign(path, path.iterdir())


def _refuse_foreign(path: Place, there: Iterable[Place]) -> None:
    foreign = sorted({p.name for p in there} - _OURS)
    if foreign and not (path / "STORE.json").exists():
        raise StoreError(
            f"this folder is no store, and it is not empty (it holds {foreign[0]!r}).",
            of=str(path),
            todo="Choose a new folder for the store.",
        )


def write_store(path: Place, store_id: str) -> None:
    """Write STORE.json: from then on the folder is a store of the newest format."""
    write_aside(path / "STORE.json", _content_of_store(store_id))


def _content_of_store(store_id: str) -> str:
    return json.dumps({"vifex_store": FORMAT, "id": store_id}) + "\n"


def create_store(path: Place) -> StoreInfo:
    """Write STORE.json if it is not there; the caller holds the lock."""
    if isinstance(path, ObjectPath):
        if not (path / "STORE.json").is_file():
            with contextlib.suppress(Changed):
                (path / "STORE.json").write_if(_content_of_store(uuid.uuid4().hex).encode(), None)
        return read_store(path)
    (path / "readers").mkdir(exist_ok=True)
    (path / "views").mkdir(exist_ok=True)
    if not (path / "STORE.json").exists():
        write_store(path, uuid.uuid4().hex)
    # The file may be there and not synced: a run can be killed between the rename and the sync.
    sync_folder(path / "views")
    sync_folder(path)
    sync_ancestors(path)
    return read_store(path)


def write_recipe(file: Place, recipe: Recipe, view_id: str) -> None:
    """Write the recipe and the id of a view."""
    write_aside(file, recipe_text(recipe, view_id))


def recipe_text(recipe: Recipe, view_id: str) -> str:
    """Return the content of `recipe.json`."""
    data = {"hash": recipe.hash, "id": view_id, "recipe": recipe.to_dict()}
    return json.dumps(data, indent=1, sort_keys=True) + "\n"


def stored_view(path: str | os.PathLike[str], name: str) -> tuple[Recipe, Path] | None:
    """Return the recipe of a view and a folder with the files beside its tables, or `None` without one.

    Both stay as they are as long as the view is there.

    Raises:
        StoreError: If the store or the recipe cannot be read.
        InputError: If no view can have that name.
    """
    place = place_of(path)
    if not (place / "STORE.json").exists():
        return None
    paths = read_store(place).view(name)
    return (read_recipe(paths), beside(paths.folder)) if paths.is_there() else None


def read_recipe(view: ViewPaths) -> Recipe:
    """Read the recipe of a view.

    Raises:
        StoreError: If its file does not read as a recipe.
    """
    try:
        data = _read_recipe_file(view)
        if is_recipe_of_format_1(data):
            if data["hash"] != format_1.hash_of_recipe(data["recipe"]):
                raise ValueError("it does not give its hash")
            return Recipe.from_dict(_with_new_hashes(view, format_1.recipe_of(data["recipe"])))
        recipe = Recipe.from_dict(data["recipe"])
        if data["hash"] != recipe.hash:
            raise ValueError("it does not give its hash")
    except _NO_RECIPE as exc:
        raise _unreadable_recipe(view, exc) from exc
    return recipe


def read_view_id(view: ViewPaths) -> str | None:
    """Read the id of a view; `None` if its recipe is of format 1, which has none.

    Raises:
        StoreError: If its file does not read as a recipe.
    """
    try:
        data = _read_recipe_file(view)
        return None if is_recipe_of_format_1(data) else str(data["id"])
    except _NO_RECIPE as exc:
        raise _unreadable_recipe(view, exc) from exc


def is_recipe_of_format_1(data: Any) -> bool:
    """Return whether the content of a `recipe.json` has the names of format 1."""
    return "taps" in data["recipe"]


def _read_recipe_file(view: ViewPaths) -> Any:
    return json.loads(view.recipe.read_text(encoding="utf-8"))


def _with_new_hashes(view: ViewPaths, recipe: dict[str, Any]) -> dict[str, Any]:
    """Replace the hashes of format 1 by which a derived view names inputs that still have them."""
    fusion, tree = recipe.get("fusion"), recipe.get("tree")
    if fusion:
        recipe["fusion"] = {**fusion, "inputs": [_with_new_hash(view, part) for part in fusion["inputs"]]}
    if tree:
        recipe["tree"] = _with_new_hash(view, tree)
    return recipe


def _with_new_hash(view: ViewPaths, part: dict[str, Any]) -> dict[str, Any]:
    source = ViewPaths(part["view"], view.folder.parent / folder_of(part["view"]))
    if not source.recipe.exists():
        return part
    data = _read_recipe_file(source)
    if not is_recipe_of_format_1(data) or data["hash"] != part["recipe_hash"]:
        return part
    return {**part, "recipe_hash": read_recipe(source).hash}


_NO_RECIPE: Final = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


def _unreadable_recipe(view: ViewPaths, exc: BaseException) -> StoreError:
    if system_error(exc) not in (None, errno.ENOENT):
        return StoreError("the store cannot be read.", of=str(view.recipe), todo=f"{exc}.")
    return DamagedError(
        f"the recipe of the view {view.name!r} cannot be read ({exc}).",
        of=str(view.recipe),
        todo="Restore that file from a copy, or update Vifex if a newer one wrote it.",
    )
