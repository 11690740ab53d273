"""int8 on real weights and labelled images: what their publisher measured is what comes out, nearly."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

pytest.importorskip("nncf", reason="the extra int8 is not installed")


def test_a_cifar_resnet_keeps_its_accuracy(
    shared_models: Path, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ResNet-20 is right on 81.03 % of all 10,000 images (its README); these are a part of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's remarks on its own age
        import int8 as benchmark

        found = benchmark.accuracy("resnet20", tmp_path, count=2300)
    top1 = found["top1"]
    assert found["images"] == 2000
    assert abs(top1["fp32"] - 0.81) < 0.02
    (int8,) = (value for name, value in top1.items() if name.startswith("int8"))
    assert int8 > top1["fp32"] - 0.01
