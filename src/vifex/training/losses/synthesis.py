"""Losses of networks that make images: the bound of a variational autoencoder, the hinge of a GAN."""

from __future__ import annotations

import torch
from torch import Tensor

from vifex.models.trainable.synthesis.autoencoders import Coded

__all__ = ["autoencoder_loss", "discriminator_loss", "divergence", "generator_loss", "reconstruction_errors"]


def reconstruction_errors(coded: Coded, images: Tensor) -> Tensor:
    """Return each image's mean squared error `[B]`: the anomaly score."""
    return (coded.image - images).square().flatten(1).mean(dim=1)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return how far each code's distribution is from the standard normal: Kullback-Leibler, in nats.

    Args:
        mean: `[B, code]`.
        log_variance: `[B, code]`.

    Returns:
        `[B]`.

    Source: Kingma and Welling, ICLR 2014, arXiv:1312.6114, appendix B.
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)


def autoencoder_loss(coded: Coded, images: Tensor, *, beta: float = 1.0) -> Tensor:
    """Return the loss of an autoencoder, one number in nats per value of an image.

    Pixels are normal around the decoded image with one deviation, which takes its best value, the root of the
    batch's mean squared error. So error and divergence need no weights that depend on the data.

    Args:
        coded: What the network gives for the images.
        images: `[B, 3, S, S]`, 0 to 1.
        beta: Weight of the divergence; 1 is the evidence bound.

    Source: Rybkin, Daniilidis and Levine, Simple and Effective VAE Training with Calibrated Decoders, ICML
    2021, arXiv:2006.13202, section 3.2.
    """
    error = reconstruction_errors(coded, images).mean()
    if coded.log_variance is None:
        return error
    values = images[0].numel()
    likelihood = 0.5 * torch.log(error.clamp_min(1e-6))
    return likelihood + beta * divergence(coded.mean, coded.log_variance).mean() / values


def discriminator_loss(real: Tensor, made: Tensor) -> Tensor:
    """Return the hinge loss of the discriminator's scores `[B]` for real and made images.

    Source: Lim and Ye, Geometric GAN, 2017, arXiv:1705.02894; Miyato et al., ICLR 2018, arXiv:1802.05957,
    equation 16.
    """
    return torch.relu(1 - real).mean() + torch.relu(1 + made).mean()


def generator_loss(made: Tensor) -> Tensor:
    """Return the generator's loss for the discriminator's scores `[B]` of its images (equation 17 there)."""
    return -made.mean()
