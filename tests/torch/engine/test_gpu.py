"""The torch engine on a GPU; skipped where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")


@pytest.mark.parametrize("name", ["Cnn", "Clip3d", "Recurrent", "Transformer", "Mixing", "OneByOne"])
def test_a_gpu_gives_what_the_cpu_gives(tiny: Any, pixels: Any, name: str) -> None:
    """In fp32 without TensorFloat-32, with more batches than lanes of pinned memory."""
    from vifex.engines.torch.engine import TorchEngine

    model = tiny(name)
    frames = pixels(model, 20)
    results = []
    for device in ("cpu", "cuda"):
        engine = TorchEngine(device)
        layers = engine.layers(model)
        with engine.compile(model, layers, precision="fp32", batch=2) as network:
            futures = [network.submit(frames[i : i + 2]) for i in range(0, 20, 2)]
            results.append({t.name: np.concatenate([f.result()[t.name] for f in futures]) for t in layers})
    for layer, expected in results[0].items():
        scale = max(float(np.abs(expected).max()), 1e-6)
        np.testing.assert_allclose(results[1][layer], expected, rtol=0, atol=1e-4 * scale, err_msg=layer)


def test_bf16_on_a_gpu_is_near(tiny: Any, pixels: Any) -> None:
    from vifex.engines.torch.devices import has_bf16
    from vifex.engines.torch.engine import TorchEngine

    engine = TorchEngine("cuda")
    if not has_bf16(engine.device):
        pytest.skip("this GPU does not compute in bf16")
    model = tiny("Clip3d")
    layers = engine.layers(model)
    given = {}
    for precision in ("fp32", "bf16"):
        with engine.compile(model, layers, precision=precision, batch=4) as network:
            given[precision] = network.submit(pixels(model, 4)).result()
    for layer in layers:
        exact = given["fp32"][layer.name]
        difference = np.abs(given["bf16"][layer.name] - exact).max() / np.abs(exact).max()
        assert 0 < difference < 0.05
