"""The recipe of a view: every choice that decides a number, with a hash that stays the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from vifex.values.audio import AudioSpec
from vifex.values.fusion import Fusion, Tree
from vifex.values.imported import Imported
from vifex.values.models import AXES, Layer, LayerSpec
from vifex.values.pixels import NO_PIXELS, PixelSpec
from vifex.values.processors import Processor
from vifex.values.sampling import Regions, Sampling

__all__ = ["Recipe"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Every choice that decides a number in a view.

    Library versions, the machine and times are no part of it: the ledger keeps them as facts of a run, so
    that a resume goes on after a library was updated.
    """

    model: str
    """Name with version."""
    weights_sha256: str
    preprocess: dict[str, Any]
    """What happens to ready pixels inside the graph: layout, scale, mean, std, channel order."""
    pixels: PixelSpec
    sampling: Sampling
    layers: tuple[LayerSpec, ...]
    precision: str
    """As resolved: `fp32`, `bf16`, or int8 with what computes the rest, `int8+bf16`; never `auto`."""
    engine: str
    time_pooling: Literal["none", "mean"] = "none"
    """`mean` where rows are averages over the frames of a window, computed by a network for images."""
    regions: Regions | None = None
    """How boxes become rows; `None` crops the boxes of a manifest."""
    preset: str | None = None
    """Name of the published protocol that these choices follow."""
    audio: AudioSpec | None = None
    """Windows of sound; then `pixels` and `sampling` are not used."""
    graph_sha256: str | None = None
    """Hash of the quantised graph of an int8 view; its ranges were learned from the view's media."""
    fusion: Fusion | None = None
    """Set where rows are fused from rows of other views; then `pixels` and `sampling` are not used."""
    tree: Tree | None = None
    """Set where rows are parts of videos pooled from another view; then neither is used."""
    imported: Imported | None = None
    """Set where the vectors were read from files; `None` where they were computed."""
    hdr: str | None = None
    """How HDR and wide-gamut video becomes SDR pixels; `None` in views that were made before that was done.

    It is not hashed, so that such views can be continued. The ledger says of each medium if it applied."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` gives an equal recipe back."""
        said: dict[str, Any] = {
            "model": self.model,
            "weights_sha256": self.weights_sha256,
            "preprocess": self.preprocess,
            "pixels": self.pixels.to_dict(),
            "sampling": self.sampling.to_dict(),
            "layers": [_layer_to_dict(t) for t in self.layers],
            "precision": self.precision,
            "engine": self.engine,
            "time_pooling": self.time_pooling,
        }
        # Fields that came later are left out where they are not set: the hashes of older recipes stay.
        if self.regions is not None:
            said["regions"] = self.regions.to_dict()
        if self.preset is not None:
            said["preset"] = self.preset
        if self.graph_sha256 is not None:
            said["graph_sha256"] = self.graph_sha256
        if self.audio is not None:
            said["audio"] = self.audio.to_dict()
        if self.fusion is not None:
            said["fusion"] = self.fusion.to_dict()
        if self.tree is not None:
            said["tree"] = self.tree.to_dict()
        if self.imported is not None:
            said["imported"] = self.imported.to_dict()
        if self.hdr is not None:
            said["hdr"] = self.hdr
        if self.audio is not None or self.is_derived or self.pixels == NO_PIXELS:
            del said["pixels"], said["sampling"]
        return said

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Recipe:
        """Read what `to_dict` wrote, also after a trip through JSON."""
        pixels = dict(data.get("pixels") or NO_PIXELS.to_dict())
        for name in ("background", "resize_hw_px"):
            if pixels.get(name) is not None:
                pixels[name] = tuple(pixels[name])
        if pixels.get("processor") is not None:
            pixels["processor"] = Processor.from_dict(pixels["processor"])
        return cls(
            model=data["model"],
            weights_sha256=data["weights_sha256"],
            preprocess=data["preprocess"],
            pixels=PixelSpec(**pixels),
            sampling=Sampling(**data.get("sampling", {})),
            layers=tuple(_layer_from_dict(t) for t in data["layers"]),
            precision=data["precision"],
            engine=data["engine"],
            time_pooling=data["time_pooling"],
            regions=_regions_from_dict(data.get("regions")),
            preset=data.get("preset"),
            graph_sha256=data.get("graph_sha256"),
            audio=AudioSpec(**data["audio"]) if data.get("audio") else None,
            fusion=Fusion.from_dict(data["fusion"]) if data.get("fusion") else None,
            tree=Tree(**data["tree"]) if data.get("tree") else None,
            imported=Imported.from_dict(data["imported"]) if data.get("imported") else None,
            hdr=data.get("hdr"),
        )

    @property
    def is_derived(self) -> bool:
        """Whether the view was made from other views of its store, not from media."""
        return self.fusion is not None or self.tree is not None

    @property
    def hash(self) -> str:
        """128-bit hex hash over the canonical JSON of all fields but `hdr`."""
        text = json.dumps(_hashed(self), sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def differences(self, other: Recipe) -> list[str]:
        """Return each choice in which two recipes differ, as `field: mine, theirs`."""
        mine, theirs = _flat(_hashed(self)), _flat(_hashed(other))
        keys = sorted(mine.keys() | theirs.keys())
        return [
            f"{k}: {mine.get(k, 'absent')}, {theirs.get(k, 'absent')}"
            for k in keys
            if mine.get(k) != theirs.get(k)
        ]


def _hashed(recipe: Recipe) -> dict[str, Any]:
    return {key: value for key, value in recipe.to_dict().items() if key != "hdr"}


def _regions_from_dict(data: dict[str, Any] | None) -> Regions | None:
    if data is None:
        return None
    grid = data["grid"]
    return Regions(**{**data, "grid": None if grid is None else tuple(grid)})


def _layer_to_dict(spec: LayerSpec) -> dict[str, Any]:
    return {
        "name": spec.layer.name,
        "kind": spec.layer.kind,
        "layer_shape": list(spec.layer.shape),
        "pooling": spec.pooling,
        "shape": list(spec.shape),
        "normalized": spec.normalized,
        "dtype": spec.dtype,
    }


def _layer_from_dict(data: dict[str, Any]) -> LayerSpec:
    if data["kind"] not in AXES:
        raise ValueError(f"unknown kind of layer: {data['kind']}")
    return LayerSpec(
        layer=Layer(data["name"], data["kind"], tuple(data["layer_shape"])),
        pooling=data["pooling"],
        shape=tuple(data["shape"]),
        normalized=data["normalized"],
        dtype=data["dtype"],
    )


def _flat(value: Any, prefix: str = "") -> dict[str, str]:
    """Lay nested JSON values flat: `pixels.height_px` -> `96`."""
    if isinstance(value, dict):
        return {k: v for key, sub in value.items() for k, v in _flat(sub, f"{prefix}{key}.").items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return {k: v for i, sub in enumerate(value) for k, v in _flat(sub, f"{prefix}{i}.").items()}
    return {prefix.removesuffix("."): json.dumps(value)}
