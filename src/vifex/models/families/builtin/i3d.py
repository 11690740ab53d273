"""The family `i3d/`: Inception-v1 I3D of Carreira and Zisserman with the weights of Kinetics-400.

| name | input | flow |
| --- | --- | --- |
| `rgb-kinetics400` | 64 frames | none |
| `flow-kinetics400` | 65 frames | 64 flows by TV-L1, as in the paper |
| `raft-flow-kinetics400` | 65 frames | 64 flows by RAFT |
| `two-stream-kinetics400` | 65 frames | 64 flows by RAFT, and the first 64 frames as RGB |

A number of frames may follow a name: `rgb-kinetics400-24f` takes 24 frames, `flow-kinetics400-24f` takes 25
(24 flows). The weights are the same, because the network is convolutional in time. `i3d_networks.py` lists
the keys of a checkpoint.

Pixels: shorter side to 256 (bilinear), centre crop 224 x 224, -1 to 1 (google-deepmind/kinetics-i3d,
`README.md`); the crop's corner is rounded down (v-iashin/video_features,
`models/i3d/transforms/transforms.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from vifex.models.families.builtin.i3d_networks import WEIGHTS_FROM, build_network
from vifex.models.families.builtin.i3d_streams import PARAMETERS, STREAMS
from vifex.models.families.builtin.i3d_streams import make as make_streams
from vifex.models.families.builtin.own import own_licence
from vifex.models.families.shared.base import Entry
from vifex.models.families.shared.making import as_model, no_such, provenance
from vifex.values import Model, ModelCard

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FAMILY", "build"]

_RGB: Final = "rgb-kinetics400"
_RGB_PARAMETERS: Final = 12_697_264
_NAMES: Final = (_RGB, *STREAMS)
_FRAMES: Final = 64
_NAME: Final = re.compile(r"(?P<net>.+?)(?:-(?P<frames>[1-9][0-9]{0,3})f)?")
_LICENCE: Final = "Apache-2.0"
_PREFIXES: Final = {_RGB: "", "two-stream-kinetics400": "streams."}
"""What stands before the layers of I3D itself; `flow.` in the other networks."""


def build(name: str, weights: str) -> nn.Module:
    """Make a network by its name, in evaluation mode: `[N, 3, T, 224, 224]` to `[N, 400]`.

    Args:
        name: One of the names above, with or without a number of frames.
        weights: `random:SEED`, the path of a checkpoint, or a folder (see `i3d_streams.py`).

    Raises:
        ModelError: If there is no network of that name, or the weights belong to another one.
        MissingExtraError: If torch is not installed.
    """
    net, _ = _parse(name)
    if net in STREAMS:
        return make_streams(net, weights, of=f"i3d/{name}")
    return build_network(net, weights, of=f"i3d/{name}")


class I3DFamily:
    """The family; see `base.Family`."""

    prefix = "i3d"

    def catalogue(self) -> Iterable[Entry]:
        """Give the RGB network and those that compute flow."""
        for name in _NAMES:
            frames = _FRAMES + 1 if name in STREAMS else _FRAMES
            raft = "; torchvision's raft_large" if "raft" in STREAMS.get(name, ()) else ""
            yield Entry(
                name=f"i3d/{name}",
                input=f"{frames} x 224 x 224",
                licence=_LICENCE,
                weights_from=f"{WEIGHTS_FROM}{raft}",
                paper="Carreira and Zisserman, CVPR 2017, arXiv:1705.07750",
                parameters=PARAMETERS.get(name, _RGB_PARAMETERS),
            )

    def load(self, name: str, weights: str) -> Model:
        """Make the model; see `base.Family.load`."""
        net, frames = _parse(name)
        module = build(name, weights)
        prefix = _PREFIXES.get(net, "flow.")
        two_streams = net == "two-stream-kinetics400"
        card = ModelCard(
            name=f"i3d/{name}",
            height_px=224,
            width_px=224,
            frames=frames + 1 if net in STREAMS else frames,
            # T + 1 frames give T flows; windows that share a frame leave no flow out.
            frame_step=1 if net in STREAMS else None,
            shared_frames=1 if net in STREAMS else 0,
            layout="NCTHW",
            mean=(0.5, 0.5, 0.5),
            std=(0.5, 0.5, 0.5),
            resize="shortest",
            resize_px=256,
            crop_down=True,
            default_layers=(f"{prefix}features",),
            aliases={
                "stem": f"{prefix}{'rgb.' if two_streams else ''}Conv3d_1a_7x7",
                "penultimate": f"{prefix}features",
                "head": "streams" if two_streams else f"{prefix}logits",
            },
            licence=own_licence(weights, _LICENCE),
            provenance=provenance(weights, f"Kinetics-400; {WEIGHTS_FROM}"),
        )
        return as_model(card, "vifex.models.families.builtin.i3d:build", name, weights, module)


def _parse(name: str) -> tuple[str, int]:
    """Split `rgb-kinetics400-24f` into the network and its frames."""
    match = _NAME.fullmatch(name)
    net = match["net"] if match else name
    if match is None or net not in _NAMES:
        raise no_such("i3d", name, list(_NAMES))
    return net, int(match["frames"] or _FRAMES)


FAMILY: Final = I3DFamily()
