"""Which model made a view: the one that the user names, else one that Vifex knows by itself."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from vifex.engines.options import EngineOptions
from vifex.models.registry import ALIASES
from vifex.models.stored import is_published, unnamed
from vifex.store import View as StoredView
from vifex.values import InputError, Model, ModelRef

if TYPE_CHECKING:
    from vifex.api.models.loaded import LoadedModel

__all__ = ["ModelFinder", "NamedModel", "last_ref"]


@dataclass(frozen=True)
class NamedModel:
    """A model as the user names it."""

    model: str | os.PathLike[str] | LoadedModel
    weights: str | None = None
    card: str | os.PathLike[str] | None = None
    trust_code: bool = False

    @property
    def options(self) -> EngineOptions:
        """The engine and the device that a loaded model was given; none for a name."""
        return EngineOptions() if isinstance(self.model, str | os.PathLike) else self.model.options

    @cached_property
    def loaded(self) -> Model:
        """The model, loaded at the first call.

        Raises:
            VifexError: If it cannot be loaded.
        """
        if not isinstance(self.model, str | os.PathLike):
            return self.model.model
        from vifex.models import load_model

        card = None if self.card is None else Path(self.card)
        return load_model(self.model, weights=self.weights, card=card, trust_code=self.trust_code)


@dataclass
class ModelFinder:
    """Finds the models of a store's views, and keeps them."""

    named: NamedModel | None
    options: EngineOptions = field(default_factory=EngineOptions)
    """The device that the user wants for queries."""
    used: bool = False
    """Whether the named model was one of those that were found."""
    _known: dict[ModelRef, Model] = field(default_factory=dict, init=False)

    def find(self, view: StoredView, *, of: str, is_source: bool = False) -> Model:
        """Return the model that made a view.

        Args:
            view: Made from media.
            of: The store, for messages.
            is_source: Whether another view was made from this one. Several views may be its sources, so the
                named model counts where its weights are those of this view.

        Raises:
            InputError: If the user must name the model.
            VifexError: If the model cannot be loaded.
        """
        imported = view.recipe.imported
        if imported is not None and not imported.knows_model:
            raise InputError(
                f"the view {view.name!r} was imported, and nothing says which model made its vectors.",
                of=of,
                todo="Search by row:KEY or a .npy file, or import again with `model=` and `layers=`.",
            )
        ref = last_ref(view) or ModelRef(view.recipe.model)
        if ref.name in ALIASES:  # it may have meant another model in another version
            ref = ModelRef(view.recipe.model)
        candidates = [ref]
        if ref.card is None and ref.weights is None:  # the embedded model has a name as well as a file
            candidates.append(ModelRef(view.recipe.model))
        known = next((one for one in candidates if is_published(one)), None)
        if self.named is not None:
            fits = self.named.loaded.weights_sha256 == view.recipe.weights_sha256
            if fits or not is_source or known is None:
                self.used = True
                return self.named.loaded
        if known is None:
            raise unnamed(ref, of=of)
        if known not in self._known:
            from vifex.models import load_model

            self._known[known] = load_model(known.name, weights=known.weights)
        return self._known[known]

    def device_for(self, engine: str) -> EngineOptions:
        """Return the device for queries of a view that an engine made.

        The device of a loaded model is for networks that torch runs. It does not forbid queries of a view
        that OpenVINO made.
        """
        if self.named is None or engine != "torch":
            return self.options
        return self.options.or_else(EngineOptions(device=self.named.options.device))

    def check_used(self) -> None:
        """Refuse a named model that made none of the views that were searched for it.

        Raises:
            InputError: If it made none.
        """
        if self.named is not None and not self.used:
            raise InputError(
                "the model that was named made none of the views that this one was made of.",
                of=self.named.loaded.card.name,
                todo="Name the model of one of them, with its weights, or leave it out.",
            )


def last_ref(view: StoredView) -> ModelRef | None:
    """Return the words by which the last run loaded a view's model; `None` where no run says."""
    for text in reversed(view.runs().values()):
        try:
            facts = json.loads(text or "{}")
            words = [facts.get(k, {}).get(view.name) for k in ("models", "weights", "cards")]
        except (ValueError, AttributeError, RecursionError):  # not written by Vifex
            continue
        name, weights, card = (None if word is None else str(word) for word in words)
        if name is not None:
            return ModelRef(name, weights, card)
    return None
