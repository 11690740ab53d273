"""The torch engine on a GPU; skipped where there is none."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
import pytest
import torch

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")


@pytest.mark.parametrize("batch", [2, None])
@pytest.mark.parametrize(
    "name", ["Cnn", "Clip3d", "Recurrent", "Transformer", "Mixing", "OneByOne", "Deciding", "ChannelsLast"]
)
def test_a_gpu_gives_what_the_cpu_gives(tiny: Any, pixels: Any, name: str, batch: int | None) -> None:
    """In fp32 without TensorFloat-32, with more batches than are in flight at once."""
    from vifex.engines.torch.engine import TorchEngine

    model = tiny(name)
    results = []
    for device in ("cuda", "cpu"):
        engine = TorchEngine(device)
        layers = engine.layers(model)
        with engine.compile(model, layers, precision="fp32", batch=batch) as network:
            batch = network.batch
            frames = pixels(model, batch * (8 if batch < 8 else 2))
            futures = [network.submit(frames[i : i + batch]) for i in range(0, len(frames), batch)]
            results.append({t.name: np.concatenate([f.result()[t.name] for f in futures]) for t in layers})
    for layer, expected in results[1].items():
        scale = max(float(np.abs(expected).max()), 1e-6)
        np.testing.assert_allclose(results[0][layer], expected, rtol=0, atol=1e-4 * scale, err_msg=layer)


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


def test_a_network_without_decisions_is_captured(tiny: Any) -> None:
    """One that decides by its pixels is not, and goes on without a graph."""
    from vifex.engines.torch.engine import TorchEngine
    from vifex.engines.torch.running.capture import _Captured

    engine = TorchEngine("cuda")
    for name, is_captured in (("Cnn", True), ("Transformer", True), ("Deciding", False), ("Cnn", True)):
        model = tiny(name)
        layers = engine.resolve_layers(model, [])[:1]
        with engine.compile(model, layers, precision="fp32", batch=4) as network:
            assert isinstance(network._runner._steps._network, _Captured) is is_captured, name


def test_pixels_in_shared_memory_are_copied_from_there(tiny: Any, pixels: Any) -> None:
    """Two networks read from the same block, and a block that CUDA refuses to pin is copied all the same."""
    from vifex.engines.torch.engine import TorchEngine
    from vifex.engines.torch.running import pinning

    engine, model = TorchEngine("cuda"), tiny("Cnn")
    layers = engine.resolve_layers(model, [])
    frames = pixels(model, 4)
    page = -(-frames.nbytes // 4096) * 4096
    blocks = [mmap.mmap(-1, 2 * page) for _ in range(2)]
    taken = np.frombuffer(blocks[1], np.uint8).ctypes.data
    assert int(torch.cuda.cudart().cudaHostRegister(taken, page, 0)) == 0
    arrays = [
        np.frombuffer(block, np.uint8, count=frames.nbytes, offset=page).reshape(frames.shape)
        for block in blocks
    ]
    with (
        engine.compile(model, layers, precision="fp32", batch=4) as one,
        engine.compile(model, layers, precision="fp32", batch=4) as two,
    ):
        expected = one.submit(frames).result()
        for network in (one, two, one):
            for array in arrays:
                array[...] = frames
                given = network.submit(array).result()
                assert all(np.array_equal(given[name], expected[name]) for name in expected)
        users = {id(b.memory): (b.address != 0, b.users) for b in pinning._BLOCKS.values()}
        assert users == {id(blocks[0]): (True, 2), id(blocks[1]): (False, 2)}
    assert not pinning._BLOCKS
    torch.cuda.cudart().cudaHostUnregister(taken)


def test_a_gpu_without_memory_computes_smaller_steps(
    tiny: Any, pixels: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vifex.engines.torch.engine import TorchEngine
    from vifex.engines.torch.layer_outputs import Pixels

    engine, model = TorchEngine("cuda"), tiny("Cnn")
    layers = engine.resolve_layers(model, [])
    frames = pixels(model, 16)
    with engine.compile(model, layers, precision="fp32", batch=16) as network:
        expected = network.submit(frames).result()
    whole = Pixels.forward

    def short(self: Any, given: Any) -> Any:
        if len(given) > 5:
            torch.empty(1 << 50, dtype=torch.uint8, device="cuda")  # more than any GPU has
        return whole(self, given)

    monkeypatch.setattr(Pixels, "forward", short)
    with engine.compile(model, layers, precision="fp32", batch=16) as network:
        given = [network.submit(frames) for _ in range(3)]
        for future in given:
            for name, values in future.result().items():
                scale = float(np.abs(expected[name]).max())
                np.testing.assert_allclose(values, expected[name], rtol=0, atol=1e-4 * scale)
    with engine.compile(model, layers, precision="fp32") as network:
        assert network.batch == 4
