"""The numbers of a saved classifier are a file of safetensors: its library reads it, and writes the like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from vifex.analysis.probing.tensor_file import read_tensors, tensor_bytes


def test_the_library_reads_and_writes_the_same(tmp_path: Path) -> None:
    arrays = {
        "weights": np.arange(6, dtype=np.float64).reshape(2, 3),
        "rows": np.ones((3, 1), np.float32),
        "labels": np.array([1, -2, 3]),
    }
    path = tmp_path / "a.safetensors"
    path.write_bytes(tensor_bytes(arrays))
    theirs = load_file(path)
    assert all(np.array_equal(theirs[name], array) for name, array in arrays.items())
    assert len(theirs) == 3
    save_file(arrays, path, metadata={"a": "b"})
    found = read_tensors(path)
    assert all(np.array_equal(found[name], array) for name, array in arrays.items())
