"""Compiled graphs on disk: a gain where it works, nothing lost where it does not."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from vifex.engines.openvino.engine import OpenVinoEngine
from vifex.values import user_cache


def features(model: Any, x: np.ndarray, **options: Any) -> np.ndarray:
    engine = OpenVinoEngine()
    layers = engine.resolve_layers(model, ["y"])
    with engine.compile(model, layers, precision="fp32", batch=len(x), **options) as network:
        result: np.ndarray = network.submit(x).result()["y"]
    return result


@pytest.fixture
def folder(engine: Any, tmp_path: Path) -> Path:
    return tmp_path / "cache" / "graphs"


def test_a_second_start_uses_what_the_first_compiled(
    folder: Path, convnet: Any, pixels: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = pixels(2, 8, 8, 3)
    first = features(convnet, x)
    assert len(list(folder.iterdir())) == 1
    # Nothing is built when the cache is hit: a builder that fails is not called.
    monkeypatch.setattr("vifex.engines.openvino.engine.with_pixels", None)
    np.testing.assert_array_equal(features(convnet, x), first)


def test_all_that_decides_a_graph_is_in_its_key(folder: Path, convnet: Any, save: Any, pixels: Any) -> None:
    from dataclasses import replace

    x = pixels(2, 8, 8, 3)
    features(convnet, x)
    features(convnet, pixels(3, 8, 8, 3))
    features(convnet, x, cores=1)
    features(replace(convnet, card=replace(convnet.card, channel_order="BGR")), x)
    features(replace(convnet, weights_sha256="0" * 64), x)
    assert len(list(folder.iterdir())) == 5


@pytest.mark.parametrize("damage", ["half", "empty", "zeros", "flipped"])
def test_a_damaged_entry_is_made_anew(folder: Path, convnet: Any, pixels: Any, damage: str) -> None:
    x = pixels(2, 8, 8, 3)
    first = features(convnet, x)
    (entry,) = folder.iterdir()
    raw = entry.read_bytes()
    # The bytes of a weight as they lie in the file; the last of four holds its sign.
    bias = onnx.numpy_helper.to_array(
        next(w for w in onnx.load(convnet.graph).graph.initializer if w.name == "b3")
    )
    middle = raw.index(bias.tobytes()) + 3
    entry.write_bytes(
        {
            "half": raw[:middle],
            "empty": b"",
            "zeros": bytes(len(raw)),
            "flipped": raw[:middle] + bytes([raw[middle] ^ 0x80]) + raw[middle + 1 :],
        }[damage]
    )
    np.testing.assert_array_equal(features(convnet, x), first)
    again = entry.read_bytes()
    assert hashlib.sha256(again[32:]).digest() == again[:32], "the damaged entry was replaced"


def test_a_folder_that_cannot_be_made_costs_nothing(
    folder: Path, tmp_path: Path, convnet: Any, pixels: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = pixels(2, 8, 8, 3)
    first = features(convnet, x)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("VIFEX_CACHE", str(tmp_path / "file"))
    np.testing.assert_array_equal(features(convnet, x), first)


def test_the_folder_follows_the_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIFEX_CACHE", str(tmp_path / "mine"))
    assert user_cache.cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("VIFEX_CACHE")
    monkeypatch.setattr(user_cache.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert user_cache.cache_folder() == tmp_path / "xdg" / "vifex"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert user_cache.cache_folder() == tmp_path / ".cache" / "vifex"


def test_the_oldest_are_removed_first(
    folder: Path, convnet: Any, pixels: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    features(convnet, pixels(2, 8, 8, 3))
    (old,) = folder.iterdir()
    os.utime(old, (1, 1))
    monkeypatch.setenv("VIFEX_CACHE_LIMIT", str(old.stat().st_size * 1.5 / (1 << 30)))
    features(convnet, pixels(3, 8, 8, 3))
    assert not old.exists()
    assert len(list(folder.iterdir())) == 1
