"""Autoencoder, variational autoencoder and adversarial networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from vifex.models.trainable.synthesis.autoencoders import Autoencoder
from vifex.models.trainable.synthesis.gan import Discriminator, Generator
from vifex.training.losses.synthesis import (
    autoencoder_loss,
    discriminator_loss,
    divergence,
    generator_loss,
    reconstruction_errors,
)
from vifex.training.motion import motion_set


def images(count: int, seed: int) -> torch.Tensor:
    frames = np.concatenate([clip for _, clip in motion_set(count // 8, seed=seed, frames=8, side_px=32)])
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255


def test_the_divergence_is_torchs() -> None:
    mean, log_variance = torch.randn(4, 7), torch.randn(4, 7)
    theirs = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(dim=1)
    torch.testing.assert_close(divergence(mean, log_variance), theirs)


def test_hinge_losses_by_hand() -> None:
    real, made = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 0.0])
    assert float(discriminator_loss(real, made)) == pytest.approx(0.25 + 0.5)
    assert float(generator_loss(made)) == pytest.approx(1.5)


@pytest.mark.parametrize("variational", [False, True])
def test_an_autoencoder_learns_its_images_and_noise_is_an_anomaly(variational: bool) -> None:
    torch.manual_seed(0)
    network = Autoencoder(16, size_px=32, width=8, variational=variational)
    x = images(256, 0)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(8):
        for batch in x[torch.randperm(len(x))].split(32):
            optimizer.zero_grad()
            autoencoder_loss(network(batch), batch).backward()
            optimizer.step()
    network.eval()
    held, noise = images(64, 1), torch.rand(64, 3, 32, 32)
    with torch.no_grad():
        usual, odd = (reconstruction_errors(network(b), b) for b in (held, noise))
        line = network.interpolate(held[0], held[1], 5)
        ends = network(held[:2]).image
    assert usual.mean() < held.var(dim=0).mean()  # better than the mean image
    assert usual.max() < odd.min()
    assert line.shape == (5, 3, 32, 32)
    torch.testing.assert_close(line[[0, -1]], ends)


def test_every_layer_of_the_discriminator_has_norm_one() -> None:
    """After enough steps of the power iteration, the largest singular value of each weight is 1."""
    torch.manual_seed(0)
    network = Discriminator(width=8).train()
    with torch.no_grad():
        for _ in range(100):
            network(torch.rand(1, 3, 32, 32))
        for layer in [*network.layers, network.score]:
            if hasattr(layer, "weight"):
                norm = torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2)
                assert float(norm) == pytest.approx(1, abs=0.02)


def test_a_generator_moves_towards_its_images() -> None:
    """Grey images of one brightness: after some steps the generator's mean is near theirs."""
    torch.manual_seed(0)
    generator, discriminator = Generator(8, width=8), Discriminator(width=8)
    adams = [torch.optim.Adam(n.parameters(), lr=1e-3, betas=(0.0, 0.9)) for n in (generator, discriminator)]
    real = torch.full((16, 3, 32, 32), 0.8) + 0.05 * torch.randn(16, 3, 32, 32)
    before = float(generator(torch.randn(32, 8)).detach().mean())
    for _ in range(60):
        adams[1].zero_grad()
        made = generator(torch.randn(16, 8))
        discriminator_loss(discriminator(real), discriminator(made.detach())).backward()
        adams[1].step()
        adams[0].zero_grad()
        generator_loss(discriminator(made)).backward()
        adams[0].step()
    after = float(generator(torch.randn(32, 8)).detach().mean())
    assert abs(after - 0.8) < 0.5 * abs(before - 0.8)
