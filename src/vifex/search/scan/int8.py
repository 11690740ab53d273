"""Products of rows with many queries in int8, by OpenVINO, with a bound on their error.

Processors with VNNI or AMX instructions multiply int8 numbers at least four times as fast as float32. Rows
and queries of length 1 are rounded to 254 steps. The sums are int32 and exact, so the error is that of
rounding the numbers, which is bounded.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vifex.values.openvino import import_openvino

if TYPE_CHECKING:
    from vifex.search.scan.products import Float32Array, Queries

__all__ = ["DTYPES", "LARGEST", "Int8Products", "Int8Request", "is_imported"]

LARGEST: Final = 127
"""The largest code."""
_ROUNDING: Final = 0.5 + 2.0**-10
"""Largest error of a rounded number in steps: half a step, and the roundings of float32 before it."""
_NUMBERS: Final = 1 << 20
"""In the rows of one product: they fit into a cache, and a call is a small part of the time."""
_LARGEST_SIZE: Final = 1 << 16
"""Of rows whose sums of products int32 holds for certain."""
DTYPES: Final = {np.dtype(np.float16): "f16", np.dtype(np.float32): "f32"}
"""Of rows, and their names in OpenVINO."""


def is_imported() -> bool:
    """Return whether OpenVINO is imported already, which takes about 0.3 s."""
    return "openvino" in sys.modules


class Int8Products:
    """Products with some queries, compiled for a number of threads that run at the same time.

    Args:
        queries: Their unit vectors are rounded to int8.
        dtype: Of the rows, float16 or float32.
        threads: Number of threads.
    """

    def __init__(self, queries: Queries, dtype: np.dtype[Any], threads: int) -> None:
        units = queries.units
        self._size = units.shape[1]
        steps = np.abs(units).max(axis=1) / LARGEST
        steps = np.where(steps > 0, steps, 1.0)
        codes = np.rint(units / steps[:, None])
        rounded = codes * steps[:, None]
        self._apart = np.sqrt(((units - rounded) ** 2).sum(axis=1))
        self._spread = np.abs(rounded).sum(axis=1)
        self._dtype = dtype
        self.rows = max(1, _NUMBERS // self._size)
        """Largest number of rows of one product."""
        self._ov = import_openvino()
        model = _graph(self._ov, codes.astype(np.int8), steps.astype(np.float32), dtype)
        choices = {
            "NUM_STREAMS": threads,
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False,
        }
        self._compiled = self._ov.Core().compile_model(model, "CPU", choices)
        self.is_right = self._size <= _LARGEST_SIZE and self._is_exact(codes, steps)
        """Whether the sums are exact: some processors add int8 products with saturation."""

    def takes(self, rows: npt.NDArray[Any]) -> bool:
        """Return whether rows `[n, D]` have the dtype and the layout that the products were compiled for."""
        return rows.dtype == self._dtype and rows.flags.c_contiguous and rows.flags.aligned

    def errors(self, peak: float) -> Float32Array:
        """Bound the error of products `[Q]` relative to the length of a row.

        Args:
            peak: Largest number of a row relative to the length of the row, over all rows.
        """
        # row * query - row' * query' = row * (query - query') + (row - row') * query'. The first is at most
        # the length of the difference. In the second each number of the row is wrong by half a step at most.
        worst = self._apart + _ROUNDING * peak / LARGEST * self._spread
        return np.asarray(worst * (1 + 2.0**-12), dtype=np.float32)

    def request(self) -> Int8Request:
        """Return what one thread multiplies with."""
        return Int8Request(self._ov, self._compiled.create_infer_request(), self.rows, len(self._apart))

    def _is_exact(self, codes: npt.NDArray[Any], steps: npt.NDArray[Any]) -> bool:
        """Multiply the largest and the smallest codes, whose sums a saturating instruction gets wrong."""
        sign = np.where(codes[0] >= 0, 1, -1)
        signs = np.stack([np.ones_like(sign), sign, -sign, -np.ones_like(sign)])
        rows, request = (signs * LARGEST).astype(self._dtype), self.request()
        one = np.ones(1, np.float32)
        found = np.concatenate([request.multiply(rows[i : i + 1], one).copy() for i in range(len(rows))])
        wanted = (signs * LARGEST) @ (codes * steps[:, None]).T
        allowed = 1e-5 * LARGEST * self._spread
        return bool((np.abs(found - wanted) <= allowed).all())


class Int8Request:
    """Multiplies in one thread."""

    def __init__(self, ov: Any, request: Any, rows: int, queries: int) -> None:
        self._ov, self._request = ov, request
        self._out = np.empty((rows, queries), np.float32)

    def multiply(self, rows: npt.NDArray[Any], factors: Float32Array) -> Float32Array:
        """Multiply rows with the queries.

        Args:
            rows: `[n, D]`, at most `Int8Products.rows`, which `Int8Products.takes`.
            factors: `[n]`, by which the rows are multiplied before their numbers are rounded to whole ones
                between -127 and 127.

        Returns:
            float32 `[n, Q]`. The next call overwrites them.
        """
        out = self._out[: len(rows)]
        inputs = (np.asarray(_Shared(rows)), factors[:, None])
        for i, given in enumerate(inputs):
            self._request.set_input_tensor(i, self._ov.Tensor(given, shared_memory=True))
        self._request.set_output_tensor(0, self._ov.Tensor(out, shared_memory=True))
        self._request.infer()
        return out


class _Shared:
    """The memory of an array as NumPy takes it, without the mark that it is read-only.

    OpenVINO refuses a read-only array, and a mapped column is one. It only reads its inputs.
    """

    def __init__(self, rows: npt.NDArray[Any]) -> None:
        self._rows = rows  # an array made of this object holds it, and it holds the memory
        address, _ = rows.__array_interface__["data"]
        self.__array_interface__ = {**rows.__array_interface__, "data": (address, False)}


def _graph(ov: Any, codes: npt.NDArray[np.int8], steps: Float32Array, dtype: np.dtype[Any]) -> Any:
    """Build the graph `round(rows * factors) @ codes.T * steps`, which OpenVINO runs in int8."""
    from openvino import opset13 as op

    size = codes.shape[1]
    rows = op.parameter([-1, size], getattr(ov.Type, DTYPES[dtype]))
    factors = op.parameter([-1, 1], ov.Type.f32)
    scaled = op.multiply(op.convert(rows, np.float32), factors)
    low, high = op.constant(np.float32(-LARGEST - 1)), op.constant(np.float32(LARGEST))
    rounded = op.fake_quantize(scaled, low, high, low, high, 256)
    weights = op.multiply(op.convert(op.constant(codes), np.float32), op.constant(steps[:, None]))
    return ov.Model([op.matmul(rounded, weights, False, True)], [rows, factors])
