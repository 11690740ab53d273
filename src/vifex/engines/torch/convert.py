"""A torch network for OpenVINO: exported with the asked taps as its outputs.

`torch.export` follows the network's Python once, with a symbolic batch: control flow that depends on the
pixels is an error there, never a branch taken for good. The graph's outputs are the taps, in the order
that was asked for and with their axes in the promised one; their names, kinds and shapes stand in the
file, for the OpenVINO engine to find them by.
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

from vifex.engines.runtime import import_openvino
from vifex.engines.torch.devices import settings
from vifex.engines.torch.discover import Spot, network_input
from vifex.engines.torch.tapped import Tapped
from vifex.values import ModelCard

__all__ = ["CannotConvert", "write_ir"]

_EXAMPLES = 2
"""Inputs in the example: one would be taken for a constant."""


class CannotConvert(Exception):
    """Why a network has no equal in OpenVINO; one clause."""


def write_ir(
    module: nn.Module, spots: Sequence[Spot], card: ModelCard, path: Path, *, fixed_batch: bool
) -> None:
    """Write a network as OpenVINO IR.

    Args:
        module: On the CPU, in evaluation mode.
        spots: What its outputs are to be.
        card: Says its input; normalisation is not part of the file.
        path: The `.xml`; the weights go beside it.
        fixed_batch: Whether it takes one input at a time.

    Raises:
        CannotConvert: With the reason.
    """
    # OpenVINO's converter refuses a graph that gives one value twice.
    firsts = list({_value(spot): spot for spot in reversed(spots)}.values())
    tapped = Tapped(module, firsts)
    try:
        graph = _converted(tapped, card, 1 if fixed_batch else _EXAMPLES)
        batch = -1 if _takes_any_batch(graph) else 1
        if batch == 1 and not fixed_batch:
            # Its code holds the example's batch for a constant: one input at a time, then.
            graph = _converted(tapped, card, 1)
    finally:
        tapped.close()
    ov = import_openvino()
    graph.reshape({graph.inputs[0]: ov.PartialShape([batch, *network_input(card, 1)[1:]])})
    for output, spot in zip(graph.outputs, firsts, strict=True):
        output.get_tensor().set_names({spot.tap.name})
    places = {_value(spot): i for i, spot in enumerate(firsts)}
    taps = [
        {"name": s.tap.name, "kind": s.tap.kind, "shape": list(s.tap.shape), "output": places[_value(s)]}
        for s in spots
    ]
    graph.set_rt_info(json.dumps(taps), ["vifex", "taps"])
    ov.save_model(graph, path, compress_to_fp16=False)


def _value(spot: Spot) -> tuple[str, tuple[int, ...] | None]:
    """Name what a spot reads: taps that are the same tensor in the same order are one value."""
    return spot.twin or spot.tap.name, spot.order


def _converted(tapped: Tapped, card: ModelCard, batch: int) -> Any:
    ov = import_openvino()
    example = torch.rand(network_input(card, batch), generator=torch.Generator().manual_seed(0))
    dynamic = None if batch == 1 else ({0: torch.export.Dim.AUTO},)
    try:
        with _quietly(), torch.no_grad(), settings(torch.device("cpu")):
            program = torch.export.export(tapped, (example,), dynamic_shapes=dynamic, strict=False)
            return ov.convert_model(program)
    except Exception as exc:  # both tracers and converters fail in ways of their own
        lines = [line.strip() for line in str(exc).splitlines() if line.strip()]
        why = lines[0] if lines else "no reason was given"
        raise CannotConvert(f"{type(exc).__name__}: {why[:200]}") from exc


def _takes_any_batch(graph: Any) -> bool:
    return bool(graph.inputs[0].get_partial_shape()[0].is_dynamic)


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep the tracer's remarks on a network's code to itself: what matters of it is raised or checked."""
    loud = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(loud)
