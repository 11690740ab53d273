"""Precision is resolved once and set explicitly; cores are counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import vifex.engines.cores as cores_module
from vifex.engines.precision import native_bf16, resolve
from vifex.values import EngineError


@pytest.mark.parametrize(
    ("wanted", "bf16", "expected"),
    [("auto", True, "bf16"), ("auto", False, "fp32"), ("fp32", True, "fp32"), ("bf16", True, "bf16")],
)
def test_a_request_becomes_what_runs(wanted: str, bf16: bool, expected: str) -> None:
    assert resolve(wanted, bf16=bf16) == expected


def test_what_cannot_run_is_told() -> None:
    with pytest.raises(EngineError, match=r"does not compute in bf16.*Use fp32"):
        resolve("bf16", bf16=False)
    with pytest.raises(
        EngineError, match=r"no precision 'fp31'\. Did you mean fp32\? Known: auto, fp32, bf16"
    ):
        resolve("fp31", bf16=True)


def test_the_compiled_network_runs_in_the_precision_asked_for(engine: Any, convnet: Any) -> None:
    for precision in ["fp32", *(["bf16"] if native_bf16(engine._core) else [])]:
        with engine.compile(convnet, engine.layers(convnet), precision=precision, batch=1) as network:
            hint = network._compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
            assert hint == {"fp32": "f32", "bf16": "bf16"}[precision]


def test_a_container_s_quota_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quota = tmp_path / "cpu.max"
    monkeypatch.setattr(cores_module, "_CGROUPS", tmp_path)
    free = cores_module.available_cores()
    assert free >= 1
    quota.write_text("max 100000\n")
    assert cores_module.available_cores() == free
    quota.write_text("50000 100000\n")
    assert cores_module.available_cores() == 1
