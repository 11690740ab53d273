"""Non-local blocks equal a direct transcription of the paper's equations."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

from vifex.models.heads.non_local import NonLocalBlock, NonLocalHead

Array = npt.NDArray[np.float64]
PAIRWISE = ["gaussian", "embedded", "dot", "concatenation"]
C, T, H, W = 6, 4, 4, 5


def filled(block: torch.nn.Module) -> torch.nn.Module:
    """Give every weight a number: W_z starts at zero, which would hide all else."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for p in block.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * 0.5)
        for m in block.modules():
            if isinstance(m, torch.nn.BatchNorm3d):
                m.running_mean.copy_(torch.randn(m.running_mean.shape, generator=generator))
                m.running_var.copy_(torch.rand(m.running_var.shape, generator=generator) + 0.5)
    return block.eval()


def numbers(block: NonLocalBlock) -> dict[str, Array]:
    state = {k: v.detach().numpy().astype(np.float64) for k, v in block.state_dict().items()}
    return {k: v.reshape(v.shape[:2]) if v.ndim == 5 else v for k, v in state.items()}


def quarter(x: Array) -> Array:
    """Give the largest of each 2 x 2 places of a frame; a last odd row or column is left out."""
    x = x[:, :, : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2]
    return np.maximum.reduce([x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)])


def transcribed(x: Array, w: dict[str, Array], pairwise: str, subsample: bool, norm: bool) -> Array:
    """Equations 1 to 6 over one set of places that see each other: x is [C, t, h, w]."""
    others = x
    if pairwise != "gaussian":
        theta = np.einsum("dc,cthw->dthw", w["theta.weight"], x) + w["theta.bias"][:, None, None, None]
        phi = np.einsum("dc,cthw->dthw", w["phi.weight"], x) + w["phi.bias"][:, None, None, None]
    else:
        theta, phi = x, others
    g = np.einsum("dc,cthw->dthw", w["g.weight"], x) + w["g.bias"][:, None, None, None]
    if subsample:
        phi, g = quarter(phi), quarter(g)
    a, b, g = (p.reshape(p.shape[0], -1) for p in (theta, phi, g))
    y = np.zeros((g.shape[0], a.shape[1]))
    for i in range(a.shape[1]):
        if pairwise in ("gaussian", "embedded"):
            f = np.exp([a[:, i] @ b[:, j] for j in range(b.shape[1])])
            normaliser = f.sum()
        elif pairwise == "dot":
            f = np.array([a[:, i] @ b[:, j] for j in range(b.shape[1])])
            normaliser = b.shape[1]
        else:
            joined = [np.concatenate([a[:, i], b[:, j]]) for j in range(b.shape[1])]
            f = np.array([max(0.0, w["pair.weight"][0] @ pair) for pair in joined])
            normaliser = b.shape[1]
        y[:, i] = sum(f[j] * g[:, j] for j in range(b.shape[1])) / normaliser
    if norm:
        z = w["out.0.weight"] @ y + w["out.0.bias"][:, None]
        scale = w["out.1.weight"] / np.sqrt(w["out.1.running_var"] + 1e-5)
        z = (z - w["out.1.running_mean"][:, None]) * scale[:, None] + w["out.1.bias"][:, None]
    else:
        z = w["out.weight"] @ y + w["out.bias"][:, None]
    return z.reshape(x.shape) + x


def split(x: Array, axes: str) -> list[tuple[tuple[object, ...], Array]]:
    """Give the sets of places that see each other, and where they lie."""
    if axes == "spacetime":
        return [((slice(None),) * 4, x)]
    if axes == "space":
        keys = [(slice(None), slice(t, t + 1)) for t in range(x.shape[1])]
    else:
        places = [(slice(i, i + 1), slice(j, j + 1)) for i in range(H) for j in range(W)]
        keys = [(slice(None), slice(None), *place) for place in places]
    return [(key, x[key]) for key in keys]


@pytest.mark.parametrize("pairwise", PAIRWISE)
@pytest.mark.parametrize(
    ("axes", "subsample", "norm"),
    [
        *((axes, False, norm) for axes in ("space", "time", "spacetime") for norm in (False, True)),
        ("space", True, False),  # there is nothing to sub-sample in time alone
        ("spacetime", True, False),
    ],
)
def test_a_block_is_the_papers_equations(pairwise: str, axes: str, subsample: bool, norm: bool) -> None:
    options = {"pairwise": pairwise, "axes": axes, "subsample": subsample, "norm": norm}
    block = filled(NonLocalBlock(C, 3, **options))  # type: ignore[arg-type]
    x = torch.randn(2, C, T, H, W, generator=torch.Generator().manual_seed(6)) * 0.5
    with torch.no_grad():
        out = block(x).numpy()
    for clip, z in zip(x.numpy().astype(np.float64), out, strict=True):
        for key, part in split(clip, axes):
            expected = transcribed(part, numbers(block), pairwise, subsample, norm)
            np.testing.assert_allclose(z[key], expected, atol=1e-5)


@pytest.mark.parametrize("pairwise", PAIRWISE)
@pytest.mark.parametrize("norm", [False, True])
def test_a_new_block_changes_nothing(pairwise: str, norm: bool) -> None:
    """Section 3.3: W_z, or the batch norm's scale, starts at zero."""
    block = NonLocalBlock(C, pairwise=pairwise, norm=norm)  # type: ignore[arg-type]
    x = torch.randn(2, C, T, H, W)
    torch.testing.assert_close(block(x), x, rtol=0, atol=0)


def test_a_map_without_time_is_one_frame() -> None:
    block = filled(NonLocalBlock(C, axes="space", subsample=True))
    x = torch.randn(2, C, H, W)
    with torch.no_grad():
        torch.testing.assert_close(block(x), block(x[:, :, None])[:, :, 0], rtol=0, atol=0)


def test_half_of_the_channels_by_default() -> None:
    assert NonLocalBlock(C).g.weight.shape == (3, C, 1, 1, 1)


@pytest.mark.parametrize("pairwise", PAIRWISE)
def test_the_head_is_blocks_in_time_and_the_mean(pairwise: str) -> None:
    head = filled(NonLocalHead(C, 3, layers=2, pairwise=pairwise))  # type: ignore[arg-type]
    x = torch.randn(2, T, C, generator=torch.Generator().manual_seed(7)) * 0.5
    with torch.no_grad():
        out = head(x).numpy()
    for clip, z in zip(x.numpy().astype(np.float64), out, strict=True):
        volume = clip.T[:, :, None, None]
        for block in head.blocks:
            volume = transcribed(volume, numbers(block), pairwise, False, False)
        np.testing.assert_allclose(z, volume.mean(axis=(1, 2, 3)), atol=1e-5)


def test_what_makes_no_block_is_told() -> None:
    with pytest.raises(ValueError, match="sub-sampling is in space"):
        NonLocalBlock(C, axes="time", subsample=True)
    with pytest.raises(ValueError, match="must be among"):
        NonLocalBlock(C, pairwise="cosine")  # type: ignore[arg-type]
