"""The networks of `i3d/` that compute the optical flow of their clip themselves.

`flow-kinetics400` computes it with TV-L1, `raft-flow-kinetics400` and `two-stream-kinetics400` with RAFT.
The last two consist of several networks, and `weights=` takes a folder with one file for each. A file is
recognised by its name: `rgb` (two-stream only), `flow`, and `raft` (torchvision's `raft_large`); e.g.
`i3d_rgb.pt`, `i3d_flow.pt` and `raft_large_C_T_SKHT_V2-ff5fadd5.pth`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from vifex.models.families.builtin.i3d_networks import build_network
from vifex.models.families.shared.weights import seed_of
from vifex.values import ModelError
from vifex.values.registry import require

if TYPE_CHECKING:
    from torch import nn

__all__ = ["PARAMETERS", "STREAMS", "make"]

STREAMS: Final = {
    "flow-kinetics400": ("flow",),
    "raft-flow-kinetics400": ("flow", "raft"),
    "two-stream-kinetics400": ("rgb", "flow", "raft"),
}
"""Name to the networks that have weights."""
PARAMETERS: Final = {
    "flow-kinetics400": 12_675_312,
    "raft-flow-kinetics400": 17_932_848,
    "two-stream-kinetics400": 30_630_112,
}
_ENDINGS: Final = (".pt", ".pth", ".safetensors", ".ckpt", ".bin")


def make(net: str, weights: str, *, of: str) -> nn.Module:
    """Make one of them, in evaluation mode: `[N, 3, T + 1, 224, 224]` to `[N, 400]`.

    Args:
        net: A name of `STREAMS`.
        weights: `random:SEED`; for `flow-kinetics400` the path of a checkpoint; for the others a folder with
            one file for each network.
        of: The model's name, for messages.

    Raises:
        ModelError: If a file is missing, or belongs to another network.
        MissingExtraError: If torch is not installed.
    """
    require("torch", extra="torch", needed_for=of)
    from vifex.models.nets.flow import raft
    from vifex.models.nets.over_flow import OverFlow, OverPixelsAndFlow, OverTvL1
    from vifex.models.nets.two_stream import TwoStream

    if net == "flow-kinetics400":
        return OverTvL1(build_network("flow-kinetics400", weights, of=of)).eval()
    given = {part: _part(part, weights, of) for part in STREAMS[net]}
    flow = build_network("flow-kinetics400", given["flow"], of=of)
    flows = raft(given["raft"])
    if net == "raft-flow-kinetics400":
        return OverFlow(flows, flow).eval()
    rgb = build_network("rgb-kinetics400", given["rgb"], of=of)
    return OverPixelsAndFlow(flows, TwoStream(rgb, flow)).eval()


def _part(part: str, weights: str, of: str) -> str:
    """Give the weights of one of the networks: the seed for all, or its file in the folder."""
    if seed_of(weights) is not None:
        return weights
    if weights == "pretrained":
        raise ModelError(
            "no hub's library serves its weights, so they are not fetched.",
            of=of,
            todo="Give `weights=FOLDER` with one file each: i3d_rgb.pt, i3d_flow.pt, raft_large.pth.",
        )
    folder = Path(weights)
    if not folder.is_dir():
        raise ModelError(
            "it consists of several networks, and this is one file.",
            of=of,
            todo="Give a folder with one file each: i3d_rgb.pt, i3d_flow.pt, raft_large.pth.",
        )
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in _ENDINGS)
    found = [f for f in files if part in f.name.lower() and not (part == "flow" and "raft" in f.name.lower())]
    if len(found) != 1:
        count = "no file" if not found else f"{len(found)} files ({', '.join(f.name for f in found)})"
        raise ModelError(
            f"the folder holds {count} with {part!r} in its name.",
            of=str(folder),
            todo="Keep one file of each network there.",
        )
    return str(found[0])
