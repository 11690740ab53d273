"""The recipe of an imported view: of an export, of a model that the user names, or of unknown origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from vifex.importing.features import Feature, FeatureFile
from vifex.values import NO_PIXELS, InputError, Layer, LayerSpec, Recipe, Sampling
from vifex.values.imported import Imported
from vifex.values.models import LayerKind

__all__ = ["exported_recipe", "imported_recipe", "layers_of"]

_KINDS: Final[Mapping[int, LayerKind]] = {1: "vector", 2: "tokens", 3: "map", 4: "volume"}
UNKNOWN: Final = "unknown"


def layers_of(recipe: Mapping[str, Any] | None) -> dict[str, LayerSpec]:
    """Return the layers that the recipe of an export names, by their columns; none if it cannot be read."""
    found = exported_recipe(recipe)
    return {} if found is None else {spec.column: spec for spec in found.layers}


def exported_recipe(data: Mapping[str, Any] | None) -> Recipe | None:
    """Return the recipe of an export; `None` if there is none, or one of a newer version."""
    if data is None:
        return None
    try:
        return Recipe.from_dict(dict(data))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def imported_recipe(files: Sequence[FeatureFile], named: Recipe | None) -> Recipe:
    """Return the recipe of a view that is filled from files.

    Args:
        files: All have the same feature columns.
        named: The recipe by which a model that the user names would make rows; its layers are the columns in
            their order.

    Raises:
        InputError: If the files differ in their columns, or the model's layers have other sizes.
    """
    first = files[0]
    for other in files[1:]:
        _check_alike(first, other)
    if named is not None:
        return _named(first, named)
    exported = exported_recipe(first.recipe)
    if exported is None:
        return _unknown(first)
    if any(exported_recipe(file.recipe) != exported for file in files[1:]):
        raise InputError(
            "the files were exported from views of different recipes.",
            of=", ".join(str(file.path) for file in files[:3]),
            todo="Import each into a view of its own: `view=NAME`.",
        )
    own = layers_of(first.recipe)
    layers = tuple(own[f.name] if f.name in own else _layer(f) for f in first.features)
    # What a derived or a quantised view needs beside its rows is no part of an export.
    complete = (
        not exported.is_derived
        and exported.graph_sha256 is None
        and all(f.name in own for f in first.features)
    )
    was = exported.imported or Imported("export")
    return replace(
        exported,
        layers=layers,
        fusion=None,
        tree=None,
        graph_sha256=None,
        imported=was if complete else Imported("unknown"),
    )


def _check_alike(first: FeatureFile, other: FeatureFile) -> None:
    mine = {f.name: (f.shape, f.dtype) for f in first.features}
    theirs = {f.name: (f.shape, f.dtype) for f in other.features}
    if mine != theirs:
        raise InputError(
            f"its vectors are {_said(other)}, and those of {first.path.name} are {_said(first)}.",
            of=str(other.path),
            todo="Import each into a view of its own: `view=NAME`.",
        )


def _said(file: FeatureFile) -> str:
    return ", ".join(f"{f.name} {list(f.shape)} {f.dtype}" for f in file.features)


def _named(file: FeatureFile, named: Recipe) -> Recipe:
    if len(named.layers) != len(file.features):
        raise InputError(
            f"the file has {len(file.features)} columns of vectors ({_said(file)}), and {len(named.layers)} "
            "layers are named.",
            of=str(file.path),
            todo="Name a layer for each column, in their order, or take one column.",
        )
    layers = []
    for feature, spec in zip(file.features, named.layers, strict=True):
        if feature.size != spec.size:
            raise InputError(
                f"a vector of {feature.name!r} has {feature.size} numbers, and the layer {spec.layer.name!r} "
                f"of {named.model} gives {spec.size}.",
                of=str(file.path),
                todo="Name the model and the layer that made these vectors.",
            )
        layers.append(replace(spec, dtype=feature.dtype))
    return replace(named, layers=tuple(layers), imported=Imported("named"))


def _unknown(file: FeatureFile) -> Recipe:
    return Recipe(
        model=file.model or UNKNOWN,
        weights_sha256="",
        preprocess={},
        pixels=NO_PIXELS,
        sampling=Sampling(),
        layers=tuple(_layer(feature) for feature in file.features),
        precision=UNKNOWN,
        engine=UNKNOWN,
        imported=Imported("unknown"),
    )


def _layer(feature: Feature) -> LayerSpec:
    kind = _KINDS.get(len(feature.shape))
    shape = feature.shape if kind is not None else (feature.size,)
    layer = Layer(feature.name, kind or "vector", shape)
    return LayerSpec(layer, "none", shape, normalized=False, dtype=feature.dtype)
