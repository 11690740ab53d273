"""Without torch, training is one sentence that says what to install."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import vifex


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed")
def test_training_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(vifex.MissingExtraError, match=r"training needs torch.*\.\[train\]"):
        vifex.train({"data": {"train": ["photos/"]}}, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_wrong_configuration_is_told_first(tmp_path: Path) -> None:
    with pytest.raises(vifex.InputError, match="no key 'epohs'"):
        vifex.train({"run": {"epohs": 3}}, tmp_path / "run")
