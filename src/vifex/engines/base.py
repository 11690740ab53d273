"""The interface of engines: list layers, compile a network for some of them, and run it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from vifex.values import Layer, Model

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Engine", "Network"]


class Network(Protocol):
    """A compiled network: it takes batches of ready pixels and returns an array per layer."""

    batch: int
    """Inputs per batch. It is fixed, so the caller pads the last batch."""
    requests: int
    """How many batches run at once."""
    runs_on: str
    """The device in torch's notation (`cpu`, `cuda:0`); networks on the same device share it."""
    input_shape: tuple[int, ...]
    """Shape of one batch: uint8 `(B, H, W, 3)`, for clips `(B, T, H, W, 3)`; for sound float32 `(B, S)`."""
    layers: tuple[Layer, ...]

    def submit(self, pixels: npt.NDArray[Any]) -> Future[dict[str, npt.NDArray[Any]]]:
        """Start one batch; blocks while all requests are busy.

        Args:
            pixels: uint8 (float32 for sound) of `input_shape`, C-contiguous. It is read without a copy,
                so it must stay as it is until the future is done.

        Returns:
            A future of layer name -> float32 `[B, *layer.shape]` in its own memory. It resolves in a thread
            of the engine, so a callback must be quick and must not submit or close.

        Raises:
            ValueError: If the pixels have another shape, dtype or order.
            EngineError: If the network is closed.
        """

    def close(self) -> None:
        """Wait for what is running and free the network; may be called twice."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class Engine(Protocol):
    """Runs networks."""

    name: str

    def layers(self, model: Model) -> list[Layer]:
        """List every node worth reading, in graph order, with its shape for one input.

        Raises:
            ModelError: If the graph cannot be read or does not fit its card.
        """

    def resolve_layers(self, model: Model, wanted: Sequence[str]) -> list[Layer]:
        """Find layers by name or alias, in the given order, each once.

        Args:
            model: The network.
            wanted: Names or aliases; without any, the card's default layers or the last vector.

        Raises:
            ModelError: If there is no such layer; the message offers similar names.
        """

    def resolve_precision(self, wanted: str) -> str:
        """Turn `auto`, `fp32`, `bf16` or `int8` into what this machine will run.

        `auto` becomes `fp32` or `bf16`. `int8` gets the precision of all that is not quantised: `int8+bf16`.

        Raises:
            EngineError: If it is unknown, or the hardware or the engine does not have it.
        """

    def compile(
        self,
        model: Model,
        layers: Sequence[Layer],
        *,
        precision: str,
        batch: int | None = None,
        cores: int | None = None,
    ) -> Network:
        """Make a network ready to run.

        Args:
            model: The network.
            layers: What to read, from `resolve_layers`.
            precision: A result of `resolve_precision`.
            batch: Inputs per batch; `None` chooses by the size of the network.
            cores: CPU cores to use; `None` uses all that this process may use.

        Raises:
            ModelError: If a layer is not one of the model's.
            EngineError: If the engine cannot compile it.
        """
