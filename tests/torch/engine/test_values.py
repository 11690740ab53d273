"""What the torch engine gives: what a hook sees, whatever the batch and the neighbours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tiny_networks
from hooks import hooked, prepared

from vifex.values import EngineError, ModelError

TRACED = sorted(set(tiny_networks.ALL) - {"Deciding", "Mixing", "OneByOne"})


def run(engine: Any, model: Any, layers: Any, frames: Any, batch: int) -> dict[str, Any]:
    with engine.compile(model, layers, precision="fp32", batch=batch) as network:
        starts = range(0, len(frames), batch)
        parts = [network.submit(np.ascontiguousarray(frames[i : i + batch])) for i in starts]
        return {t.name: np.concatenate([p.result()[t.name] for p in parts]) for t in layers}


def promised(layer: Any, value: Any) -> Any:
    """A hook's value with its axes in the layer's order, found by their sizes."""
    axes = value.shape[1:]
    if axes == layer.shape:
        return value
    order = [[i for i, n in enumerate(axes) if n == size] for size in layer.shape]
    assert all(len(o) == 1 for o in order) or axes[0] == axes[1], "sizes must tell the axes apart"
    return np.moveaxis(value, -1, 1) if layer.kind in ("map", "volume") else value.swapaxes(1, 2)


@pytest.mark.parametrize("name", TRACED)
def test_layers_are_what_plain_hooks_see(engine: Any, tiny: Any, pixels: Any, name: str) -> None:
    """To 1e-5 of the largest value, a layer in place before a ReLU included."""
    from vifex.engines.torch.modules import make_module

    model = tiny(name)
    layers = [t for t in engine.layers(model) if t.kind != "attention"]
    frames = pixels(model, 4)
    given = run(engine, model, layers, frames, 2)
    seen = hooked(make_module(model), prepared(model.card, frames))
    for layer in layers:
        nth = 0 if layer.name in seen else int(layer.name.rpartition("_")[2])
        module = layer.name if layer.name in seen else layer.name.rpartition("_")[0]
        expected = promised(layer, seen[module][nth])
        assert given[layer.name].dtype == np.float32
        np.testing.assert_allclose(
            given[layer.name], expected, rtol=0, atol=1e-5 * np.abs(expected).max(), err_msg=layer.name
        )


def test_attention_is_the_softmax_of_its_scores(engine: Any, tiny: Any, pixels: Any) -> None:
    """Queries and keys are taken from the hook on `qkv`; torch's own attention gives its weights itself."""
    import torch

    from vifex.engines.torch.modules import make_module

    model = tiny("Transformer")
    frames = pixels(model, 2)
    layers = engine.resolve_layers(model, ["blocks.1.softmax", "last.softmax", "head"])
    given = run(engine, model, layers, frames, 2)
    module = make_module(model)
    x = prepared(model.card, frames)
    seen = hooked(module, x)
    qkv = torch.from_numpy(seen["blocks.1.qkv"][0]).view(2, 13, 3, 2, 8).permute(2, 0, 3, 1, 4)
    expected = torch.softmax(qkv[0] @ qkv[1].transpose(-1, -2) / 8**0.5, dim=-1)
    np.testing.assert_allclose(given["blocks.1.softmax"], expected, rtol=0, atol=1e-6)
    tokens = torch.from_numpy(seen["norm"][0])
    weights = module.last(tokens, tokens, tokens, need_weights=True, average_attn_weights=False)[1]
    np.testing.assert_allclose(given["last.softmax"], weights.detach(), rtol=0, atol=1e-6)
    np.testing.assert_allclose(given["head"], seen["head"][0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", sorted(tiny_networks.ALL))
def test_batch_size_and_neighbours_change_nothing(engine: Any, tiny: Any, pixels: Any, name: str) -> None:
    """Also of networks that mix their batch or take one input alone: those run one by one."""
    model = tiny(name)
    layers = engine.layers(model)
    frames = pixels(model, 6)
    alone = run(engine, model, layers, frames, 1)
    for batch in (2, 3):
        for order in (np.arange(6), np.array([5, 3, 1, 0, 2, 4])):
            given = run(engine, model, layers, frames[order], batch)
            for layer in layers:
                np.testing.assert_allclose(
                    given[layer.name],
                    alone[layer.name][order],
                    rtol=0,
                    atol=1e-5 * max(np.abs(alone[layer.name]).max(), 1e-6),
                    err_msg=f"{layer.name} in batches of {batch}",
                )


def test_the_same_batch_gives_the_same_bits(engine: Any, tiny: Any, pixels: Any) -> None:
    model = tiny("Clip3d")
    layers = engine.layers(model)
    first, second = (run(engine, model, layers, pixels(model, 4), 2) for _ in range(2))
    for layer in layers:
        np.testing.assert_array_equal(first[layer.name], second[layer.name])


def test_channel_order_and_scale_are_the_card_s(engine: Any, tiny: Any, pixels: Any) -> None:
    model = tiny("Cnn")
    layers = engine.resolve_layers(model, ["conv1"])
    frames = pixels(model, 2)
    swapped = replace(model, card=replace(model.card, channel_order="BGR"))
    expected = run(engine, model, layers, frames[..., ::-1].copy(), 2)["conv1"]
    np.testing.assert_array_equal(run(engine, swapped, layers, frames, 2)["conv1"], expected)
    coarse = replace(model, card=replace(model.card, scale=2.0, mean=(1.0, 2.0, 3.0), std=(2.0, 4.0, 8.0)))
    given = run(engine, coarse, layers, frames, 2)["conv1"]
    from vifex.engines.torch.modules import make_module

    expected = hooked(make_module(coarse), prepared(coarse.card, frames))["conv1"][0]
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_several_batches_are_in_flight_and_read_only_pixels_are_taken(
    engine: Any, tiny: Any, pixels: Any
) -> None:
    model = tiny("Cnn")
    frames = pixels(model, 8)
    frames.setflags(write=False)
    with engine.compile(model, engine.resolve_layers(model, ["fc"]), precision="fp32", batch=1) as network:
        assert network.requests >= 2
        futures = [network.submit(frames[i : i + 1]) for i in range(8)]
        together = np.concatenate([f.result()["fc"] for f in futures])
        apart = np.concatenate([network.submit(frames[i : i + 1]).result()["fc"] for i in range(8)])
    np.testing.assert_array_equal(together, apart)


def test_two_networks_of_one_model_do_not_see_each_other(engine: Any, tiny: Any, pixels: Any) -> None:
    model = tiny("Cnn")
    frames = pixels(model, 2)
    conv, fc = (engine.resolve_layers(model, [name]) for name in ("conv1", "fc"))
    expected = [run(engine, model, layers, frames, 2) for layers in (conv, fc)]
    with (
        engine.compile(model, conv, precision="fp32", batch=2) as one,
        engine.compile(model, fc, precision="fp32", batch=2) as other,
    ):
        futures = [(one.submit(frames), other.submit(frames)) for _ in range(4)]
        for a, b in futures:
            np.testing.assert_array_equal(a.result()["conv1"], expected[0]["conv1"])
            np.testing.assert_array_equal(b.result()["fc"], expected[1]["fc"])


def test_what_cannot_be_run_is_told(engine: Any, tiny: Any, pixels: Any) -> None:
    model = tiny("Cnn")
    layers = engine.resolve_layers(model, ["fc"])
    network = engine.compile(model, layers, precision="fp32", batch=2)
    with pytest.raises(ValueError, match=r"C-contiguous uint8 \(2, 24, 32, 3\), got float32"):
        network.submit(pixels(model, 2).astype(np.float32))
    network.close()
    network.close()
    with pytest.raises(EngineError, match=r"closed\. Compile it again"):
        network.submit(pixels(model, 2))
    with pytest.raises(ModelError, match=r"no layer 'gone'.*vifex layers"):
        engine.compile(model, [replace(layers[0], name="gone")], precision="fp32")
    with pytest.raises(ValueError, match="at least one layer"):
        engine.compile(model, [], precision="fp32")


def test_a_layer_that_some_input_does_not_pass_is_told(engine: Any, tiny: Any) -> None:
    """What the discovery's own image passed, an image of the other kind does not."""
    model = tiny("Gated")
    layers = engine.resolve_layers(model, ["bright"])
    with engine.compile(model, layers, precision="fp32", batch=1) as network:
        assert network.submit(np.full(network.input_shape, 255, np.uint8)).exception() is None
        dark = network.submit(np.full(network.input_shape, 0, np.uint8))
        with pytest.raises(EngineError, match="layer 'bright' was not run for some input"):
            dark.result()
        # A batch that failed leaves the network as it was.
        assert network.submit(np.full(network.input_shape, 255, np.uint8)).exception() is None


def test_a_bf16_request_is_refused_where_there_is_none(engine: Any) -> None:
    from vifex.engines.torch.devices import has_bf16

    wanted = "bf16" if has_bf16(engine.device) else "fp32"
    assert engine.resolve_precision("auto") == wanted
    with pytest.raises(EngineError, match="int8 is for networks that OpenVINO runs"):
        engine.resolve_precision("int8")


def test_bf16_computes_in_bf16(engine: Any, tiny: Any, pixels: Any) -> None:
    from vifex.engines.torch.devices import has_bf16

    if not has_bf16(engine.device):
        pytest.skip("this processor does not compute in bf16")
    model = tiny("Cnn")
    layers = engine.resolve_layers(model, ["layer2.0", "fc"])
    frames = pixels(model, 2)
    exact = run(engine, model, layers, frames, 2)
    with engine.compile(model, layers, precision="bf16", batch=2) as network:
        coarse = network.submit(frames).result()
    for name, value in exact.items():
        difference = np.abs(coarse[name] - value).max() / np.abs(value).max()
        assert 0 < difference < 0.05


def test_a_device_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from vifex.engines.torch.devices import open_device

    monkeypatch.setenv("VIFEX_TORCH_DEVICE", "cuda:63")
    with pytest.raises(EngineError, match=r"cuda:63: torch finds no such device.*cpu"):
        open_device()
    monkeypatch.setenv("VIFEX_TORCH_DEVICE", "tpu-ish")
    with pytest.raises(EngineError, match="names no device"):
        open_device()


def test_a_network_is_made_once_for_loading_and_running(
    tiny: Any, pixels: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loading makes it for its hash, and the first engine takes it; a second engine makes its own."""
    from vifex.engines.torch.engine import TorchEngine
    from vifex.models.families import user

    made = []
    build = user.build
    monkeypatch.setattr(user, "build", lambda *words: made.append(words) or build(*words))
    model = tiny("Cnn")
    results = []
    for builds in (1, 2):
        engine = TorchEngine("cpu")
        layers = engine.resolve_layers(model, ["fc"])
        with engine.compile(model, layers, precision="fp32", batch=2) as network:
            results.append(network.submit(pixels(model, 2)).result()["fc"])
        assert len(made) == builds
    assert np.array_equal(*results)


def test_the_settings_of_a_gpu_leave_cudnn_on() -> None:
    """Convolutions without it are many times slower; and the settings end with the block."""
    import torch

    from vifex.engines.torch.devices import settings

    cudnn = torch.backends.cudnn
    before = (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32)
    assert cudnn.enabled
    with settings(torch.device("cuda")):
        assert (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32) == (
            True, False, True, False,
        )  # fmt: skip
        assert not torch.backends.cuda.matmul.allow_tf32
    assert (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32) == before
