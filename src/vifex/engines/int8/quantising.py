"""The process in which NNCF quantises a network; started as `python -P -m vifex.engines.int8.quantising`.

It is a separate process because NNCF writes to standard output, replaces the class of Python's loggers, and
sends usage data. It takes a `Task` on its standard input and ends when that closes.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from vifex.engines.openvino.build import cut
from vifex.engines.openvino.graph import read_graph
from vifex.engines.openvino.rewrites.stream import narrow_stream
from vifex.engines.openvino.rewrites.unpack import unpack
from vifex.values import Layer, Model, ModelCard, ModelError

__all__ = ["Task", "is_transformer", "main", "network_input", "quantise_graph"]

_UNSUITED: Final = frozenset({"FakeQuantize", "FakeConvert"})


@dataclass(frozen=True, slots=True)
class Task:
    """A network to quantise, and the samples for it."""

    model: Model
    layers: tuple[Layer, ...]
    samples: Path
    """A `.npy` file: uint8 `[N, H, W, 3]`, or `[N, T, H, W, 3]` for windows."""
    output: Path
    """The `.xml` to write; its `.bin` is written beside it."""


def quantise_graph(task: Task) -> None:
    """Write the quantised graph of a network, cut at the layers, for one input; in a separate process.

    The layers are outputs before anything is quantised, so NNCF knows that they are read, and no quantiser
    rounds their numbers. All ranges are symmetric (asymmetric ones were slower and no closer to fp32). A
    transformer's outliers are moved into its weights first (SmoothQuant, Xiao et al., arXiv:2211.10438), and
    its residual stream is bf16, where OpenVINO would keep it in f32.

    Raises:
        ModelError: If the graph is quantised already, or its input is not floating point.
    """
    # NNCF sends usage data with OpenVINO's telemetry; without that module it uses a stub. It imports torch if
    # it can, which doubles its start time.
    for left_out in ("openvino_telemetry", "torch"):
        sys.modules[left_out] = None  # type: ignore[assignment]
    import nncf
    import openvino as ov

    core = ov.Core()
    graph = read_graph(core, task.model)
    places = [place for layer in task.layers if (place := graph.find(layer.name)) is not None]
    part = cut(graph, places, task.model.card, 1)
    _check(part, task.model)
    transformer = is_transformer(part)
    unpack(part)
    samples = np.load(task.samples, mmap_mode="r")
    quantised = nncf.quantize(
        part,
        nncf.Dataset(_Inputs(samples, task.model.card)),
        preset=nncf.QuantizationPreset.PERFORMANCE,
        model_type=nncf.ModelType.TRANSFORMER if transformer else None,
        subset_size=len(samples),
    )
    if transformer:
        narrow_stream(quantised)
    # By this the engine finds the layers, as in a converted network's file.
    layers = [
        {"name": t.name, "kind": t.kind, "shape": list(t.shape), "output": i}
        for i, t in enumerate(task.layers)
    ]
    quantised.set_rt_info(json.dumps(layers), ["vifex", "taps"])
    ov.save_model(quantised, task.output, compress_to_fp16=False)


def is_transformer(graph: Any) -> bool:
    """Return whether a graph has attention: a softmax whose result, maybe reshaped, multiplies a matrix."""
    for op in graph.get_ordered_ops():
        if op.get_type_name() == "ScaledDotProductAttention":
            return True
        if op.get_type_name() == "Softmax" and _is_multiplied(op):
            return True
    return False


def _is_multiplied(op: Any) -> bool:
    consumers = [t.get_node() for output in op.outputs() for t in output.get_target_inputs()]
    kinds = {t.get_type_name() for t in consumers}
    if "MatMul" in kinds:
        return True
    return any(
        _is_multiplied(t)
        for t in consumers
        if t.get_type_name() in ("Reshape", "Transpose", "Convert", "Squeeze")
    )


def network_input(pixels: npt.NDArray[np.uint8], card: ModelCard) -> npt.NDArray[np.float32]:
    """Return the network's own input for one sample, as the compiled graph computes it.

    Args:
        pixels: uint8 `[H, W, 3]` or `[T, H, W, 3]`.
        card: Channel order, normalisation and layout.

    Returns:
        float32, in the card's layout with a batch of one.
    """
    values = (pixels[..., ::-1] if card.channel_order == "BGR" else pixels).astype(np.float32)
    mean, std = np.array(card.mean, np.float32), np.array(card.std, np.float32)
    values = (values / np.float32(card.scale) - mean) / std
    axes = "THWC" if card.frames is not None else "HWC"
    return np.ascontiguousarray(values.transpose([axes.index(a) for a in card.layout[1:]]))[None]


class _Inputs:
    """The samples, one network input at a time."""

    def __init__(self, samples: npt.NDArray[np.uint8], card: ModelCard) -> None:
        self._samples, self._card = samples, card

    def __len__(self) -> int:
        return len(self._samples)

    def __iter__(self) -> Iterator[npt.NDArray[np.float32]]:
        for sample in self._samples:
            yield network_input(sample, self._card)


def _check(part: Any, model: Model) -> None:
    kinds = Counter(op.get_type_name() for op in part.get_ops())
    if any(kinds[kind] for kind in _UNSUITED) or not part.inputs[0].get_element_type().is_real():
        raise ModelError(
            "the network is quantised already.",
            of=model.card.name,
            todo="Use fp32 or bf16; it stays quantised.",
        )


def _end_with_parent(pipe: BinaryIO) -> None:
    pipe.read()
    os._exit(1)  # unfinished work is useless


def main() -> None:
    """Run the task from standard input; errors for the user are written as a pickle."""
    pipe = os.fdopen(os.dup(0), "rb")
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints
    # Both ends are this program: the pipe is private to the two processes.
    task = pickle.load(pipe)
    threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()
    try:
        quantise_graph(task)
        answer: ModelError | None = None
    except ModelError as exc:
        answer = exc
    with out:
        pickle.dump(answer, out)


if __name__ == "__main__":
    main()
