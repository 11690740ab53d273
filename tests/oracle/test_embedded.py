"""The embedded model against what its maker measured, and against the network written out in numpy.

`data/embedded_check.npz` is a copy of `../shared/embedded/check.npz`: eight images and what the network
gave for them in float32 where it was trained.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vifex.engines import load_engine
from vifex.models import load_model

ROOT = Path(__file__).resolve().parents[2]
CHECK = Path(__file__).parent / "data" / "embedded_check.npz"
SHARED = ROOT.parent / "shared" / "embedded"


@pytest.fixture(scope="module")
def check() -> dict[str, np.ndarray]:
    with np.load(CHECK) as arrays:
        return dict(arrays)


def run(names: list[str], pixels: np.ndarray, precision: str = "fp32") -> dict[str, np.ndarray]:
    engine, model = load_engine(), load_model()
    with engine.compile(
        model, engine.resolve_layers(model, names), precision=precision, batch=len(pixels), cores=2
    ) as network:
        return network.submit(pixels).result()


def test_fp32_meets_the_maker_s_values(check: dict[str, np.ndarray]) -> None:
    got = run(["embedding", "pooled", "stages.0", "stages.2"], check["pixels"])
    np.testing.assert_allclose(got["embedding"], check["embedding"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(got["pooled"], check["pooled"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(got["stages.0"].mean(axis=(2, 3)), check["stage0_mean"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(got["stages.2"].mean(axis=(2, 3)), check["stage2_mean"], rtol=0, atol=1e-5)


def test_the_default_precision_points_the_same_way(check: dict[str, np.ndarray]) -> None:
    """The maker saw a cosine of at least 0.9999 in bf16 on these images."""
    got = run(["embedding"], check["pixels"], load_engine().resolve_precision("auto"))["embedding"]
    expected = check["embedding"]
    cosine = (got * expected).sum(1) / np.linalg.norm(got, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosine.min() > 0.9998


def _maker() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "make_embedded.py"))


@pytest.fixture
def weights(shared_models: Path) -> dict[str, np.ndarray]:
    """The published weights; they lie beside the models."""
    arrays: dict[str, np.ndarray] = _maker()["read_safetensors"](SHARED / "weights.safetensors")
    return arrays


def _conv(x: np.ndarray, w: np.ndarray, b: np.ndarray, *, stride: int = 1, pad: int = 1) -> np.ndarray:
    """Convolve `[C, H, W]`: one matrix product over all windows."""
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(1, 2))[
        :, ::stride, ::stride
    ]
    return np.einsum("cyxij,ocij->oyx", windows, w, optimize=True) + b[:, None, None]


def _reference(weights: dict[str, np.ndarray], pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Run the network as the README beside the weights describes it, in float64."""
    mean, std = np.array([123.675, 116.28, 103.53]), np.array([58.395, 57.12, 57.375])

    def conv(x: np.ndarray, key: str, **options: int) -> np.ndarray:
        return _conv(
            x, weights[f"{key}.weight"].astype(float), weights[f"{key}.bias"].astype(float), **options
        )

    got: dict[str, np.ndarray] = {}
    x = ((pixels - mean) / std).transpose(2, 0, 1)
    x = got["stem.0"] = np.maximum(conv(x, "stem.0", stride=2), 0)
    x = got["stem"] = np.maximum(conv(x, "stem.1", stride=2), 0)
    for i in range(4):
        for j in range(2):
            key, stride = f"stages.{i}.{j}", 2 if i > 0 and j == 0 else 1
            y = got[f"{key}.relu1"] = np.maximum(conv(x, f"{key}.conv1", stride=stride), 0)
            y = got[f"{key}.conv2"] = conv(y, f"{key}.conv2")
            if stride == 2:
                c, h, w = x.shape
                x = x.reshape(c, h // 2, 2, w // 2, 2).mean(axis=(2, 4))
            if f"{key}.down.weight" in weights:
                x = got[f"{key}.down"] = conv(x, f"{key}.down", pad=0)
            x = got[key if j == 0 else f"stages.{i}"] = np.maximum(x + y, 0)
    got["pooled"] = x.mean(axis=(1, 2))
    got["embedding"] = weights["head.weight"].astype(float) @ got["pooled"] + weights["head.bias"]
    return got


@pytest.mark.shared
def test_every_inner_layer_meets_the_network_written_out(
    weights: dict[str, np.ndarray], check: dict[str, np.ndarray]
) -> None:
    pixels = check["pixels"][3:4]
    expected = _reference(weights, pixels[0])
    got = run(list(expected), pixels)
    for name, value in expected.items():
        np.testing.assert_allclose(got[name][0], value, rtol=1e-4, atol=2e-5, err_msg=name)


@pytest.mark.shared
def test_making_it_again_gives_the_same_bytes(weights: Any, tmp_path: Path) -> None:
    main = _maker()["main"]
    for folder in ("once", "twice"):
        (tmp_path / folder).mkdir()
        main(SHARED / "weights.safetensors", tmp_path / folder)
    packaged = load_model().graph.parent
    names = sorted(p.name for p in (tmp_path / "once").iterdir())
    assert names == [f"vifex-interim-1{s}" for s in (".bin", ".vifex.toml", ".xml")]
    for name in names:
        made = (tmp_path / "once" / name).read_bytes()
        assert made == (tmp_path / "twice" / name).read_bytes()
        assert made == (packaged / name).read_bytes(), f"{name}: run scripts/make_embedded.py"
