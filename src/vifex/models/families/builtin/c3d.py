"""The family `c3d/`: C3D of Tran et al. with the weights of Sports-1M.

One name, `sports1m`. Keys of a checkpoint, as in the common port to PyTorch (DavideA/c3d-pytorch, itself
from the Keras port of the authors' Caffe weights); all are needed, the network's keys are the same:

| key | shape |
| --- | --- |
| `conv1.weight`, `conv1.bias` | [64, 3, 3, 3, 3], [64] |
| `conv2.weight`, `conv2.bias` | [128, 64, 3, 3, 3], [128] |
| `conv3a.*`, `conv3b.*` | [256, 128, 3, 3, 3], [256, 256, 3, 3, 3], [256] |
| `conv4a.*`, `conv4b.*` | [512, 256, 3, 3, 3], [512, 512, 3, 3, 3], [512] |
| `conv5a.*`, `conv5b.*` | [512, 512, 3, 3, 3], [512] |
| `fc6.*`, `fc7.*`, `fc8.*` | [4096, 8192], [4096, 4096], [487, 4096] |
| `mean`, optional | the authors' mean cube, [3, 16, 128, 171], BGR, with a first axis of 1 or without |

Without `mean` the cube's means per channel are used (`nets/c3d.py`), which is close but not equal.

Pixels: BGR, 0 to 255, stretched to 171 x 128 by the bilinear of four pixels that OpenCV uses, middle
112 x 112, corner rounded down (8, 29). The mean is subtracted in the network, the cube cropped alike: that
is what subtracting it before the crop gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from vifex.models.families.builtin.own import own_licence, own_module
from vifex.models.families.shared.base import Entry
from vifex.models.families.shared.making import as_model, no_such, provenance
from vifex.values import Model, ModelCard, ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["FAMILY", "build"]

_NAME: Final = "sports1m"
_CROP: Final = 112
_RESIZED: Final = (128, 171)
"""Height and width before the crop."""
_LICENCE: Final = "CC-BY-NC-3.0 (the authors' code; the weights carry none of their own)"
_WHERE: Final = "the authors' page vlg.cs.dartmouth.edu/c3d; as PyTorch tensors DavideA/c3d-pytorch"


def build(name: str, weights: str) -> nn.Module:
    """Make the network `sports1m`: `[N, 3, 16, 112, 112]` to `[N, 487]`, in evaluation mode.

    Args:
        name: `sports1m`.
        weights: `random:SEED`, or the path of a checkpoint with the keys above.

    Raises:
        ModelError: If there is none of that name, or the weights are not its own.
        MissingExtraError: If torch is not installed.
    """
    if name != _NAME:
        raise no_such("c3d", name, [_NAME])

    def make() -> nn.Module:
        from vifex.models.nets.c3d import C3D

        return C3D()

    return own_module(make, weights, of=f"c3d/{name}", where=_WHERE, rename=_with_mean)


class C3DFamily:
    """The family; see `base.Family`."""

    prefix = "c3d"

    def catalogue(self) -> Iterable[Entry]:
        """Yield the one network."""
        yield Entry(
            name=f"c3d/{_NAME}",
            input="16 x 112 x 112",
            licence=_LICENCE,
            weights_from=_WHERE,
            paper="Tran et al., ICCV 2015, arXiv:1412.0767",
            parameters=79_991_015,
            non_commercial=True,
        )

    def load(self, name: str, weights: str) -> Model:
        """Make the model; see `base.Family.load`."""
        module = build(name, weights)
        card = ModelCard(
            name=f"c3d/{name}",
            height_px=_CROP,
            width_px=_CROP,
            frames=16,
            layout="NCTHW",
            scale=1.0,  # the mean is subtracted in the network, where it is part of the state
            channel_order="BGR",
            resize="stretch_crop",
            resize_hw_px=_RESIZED,
            crop_down=True,
            interpolation="bilinear_2x2",
            default_layers=("fc6",),
            aliases={
                "stem": "conv1",
                "features": "fc6",
                "penultimate": "fc7",
                "head": "fc8",
                "logits": "fc8",
            },
            licence=own_licence(weights, _LICENCE),
            provenance=provenance(weights, f"Sports-1M; {_WHERE}"),
        )
        return as_model(card, "vifex.models.families.builtin.c3d:build", name, weights, module)


def _with_mean(state: Mapping[str, Tensor], module: nn.Module) -> Mapping[str, Tensor]:
    """Replace the network's mean by the checkpoint's mean cube, cropped, if there is one."""
    from vifex.models.nets.c3d import SubtractMean

    out = {k: v for k, v in state.items() if k != "mean"}
    cube = state.get("mean")
    if cube is None:
        return {"input.mean": module.state_dict()["input.mean"], **out}
    if tuple(cube.shape) not in ((3, 16, *_RESIZED), (1, 3, 16, *_RESIZED)):
        raise ModelError(
            f"the key mean has the shape {list(cube.shape)}, not [3, 16, 128, 171].",
            of="c3d/sports1m",
            todo="Give the mean cube as the authors' .binaryproto holds it, or leave it out.",
        )
    top, left = ((whole - _CROP) // 2 for whole in _RESIZED)
    cropped = cube.reshape(3, 16, *_RESIZED)[..., top : top + _CROP, left : left + _CROP].float().contiguous()
    module.input = SubtractMean(cropped)
    return {**out, "input.mean": cropped}


FAMILY: Final = C3DFamily()
