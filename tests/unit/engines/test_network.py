"""A network at work: futures, buffers, and how it ends."""

from __future__ import annotations

import mmap
import threading
from typing import Any

import numpy as np
import pytest

from vifex.values import EngineError


@pytest.fixture
def network(engine: Any, convnet: Any) -> Any:
    layers = engine.resolve_layers(convnet, ["relu1", "y"])
    with engine.compile(convnet, layers, precision="fp32", batch=4) as made:
        yield made


def test_results_are_float32_in_memory_of_their_own(network: Any, pixels: Any) -> None:
    first = network.submit(pixels(4, 8, 8, 3)).result()
    kept = {k: v.copy() for k, v in first.items()}
    for seed in range(1, 20):
        network.submit(pixels(4, 8, 8, 3, seed=seed)).result()
    assert {k: (v.shape, v.dtype) for k, v in first.items()} == {
        "relu1": ((4, 4, 8, 8), np.float32),
        "y": ((4, 5), np.float32),
    }
    for name, array in first.items():
        assert array.flags.owndata
        np.testing.assert_array_equal(array, kept[name])


def test_many_batches_in_flight_keep_their_own_results(network: Any, pixels: Any) -> None:
    batches = [pixels(4, 8, 8, 3, seed=s) for s in range(40)]
    futures = [network.submit(b) for b in batches]
    for batch, future in zip(batches, futures, strict=True):
        np.testing.assert_array_equal(future.result()["y"], network.submit(batch).result()["y"])


def test_futures_resolve_in_another_thread(network: Any, pixels: Any) -> None:
    seen: list[str] = []
    done = threading.Event()
    future = network.submit(pixels(4, 8, 8, 3))
    future.add_done_callback(lambda f: (seen.append(threading.current_thread().name), done.set()))
    assert done.wait(10)
    future.result()
    assert not future.cancel()


def test_shared_and_read_only_memory_is_read_in_place(network: Any, pixels: Any) -> None:
    x = pixels(4, 8, 8, 3)
    expected = network.submit(x).result()["y"]
    with mmap.mmap(-1, x.nbytes) as memory:
        slot = np.frombuffer(memory, np.uint8).reshape(x.shape)
        slot[:] = x
        np.testing.assert_array_equal(network.submit(slot).result()["y"], expected)
        read_only = slot.view()
        read_only.flags.writeable = False
        np.testing.assert_array_equal(network.submit(read_only).result()["y"], expected)
        addresses = []
        request = network._free.get()
        network._free.put(request)
        for _ in range(network.requests):
            network.submit(read_only).result()
            addresses.append(request.get_input_tensor().data.ctypes.data)
        assert slot.ctypes.data in addresses
        # Nothing may look into the mapping once it closes.
        for _ in range(network.requests):
            network.submit(x).result()
        del slot, read_only


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((3, 8, 8, 3), np.uint8),
        np.zeros((4, 8, 8, 3), np.float32),
        np.zeros((4, 3, 8, 8), np.uint8).transpose(0, 2, 3, 1),
    ],
)
def test_other_pixels_are_refused(network: Any, wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"must be C-contiguous uint8 \(4, 8, 8, 3\), got"):
        network.submit(wrong)


def test_closing_waits_and_then_refuses(engine: Any, convnet: Any, pixels: Any) -> None:
    network = engine.compile(convnet, engine.layers(convnet), precision="fp32", batch=4)
    futures = [network.submit(pixels(4, 8, 8, 3)) for _ in range(8)]
    network.close()
    network.close()
    assert all(f.done() and f.exception() is None for f in futures)
    with pytest.raises(EngineError, match="closed"):
        network.submit(pixels(4, 8, 8, 3))


def test_a_failing_request_fails_its_future_alone(network: Any, pixels: Any, monkeypatch: Any) -> None:
    take = network._take
    monkeypatch.setattr(network, "_take", lambda *a: (_ for _ in ()).throw(RuntimeError("no memory")))
    with pytest.raises(EngineError, match="could not be run: no memory"):
        network.submit(pixels(4, 8, 8, 3)).result()
    monkeypatch.setattr(network, "_take", take)
    assert network.submit(pixels(4, 8, 8, 3)).result()["y"].shape == (4, 5)
