"""Networks that take samples of sound."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vifex.engines.openvino.engine import OpenVinoEngine
from vifex.models import load_model

network: Any = SimpleNamespace(
    **runpy.run_path(str(Path(__file__).parents[2] / "support" / "sound_network.py"))
)


def test_a_graph_takes_float32_samples_as_they_are(engine: OpenVinoEngine, tmp_path: Path) -> None:
    model = load_model(network.write_network(tmp_path, window_s=0.5))
    (layer,) = engine.resolve_layers(model, [])
    assert (layer.name, layer.kind, layer.shape) == ("levels", "vector", (4,))
    rng = np.random.default_rng(0)
    t = np.arange(8000) / 16_000
    levels = rng.uniform(0.1, 1, (3, 4))
    sound = np.stack(
        [(row[:, None] * np.sin(2 * np.pi * np.outer(network.HERTZ, t))).sum(0) for row in levels]
    )
    with engine.compile(model, [layer], precision="fp32", batch=3) as compiled:
        assert compiled.input_shape == (3, 8000)
        given = compiled.submit(np.ascontiguousarray(sound, dtype=np.float32)).result()["levels"]
        with pytest.raises(ValueError, match=r"must be C-contiguous float32 \(3, 8000\)"):
            compiled.submit(sound)
    np.testing.assert_allclose(given, levels**2, rtol=1e-4)
