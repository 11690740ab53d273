"""Converting a torch network to OpenVINO, with the requested layers as its outputs.

`torch.export` traces the network's Python once, with a symbolic batch. Control flow that depends on the
pixels is an error there; it never becomes one fixed branch. The graph's outputs are the layers in the
requested order, with their axes in the promised order. Their names, kinds and shapes are written into the
file, where the OpenVINO engine finds them.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vifex.engines.torch.devices import settings
from vifex.engines.torch.discover import Spot
from vifex.engines.torch.layer_outputs import LayerOutput
from vifex.values import ModelCard
from vifex.values.openvino import import_openvino

__all__ = ["CannotConvert", "write_ir"]

_EXAMPLES = 2
"""Inputs in the example: the tracer takes a batch of one for a constant."""


class CannotConvert(Exception):
    """A network cannot be converted; the message is one clause that says why."""


def write_ir(
    module: nn.Module, spots: Sequence[Spot], card: ModelCard, path: Path, *, fixed_batch: bool
) -> None:
    """Write a network as OpenVINO IR.

    Args:
        module: On the CPU, in evaluation mode.
        spots: Its outputs.
        card: Says its input; normalisation is not part of the file.
        path: The `.xml`; the weights go beside it.
        fixed_batch: Whether it takes one input at a time.

    Raises:
        CannotConvert: With the reason.
    """
    # OpenVINO's converter refuses a graph that returns one value twice.
    firsts = list({_value(spot): spot for spot in reversed(spots)}.values())
    graph, batch = _graph(module, firsts, card, fixed_batch=fixed_batch)
    ov = import_openvino()
    try:
        graph.reshape({graph.inputs[0]: ov.PartialShape([batch, *card.input_shape(1)[1:]])})
    except RuntimeError as exc:
        raise CannotConvert(f"OpenVINO does not take its input's size: {_reason(exc)}") from exc
    if len(graph.outputs) != len(firsts):
        raise CannotConvert(f"it has {len(graph.outputs)} outputs in OpenVINO, not {len(firsts)}")
    for output, spot in zip(graph.outputs, firsts, strict=True):
        output.get_tensor().set_names({spot.layer.name})
    places = {_value(spot): i for i, spot in enumerate(firsts)}
    layers = [
        {
            "name": s.layer.name,
            "kind": s.layer.kind,
            "shape": list(s.layer.shape),
            "output": places[_value(s)],
        }
        for s in spots
    ]
    graph.set_rt_info(json.dumps(layers), ["vifex", "taps"])
    ov.save_model(graph, path, compress_to_fp16=False)


def _value(spot: Spot) -> tuple[str, tuple[int, ...] | None]:
    """Name what a spot reads: layers that are the same tensor in the same order are one value."""
    return spot.twin or spot.layer.name, spot.order


def _graph(
    module: nn.Module, spots: Sequence[Spot], card: ModelCard, *, fixed_batch: bool
) -> tuple[Any, int]:
    """Return a network as an OpenVINO graph, and the batch that it takes: -1 for any, else 1."""
    program = getattr(module, "program", None)
    if isinstance(program, torch.jit.ScriptModule):
        # It is a graph already, and its output is its only layer.
        if any(spot.order is not None for spot in spots):
            raise CannotConvert("the axes of its output would have to be permuted")
        return _converted(program), 1 if fixed_batch else -1
    reader = LayerOutput(module, spots)
    try:
        exported = None if fixed_batch else _exported(reader, card, _EXAMPLES)
        if exported is not None and _takes_any_batch(exported):
            return _converted(exported), -1
        # Its code takes the batch for a constant (`len(x)` is enough): it gets one input at a time.
        return _converted(_exported(reader, card, 1)), 1
    finally:
        reader.close()


def _exported(reader: LayerOutput, card: ModelCard, batch: int) -> Any:
    example = torch.rand(card.input_shape(batch), generator=torch.Generator().manual_seed(0))
    dynamic = None if batch == 1 else ({0: torch.export.Dim.AUTO},)
    try:
        with _quietly(), torch.no_grad(), settings(torch.device("cpu")):
            return torch.export.export(reader, (example,), dynamic_shapes=dynamic, strict=False)
    except Exception as exc:  # tracers raise errors of many types
        raise CannotConvert(f"it cannot be exported: {_reason(exc)}") from exc


def _converted(program: Any) -> Any:
    ov = import_openvino()
    try:
        with _quietly():
            return ov.convert_model(program)
    except Exception as exc:
        raise CannotConvert(f"OpenVINO cannot convert it: {_reason(exc)}") from exc


def _reason(exc: Exception) -> str:
    lines = [line.strip().removeprefix("-- ") for line in str(exc).splitlines() if line.strip()]
    # OpenVINO names the missing operation below its own file and line.
    telling = [line for line in lines if line.startswith("No conversion rule")] or lines
    return f"{type(exc).__name__}: {telling[0][:200] if telling else 'no reason was given'}"


def _takes_any_batch(program: Any) -> bool:
    """Return whether an exported program left the first axis of its input open: its only range then."""
    return bool(program.range_constraints)


@contextmanager
def _quietly() -> Iterator[None]:
    """Silence the tracer's warnings: what matters is raised or checked."""
    loud = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # torch logs errors that it also raises
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(loud)
