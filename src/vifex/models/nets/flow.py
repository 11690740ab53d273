"""Optical flow of a clip with RAFT, truncated and scaled as I3D's flow stream takes it.

RAFT comes from torchvision. I3D was trained on TV-L1 flow (`tv_l1.py`). With RAFT, as in
v-iashin/video_features, scores are close to the published ones but not equal to them.

Source: Teed and Deng, RAFT, ECCV 2020, arXiv:2003.12039; google-deepmind/kinetics-i3d, `README.md`
("truncated to the range [-20, 20], then rescaled between -1 and 1", horizontal and vertical alone).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from vifex.models.families.shared.weights import apply_state, load_state, seed_of, seeded
from vifex.values import ModelError
from vifex.values.registry import require

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["LIMIT_PX", "flow_clip", "raft", "truncated"]

LIMIT_PX: Final = 20.0
"""Longest displacement along an axis, in pixels per frame, that I3D distinguishes."""
_MULTIPLE: Final = 8
_SMALLEST: Final = 128
"""With a shorter side the coarsest level of RAFT's correlation pyramid would be empty."""


def raft(weights: str, size: Literal["large", "small"] = "large") -> nn.Module:
    """Make torchvision's RAFT in evaluation mode.

    Args:
        weights: `random:SEED`, or the path of a checkpoint with torchvision's keys.
        size: Which of the paper's two networks.

    Raises:
        ModelError: If the weights are another network's (which keys, how many), or neither of the two.
        MissingExtraError: If torchvision is not installed.
    """
    flows: Any = require("torchvision.models.optical_flow", extra="torch", needed_for="RAFT flow")
    make = flows.raft_large if size == "large" else flows.raft_small
    seed = seed_of(weights)
    if seed is not None:
        return seeded(seed, lambda: make(weights=None)).eval()
    if weights == "pretrained":
        raise ModelError(
            "RAFT's weights are not fetched by this function.",
            of=f"raft_{size}",
            todo="Fetch them with torchvision, or give the path of its .pth file.",
        )
    network: nn.Module = make(weights=None)
    apply_state(network, load_state(weights), of=weights)
    return network.eval()


def truncated(flow: Tensor) -> Tensor:
    """Truncate flow at 20 pixels per frame and scale it to -1 to 1; any shape."""
    return flow.clamp(-LIMIT_PX, LIMIT_PX) / LIMIT_PX


def flow_clip(
    frames: npt.NDArray[np.uint8],
    *,
    weights: str,
    size: Literal["large", "small"] = "large",
    last: Literal["drop", "repeat"] = "drop",
    updates: int = 12,
    batch: int = 4,
) -> npt.NDArray[np.float32]:
    """Return the flow from each frame of a clip to its next, as I3D's flow stream takes it.

    Args:
        frames: uint8 RGB `[T, H, W, 3]`, T at least 2. Sides that are not a multiple of 8, or are below 128,
            are padded with their edge pixels for RAFT, and the flow is cropped to the original size.
        weights: `random:SEED`, or the path of a checkpoint with torchvision's keys.
        size: Which RAFT.
        last: What to do for the last frame, which has no next one: `drop` gives T - 1 flows, `repeat` gives
            T by repeating the last flow.
        updates: Iterations of RAFT; torchvision's default.
        batch: Pairs at once.

    Returns:
        float32 `[T - 1 or T, H, W, 2]`, horizontal and vertical, -1 to 1 for -20 to 20 pixels per frame.

    Raises:
        ValueError: If `frames` has another dtype or shape.
        ModelError: As `raft`.
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or len(frames) < 2:
        raise ValueError(f"frames must be uint8 [T >= 2, H, W, 3], got {frames.dtype} {list(frames.shape)}")
    network = _kept(weights, size)
    height, width = frames.shape[1:3]
    ready = _for_raft(torch.from_numpy(np.ascontiguousarray(frames)))
    parts = []
    with torch.inference_mode():
        for start in range(0, len(ready) - 1, batch):
            stop = min(start + batch, len(ready) - 1)
            steps = network(ready[start:stop], ready[start + 1 : stop + 1], num_flow_updates=updates)
            parts.append(truncated(steps[-1])[..., :height, :width])
    flow = torch.cat(parts).permute(0, 2, 3, 1).contiguous().numpy()
    return np.concatenate([flow, flow[-1:]]) if last == "repeat" else flow


def _for_raft(frames: Tensor) -> Tensor:
    """Map uint8 `[T, H, W, 3]` to float32 `[T, 3, H', W']` of -1 to 1, padded right and below."""
    x = frames.permute(0, 3, 1, 2).float() / 127.5 - 1.0
    height, width = x.shape[-2:]
    return F.pad(x, (0, _missing(width), 0, _missing(height)), mode="replicate")


def _missing(side: int) -> int:
    return max(_SMALLEST, -(-side // _MULTIPLE) * _MULTIPLE) - side


@lru_cache(maxsize=1)
def _kept(weights: str, size: Literal["large", "small"]) -> nn.Module:
    """Make a network and keep it for the next clip of the same video."""
    return raft(weights, size)
