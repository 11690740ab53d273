"""A torch network at work: several batches in flight, results through futures."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from vifex.engines.torch.running.runners import Runner
from vifex.values import EngineError, Layer, VifexError

__all__ = ["TorchNetwork", "out_of_memory"]

Arrays = dict[str, npt.NDArray[Any]]


class TorchNetwork:
    """Runs batches on a device (see `base.Network`).

    One thread launches batches in their order, another fetches what they gave: on a GPU the next batch's
    copy and arithmetic go on meanwhile.
    """

    def __init__(
        self,
        runner: Runner,
        layers: Sequence[Layer],
        *,
        input_shape: tuple[int, ...],
        requests: int,
        runs_on: str,
        on_close: Callable[[], None],
        dtype: npt.DTypeLike = np.uint8,
    ) -> None:
        self.layers = tuple(layers)
        self.input_shape = input_shape
        self.batch = input_shape[0]
        self.requests = requests
        self.runs_on = runs_on
        self._dtype = np.dtype(dtype)
        self._runner = runner
        self._on_close = on_close
        self._free = threading.Semaphore(requests)
        self._waiting: queue.SimpleQueue[tuple[npt.NDArray[Any], Future[Arrays]] | None]
        self._waiting = queue.SimpleQueue()
        self._launched: queue.SimpleQueue[tuple[Callable[[], Any], Future[Arrays]] | None]
        self._launched = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        # Daemons: a program that forgets to close may still end.
        self._threads = [
            threading.Thread(target=work, name=f"vifex-torch-{name}", daemon=True)
            for name, work in (("launch", self._launch), ("fetch", self._fetch))
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, pixels: npt.NDArray[Any]) -> Future[Arrays]:
        """Start one batch; see `base.Network.submit`."""
        if pixels.dtype != self._dtype or pixels.shape != self.input_shape or not pixels.flags.c_contiguous:
            raise ValueError(
                f"pixels must be C-contiguous {self._dtype} {self.input_shape}, "
                f"got {pixels.dtype} {pixels.shape}{'' if pixels.flags.c_contiguous else ', not contiguous'}"
            )
        if self._closed:
            raise EngineError("the network is closed.", todo="Compile it again.")
        self._free.acquire()
        future: Future[Arrays] = Future()
        # From here on nobody can cancel it: the engine will read the pixels.
        future.set_running_or_notify_cancel()
        with self._lock:
            if self._closed:
                self._free.release()
                raise EngineError("the network is closed.", todo="Compile it again.")
            self._waiting.put((pixels, future))
        return future

    def _launch(self) -> None:
        while (job := self._waiting.get()) is not None:
            pixels, future = job
            try:
                self._launched.put((self._runner.launch(pixels), future))
            except Exception as exc:  # whatever it is belongs to the batch, not to this thread
                self._fail(future, exc)
        self._launched.put(None)

    def _fetch(self) -> None:
        while (job := self._launched.get()) is not None:
            fetch, future = job
            try:
                outs = fetch()
            except Exception as exc:
                self._fail(future, exc)
                continue
            self._free.release()
            future.set_result({layer.name: out for layer, out in zip(self.layers, outs, strict=True)})

    def _fail(self, future: Future[Arrays], exc: Exception) -> None:
        self._free.release()
        if isinstance(exc, VifexError):
            future.set_exception(exc)
            return
        if isinstance(exc, torch.OutOfMemoryError):
            failure = out_of_memory(self.runs_on)
        else:
            why = (str(exc).strip().splitlines() or [type(exc).__name__])[0].rstrip(".")
            failure = EngineError(f"the network could not be run: {why}.")
        failure.__cause__ = exc
        future.set_exception(failure)

    def close(self) -> None:
        """Wait for what is running and free the network; may be called twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()
        self._runner.close()
        self._on_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def out_of_memory(device: str) -> EngineError:
    """Return the error of a device whose memory does not suffice for one input."""
    return EngineError(
        f"the memory of {device} does not suffice for one input of the network.",
        todo="End other programs that use the device, or choose another device or a smaller network.",
    )
