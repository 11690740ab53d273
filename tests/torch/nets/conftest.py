"""Checkpoints on disk, each made once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

import published


@pytest.fixture(scope="session")
def c3d_state() -> dict[str, torch.Tensor]:
    return published.c3d_sports1m()


@pytest.fixture(scope="session")
def i3d_state() -> dict[str, torch.Tensor]:
    return published.i3d_piergiaj()


@pytest.fixture(scope="session")
def i3d_file(i3d_state: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("i3d") / "rgb_imagenet.pt"
    torch.save(i3d_state, path)
    return path
