"""The networks of `i3d/` that compute their clip's flow: `raft-flow-kinetics400`, `two-stream-kinetics400`.

Weights are those of several networks. `weights=` takes a folder that holds a file of each, known by what
its name contains: `rgb` (two-stream alone), `flow`, and `raft` (torchvision's `raft_large`); e.g.
`i3d_rgb.pt`, `i3d_flow.pt` and `raft_large_C_T_SKHT_V2-ff5fadd5.pth`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from vifex.models.families.shared.weights import seed_of
from vifex.values import ModelError
from vifex.values.registry import require

if TYPE_CHECKING:
    from torch import nn

__all__ = ["PARAMETERS", "STREAMS", "make"]

STREAMS: Final = {
    "raft-flow-kinetics400": ("flow", "raft"),
    "two-stream-kinetics400": ("rgb", "flow", "raft"),
}
"""Name to the networks that it is made of."""
PARAMETERS: Final = {"raft-flow-kinetics400": 17_932_848, "two-stream-kinetics400": 30_630_112}
_ENDINGS: Final = (".pt", ".pth", ".safetensors", ".ckpt", ".bin")


def make(net: str, weights: str, *, of: str) -> nn.Module:
    """Make one of them, in evaluation mode: `[N, 3, T + 1, 224, 224]` to `[N, 400]`.

    Args:
        net: A name of `STREAMS`.
        weights: `random:SEED`, or a folder with a file of each network.
        of: The model's name, for messages.

    Raises:
        ModelError: If a file is missing, or is another network's.
        MissingExtraError: If torch is not installed.
    """
    require("torch", extra="torch", needed_for=of)
    from vifex.models.families.builtin.i3d import build
    from vifex.models.nets.flow import raft
    from vifex.models.nets.over_flow import OverFlow, OverPixelsAndFlow
    from vifex.models.nets.two_stream import TwoStream

    given = {part: _part(part, weights, of) for part in STREAMS[net]}
    flow = build("flow-kinetics400", given["flow"])
    flows = raft(given["raft"])
    if net.startswith("raft-flow"):
        return OverFlow(flows, flow).eval()
    rgb = build("rgb-kinetics400", given["rgb"])
    return OverPixelsAndFlow(flows, TwoStream(rgb, flow)).eval()


def _part(part: str, weights: str, of: str) -> str:
    """The weights of one of the networks: the seed for all, or its file in the folder."""
    if seed_of(weights) is not None:
        return weights
    if weights == "pretrained":
        raise ModelError(
            "no hub's library serves its weights, so they are not fetched.",
            of=of,
            todo="Give `weights=FOLDER` with a file of each: i3d_rgb.pt, i3d_flow.pt, raft_large.pth.",
        )
    folder = Path(weights)
    if not folder.is_dir():
        raise ModelError(
            "its weights are those of several networks, and this is one file.",
            of=of,
            todo="Give a folder with a file of each: i3d_rgb.pt, i3d_flow.pt, raft_large.pth.",
        )
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in _ENDINGS)
    found = [f for f in files if part in f.name.lower() and not (part == "flow" and "raft" in f.name.lower())]
    if len(found) != 1:
        told = "no file" if not found else f"{len(found)} files ({', '.join(f.name for f in found)})"
        raise ModelError(
            f"the folder holds {told} whose name says {part!r}.",
            of=str(folder),
            todo="Keep one of each there.",
        )
    return str(found[0])
