"""`vifex.open`: a store as a mapping of names to views."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Self

from vifex.api.arguments import checked
from vifex.api.stores.naming import ModelFinder, NamedModel
from vifex.api.stores.queries import QueryEncoder
from vifex.api.stores.view import View, ViewMethods
from vifex.engines.options import EngineOptions
from vifex.store import Place
from vifex.store import open_store as open_stored
from vifex.values import InputError, StoreError, UnknownViewError
from vifex.values.registry import near

if TYPE_CHECKING:
    from vifex.api.models.loaded import LoadedModel

__all__ = ["Store", "open_store"]

_DEFAULT = "main"


class Store(ViewMethods, Mapping[str, View]):
    """A store that is open for reading: its views by their names.

    `store["frames"]` and `store.frames` are views. The methods of a view work on the store as well: they are
    passed on to the view that `vifex.open(..., view=NAME)` named, else to the only view, else to `main`.

    A view is read as of the moment when it is first asked for. Use the store as a context manager, or call
    `close`, so that writers may clean up what it reads.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        view: str | None = None,
        at: str | None = None,
        named: NamedModel | None = None,
        options: EngineOptions | None = None,
    ) -> None:
        if not isinstance(path, str | os.PathLike):
            raise InputError(f"{type(path).__name__} is no store.", todo="Give the path of its folder.")
        self._stored = open_stored(path, at=at)
        self._chosen = view
        self._finder = ModelFinder(named, options or EngineOptions())
        self._lock = threading.RLock()
        self._views: dict[str, View] = {}
        self._sources: dict[str, QueryEncoder] = {}
        try:
            # What cannot be read shows at once where it is known which view is meant.
            if view is not None or len(self) == 1:
                self._meant()
        except BaseException:
            self._stored.close()
            raise

    # -- a mapping of views -------------------------------------------------------------------------

    @property
    def path(self) -> Place:
        """The store's folder; of a store on `s3://` a path-like object of its address."""
        return self._stored.path

    @property
    def id(self) -> str:
        """The store's own id, which it keeps when it is moved."""
        return self._stored.id

    def __getitem__(self, name: str) -> View:
        """Open a view, or return it if it is open.

        Raises:
            UnknownViewError: If there is none of that name; it is a `KeyError` and a `StoreError`.
            StoreError: If the view cannot be read.
        """
        with self._lock:
            if name not in self._views:
                known = list(self)
                if name not in known:
                    listed = f"It has: {', '.join(known)}." if known else "It has none yet."
                    offered = near(name, known) if isinstance(name, str) else ""
                    raise UnknownViewError(
                        f"the store has no view {name!r}.", of=str(self.path), todo=f"{offered}{listed}"
                    )
                stored = self._stored.view(name)
                encoder = QueryEncoder(stored, self._finder, of=str(self.path), source=self._source)
                self._views[name] = View(stored, self.path, encoder, self._stored.view)
            return self._views[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names of all views, sorted."""
        return iter(self._stored.views())

    def __len__(self) -> int:
        """How many views it has."""
        return len(self._stored.views())

    def __contains__(self, name: object) -> bool:
        return name in self._stored.views()

    def __getattr__(self, name: str) -> View:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except UnknownViewError as exc:
            raise AttributeError(f"a store has neither a method nor a view {name!r}: {exc}") from exc

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(n for n in self if n.isidentifier())})

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        return True  # a store without views is a store

    def __repr__(self) -> str:
        return f"Store({os.fspath(self.path)!r}, views={list(self)})"

    # -- leaving ------------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of the versions that are being read, and free the networks of queries."""
        with self._lock:
            for view in self._views.values():
                view._close()
            for encoder in self._sources.values():
                encoder.close()
            self._views, self._sources = {}, {}
            self._stored.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # -- inside -------------------------------------------------------------------------------------

    def _meant(self) -> View:
        if self._chosen is not None:
            return self[self._chosen]
        names = list(self)
        if len(names) > 1 and _DEFAULT not in names:
            raise StoreError(
                f"the store has {len(names)} views, and none is called {_DEFAULT!r}.",
                of=str(self.path),
                todo=f"Name one, e.g. store[{names[0]!r}], or vifex.open(..., view={names[0]!r}).",
            )
        return self[names[0] if len(names) == 1 else _DEFAULT]

    def _source(self, name: str) -> QueryEncoder:
        """Return the encoder of a view that another one was made of, as it is now."""
        with self._lock:
            if name not in self._sources:
                self._sources[name] = QueryEncoder(
                    self._stored.view(name),
                    self._finder,
                    of=str(self.path),
                    source=self._source,
                    is_source=True,
                )
            return self._sources[name]


@checked("path", "model")
def open_store(
    path: str | os.PathLike[str],
    *,
    view: str | None = None,
    at: str | None = None,
    model: str | os.PathLike[str] | LoadedModel | None = None,
    weights: str | None = None,
    card: str | os.PathLike[str] | None = None,
    trust_code: bool = False,
    device: str | None = None,
) -> Store:
    """Open a store for reading.

    Args:
        path: The store's folder, or its address `s3://BUCKET/NAME.vifex`.
        view: The view that the store's own methods are passed on to; by default its only view, or `main`.
        at: Name of a tag (`vifex.tag`): all views are read as they were when it was made.
        model: Name or file of the model for queries by image or words, or one from `vifex.load_model`. It may
            be left out where a network of Vifex's own families made the view, with published or seeded
            weights; a model that is a file or code is never loaded because a store names it.
        weights: Of that model: `random:SEED` or a file, where it made the view with others than the
            published ones.
        card: Of that model, where it does not stand beside it.
        trust_code: Whether code may run that a `.pt` or `.pt2` file holds.
        device: `cpu`, `cuda`, `cuda:N`, `mps` or `auto`, where torch runs the network of a query; by default
            that of a model from `vifex.load_model`, else what `VIFEX_TORCH_DEVICE` says.

    Raises:
        StoreError: If there is no such store, view or tag, or it cannot be read.
        EngineError: If there is no device of that name.
    """
    if not isinstance(model, str | os.PathLike | None):
        from vifex.api.models.loaded import LoadedModel

        if not isinstance(model, LoadedModel):
            raise InputError(
                f"{type(model).__name__} is no model.",
                todo="Give a name, the path of a file, or what vifex.load_model returns.",
            )
    named = None if model is None else NamedModel(model, weights, card, trust_code)
    return Store(path, view=view, at=at, named=named, options=EngineOptions(device=device))
