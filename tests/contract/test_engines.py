"""What every engine keeps, with every registered model."""

from __future__ import annotations

import numpy as np
import pytest

from vifex.engines import Engine, load_engine
from vifex.engines.registry import ENGINES
from vifex.models import load_model
from vifex.models.registry import MODELS
from vifex.values import EngineError, MissingExtraError, ModelError

PAIRS = [(e, m) for e in sorted(ENGINES) for m in sorted(MODELS) if load_model(m).engine == e]


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    try:
        return load_engine(request.param)
    except MissingExtraError as exc:
        pytest.skip(str(exc))


def test_an_engine_knows_its_name_and_is_loaded_once(engine: Engine) -> None:
    assert engine is load_engine(engine.name)
    assert engine.name in ENGINES


def test_precision_is_never_left_open(engine: Engine) -> None:
    resolved = engine.resolve_precision("auto")
    assert resolved in ("fp32", "bf16")
    assert engine.resolve_precision(resolved) == resolved
    assert engine.resolve_precision("fp32") == "fp32"
    with pytest.raises(EngineError, match="Known: auto, fp32, bf16"):
        engine.resolve_precision("fp8")


@pytest.mark.parametrize(("engine_name", "model_name"), PAIRS)
def test_layers_are_named_once_and_found_again(engine_name: str, model_name: str) -> None:
    engine, model = load_engine(engine_name), load_model(model_name)
    layers = engine.layers(model)
    names = [t.name for t in layers]
    assert len(set(names)) == len(names) > 0
    assert engine.resolve_layers(model, names) == layers
    assert engine.resolve_layers(model, [names[0], names[0]]) == layers[:1]
    assert [t.name for t in engine.resolve_layers(model, [])] == list(model.card.default_layers)
    with pytest.raises(ModelError, match=f"vifex layers {model.card.name}"):
        engine.resolve_layers(model, ["no such layer"])


@pytest.mark.parametrize(("engine_name", "model_name"), PAIRS)
def test_every_layer_gives_what_it_promises(engine_name: str, model_name: str) -> None:
    engine, model = load_engine(engine_name), load_model(model_name)
    layers = engine.layers(model)
    with engine.compile(model, layers, precision="fp32", batch=2, cores=1) as network:
        assert network.input_shape == (2, model.card.height_px, model.card.width_px, 3)
        assert (network.batch, network.layers) == (2, tuple(layers))
        assert network.requests >= 1
        pixels = np.random.default_rng(0).integers(0, 256, network.input_shape, dtype=np.uint8)
        given = network.submit(pixels).result()
    assert list(given) == [t.name for t in layers]
    for layer in layers:
        assert given[layer.name].shape == (2, *layer.shape)
        assert given[layer.name].dtype == np.float32
        assert np.isfinite(given[layer.name]).all()


@pytest.mark.parametrize(("engine_name", "model_name"), PAIRS)
def test_a_layer_is_the_same_alone_and_among_others(engine_name: str, model_name: str) -> None:
    """In float32 to rounding: what is read besides may change how operations are joined."""
    engine, model = load_engine(engine_name), load_model(model_name)
    layers = engine.layers(model)
    wanted = engine.resolve_layers(model, [])
    pixels = np.random.default_rng(1).integers(
        0, 256, (2, model.card.height_px, model.card.width_px, 3), dtype=np.uint8
    )
    results = []
    for chosen in (wanted, layers):
        with engine.compile(model, chosen, precision="fp32", batch=2, cores=1) as network:
            results.append(network.submit(pixels).result()[wanted[0].name])
    np.testing.assert_allclose(results[0], results[1], rtol=0, atol=1e-5 * np.abs(results[0]).max())


def test_a_closed_network_says_so(engine: Engine) -> None:
    model = load_model()
    if model.engine != engine.name:
        pytest.skip(f"the default model is one for {model.engine}")
    network = engine.compile(model, engine.resolve_layers(model, []), precision="fp32", batch=1)
    network.close()
    with pytest.raises(EngineError, match="closed"):
        network.submit(np.zeros(network.input_shape, np.uint8))
