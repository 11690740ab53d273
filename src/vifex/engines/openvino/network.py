"""Running a compiled network: several requests in flight, results as futures."""

from __future__ import annotations

import contextlib
import ctypes
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from vifex.values import EngineError, Layer
from vifex.values.openvino import import_openvino

__all__ = ["OpenVinoNetwork"]

Arrays = dict[str, npt.NDArray[Any]]


class _Job:
    """One submitted batch: its results so far, and the number of requests still running for it."""

    def __init__(self, pixels: npt.NDArray[Any], parts: int) -> None:
        self.pixels = pixels  # kept alive, because the requests read it in place
        self.future: Future[Arrays] = Future()
        # From here on it cannot be cancelled, because the engine reads the pixels.
        self.future.set_running_or_notify_cancel()
        self.parts_left = parts
        self.arrays: Arrays = {}
        self.error: Exception | None = None

    def finish_part(self) -> None:
        self.parts_left -= 1
        if self.parts_left:
            return
        if self.error is None:
            self.future.set_result(self.arrays)
        else:
            self.future.set_exception(self.error)


class OpenVinoNetwork:
    """Runs batches on a compiled OpenVINO model (see `base.Network`).

    A thread waits for the requests in the order in which they were started, copies their results and resolves
    the futures. If the graph takes only one input, each input of a batch is a request.
    """

    def __init__(
        self,
        compiled: Any,
        layers: Sequence[Layer],
        *,
        input_shape: tuple[int, ...],
        requests: int,
        graph_batch: int,
        dtype: npt.DTypeLike = np.uint8,
    ) -> None:
        self.layers = tuple(layers)
        self.input_shape = input_shape
        self.batch = input_shape[0]
        self.requests = requests
        self.runs_on = "cpu"
        self._dtype = np.dtype(dtype)
        self._ov = import_openvino()
        self._compiled = compiled
        self._step = graph_batch
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._running: queue.SimpleQueue[tuple[Any, _Job, int] | None] = queue.SimpleQueue()
        for _ in range(requests):
            self._free.put(compiled.create_infer_request())
        self._lock = threading.Lock()
        self._closed = False
        # A daemon, so that a program that forgets to close can still end.
        self._waiter = threading.Thread(target=self._wait, name="vifex-engine", daemon=True)
        self._waiter.start()

    def submit(self, pixels: npt.NDArray[Any]) -> Future[Arrays]:
        """Start one batch; see `base.Network.submit`."""
        if pixels.dtype != self._dtype or pixels.shape != self.input_shape or not pixels.flags.c_contiguous:
            raise ValueError(
                f"pixels must be C-contiguous {self._dtype} {self.input_shape}, "
                f"got {pixels.dtype} {pixels.shape}{'' if pixels.flags.c_contiguous else ', not contiguous'}"
            )
        with self._lock:
            if self._closed:
                raise EngineError("the network is closed.", todo="Compile it again.")
            job = _Job(pixels, self.batch // self._step)
            view = pixels if pixels.flags.writeable else _writeable(pixels)
            for start in range(0, self.batch, self._step):
                request = self._free.get()
                try:
                    part = self._ov.Tensor(view[start : start + self._step], shared_memory=True)
                    request.set_input_tensor(part)
                    request.start_async()
                except Exception:
                    self._free.put(request)
                    raise
                self._running.put((request, job, start))
        return job.future

    def _wait(self) -> None:
        while (running := self._running.get()) is not None:
            request, job, start = running
            try:
                request.wait()
                self._take(request, job, start)
            except Exception as exc:  # any error belongs to the batch, not to this thread
                failure = EngineError(f"the network could not be run: {exc}.")
                failure.__cause__ = exc
                job.error = job.error or failure
            self._free.put(request)
            job.finish_part()

    def _take(self, request: Any, job: _Job, start: int) -> None:
        """Copy the results of a request, whose memory the next batch reuses."""
        for i, layer in enumerate(self.layers):
            data = request.get_output_tensor(i).data
            if self._step == self.batch:
                job.arrays[layer.name] = np.array(data, dtype=np.float32)
            else:
                out = job.arrays.setdefault(layer.name, np.empty((self.batch, *layer.shape), np.float32))
                out[start : start + self._step] = data

    def close(self) -> None:
        """Wait for what is running and free the network; may be called twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._running.put(None)
        self._waiter.join()
        with contextlib.suppress(queue.Empty):
            while True:
                self._free.get_nowait()
        self._compiled = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _writeable(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a view of read-only memory that is marked writeable; nothing writes to it.

    OpenVINO only reads its input, but copies an array that is marked read-only.
    """
    raw = (ctypes.c_uint8 * pixels.nbytes).from_address(pixels.ctypes.data)
    alias: npt.NDArray[Any] = np.ctypeslib.as_array(raw).view(pixels.dtype).reshape(pixels.shape)
    return alias
