"""The OpenVINO engine: networks on CPUs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final

from vifex.engines.cache import Cache
from vifex.engines.cores import available_cores
from vifex.engines.inputs import input_dtype
from vifex.engines.names import resolve_names
from vifex.engines.openvino.build import cut, with_pixels
from vifex.engines.openvino.graph import Graph, Place, read_graph
from vifex.engines.openvino.network import OpenVinoNetwork
from vifex.engines.openvino.probe import inputs_stay_apart
from vifex.engines.openvino.rewrites.unpack import unpack
from vifex.engines.plan import Plan, choose_batch, choose_plan, count_macs
from vifex.engines.precision import HINTS, is_int8, native_bf16, resolve
from vifex.values import EngineError, Layer, Model, ModelError
from vifex.values.openvino import import_openvino
from vifex.values.steps import step

__all__ = ["OpenVinoEngine"]

_GRAPHS_KEPT: Final = 4


class OpenVinoEngine:
    """Runs networks with OpenVINO on the CPU (see `base.Engine`)."""

    name = "openvino"

    def __init__(self) -> None:
        self._ov = import_openvino()
        self._core = self._ov.Core()
        self._lock = threading.Lock()
        self._graphs: dict[tuple[str, ...], Graph] = {}
        self._cache = Cache.of_user(self._core, self._ov)

    def layers(self, model: Model) -> list[Layer]:
        """List every node worth reading, in graph order."""
        return [place.layer for place in self._graph(model).places]

    def resolve_layers(self, model: Model, wanted: Sequence[str]) -> list[Layer]:
        """Find layers by name or alias; none asks for the card's default layers, or the last vector."""
        return resolve_names(wanted, self._graph(model).named, model.card)

    def resolve_precision(self, wanted: str) -> str:
        """Turn `auto`, `fp32`, `bf16` or `int8` into what this machine will run."""
        return resolve(wanted, bf16=native_bf16(self._core), int8=True)

    def compile(
        self,
        model: Model,
        layers: Sequence[Layer],
        *,
        precision: str,
        batch: int | None = None,
        cores: int | None = None,
    ) -> OpenVinoNetwork:
        """Make a network ready to run; see `base.Engine.compile`."""
        if not layers:
            raise ValueError("compile needs at least one layer")
        graph = self._graph(model)
        places = [self._place(graph, model, layer.name) for layer in layers]
        plan = choose_plan(cores or available_cores())
        precision = self.resolve_precision(precision)
        _check_quantised(model, precision)
        try:
            size = batch or _batch_for(model, cut(graph, places, model.card, 1), precision)
            graph_batch = 1 if any(p.batching == "no" for p in places) else size
            compiled = self._compiled(model, graph, places, graph_batch, precision, plan)
            if graph_batch > 1 and any(p.batching == "likely" for p in places):
                shape = model.card.pixels_shape(graph_batch)
                dtype = input_dtype(model.card)
                if not inputs_stay_apart(compiled, shape, precision=precision, dtype=dtype):
                    graph_batch = 1
                    compiled = self._compiled(model, graph, places, 1, precision, plan)
        except RuntimeError as exc:
            why = str(exc).strip().splitlines()[-1]
            raise EngineError(f"OpenVINO cannot compile the network: {why}.", of=model.card.name) from exc
        return OpenVinoNetwork(
            compiled,
            [p.layer for p in places],
            input_shape=model.card.pixels_shape(size),
            requests=plan.requests,
            graph_batch=graph_batch,
            dtype=input_dtype(model.card),
        )

    def _compiled(
        self, model: Model, graph: Graph, places: Sequence[Place], batch: int, precision: str, plan: Plan
    ) -> Any:
        config = {
            "INFERENCE_PRECISION_HINT": HINTS[precision],
            "PERFORMANCE_HINT": "THROUGHPUT",
            "NUM_STREAMS": str(plan.streams),
            "INFERENCE_NUM_THREADS": str(plan.cores),
            # Decoders share the cores with the engine; the system places threads better than a fixed plan.
            "ENABLE_CPU_PINNING": "NO",
        }
        # The name of a converted network's file is a hash of everything that determines the conversion.
        layers = [(model.file.name, model.int8_sha256, p.layer.name, p.layer.shape) for p in places]
        key = self._cache.key(model.weights_sha256, model.card, layers, batch, config)
        compiled = self._cache.load(key, config)
        if compiled is None:
            step(f"compiling {model.card.name} in {precision}")
            part = cut(graph, places, model.card, batch)
            # In fp32 three narrow products lose more than the transposition costs.
            if precision != "fp32":
                unpack(part)
            part = with_pixels(part, model.card)
            compiled = self._core.compile_model(part, "CPU", config)
            self._cache.save(key, compiled)
        return compiled

    def _graph(self, model: Model) -> Graph:
        # The card is part of the key, because sizes and layout determine the layers. One network may be
        # converted to several files with different layers.
        key = (model.weights_sha256, model.int8_sha256, repr(model.card), str(model.file))
        with self._lock:
            if key not in self._graphs:
                while len(self._graphs) >= _GRAPHS_KEPT:
                    del self._graphs[next(iter(self._graphs))]
                self._graphs[key] = read_graph(self._core, model)
            return self._graphs[key]

    def _place(self, graph: Graph, model: Model, name: str) -> Place:
        place = graph.find(name)
        if place is None:
            raise ModelError(
                f"the model has no layer {name!r}.",
                of=model.card.name,
                todo=f"vifex layers {model.card.name} lists all {len(graph.places)}.",
            )
        return place


def _check_quantised(model: Model, precision: str) -> None:
    """Check that a graph for int8 is quantised; otherwise fp32 or bf16 would replace it silently."""
    if is_int8(precision) and not model.int8_sha256:
        raise EngineError(
            "int8 needs a graph that was quantised on media, and this network has none.",
            of=model.card.name,
            todo='vifex extract with `precision="int8"` makes one for a view; here use fp32 or bf16.',
        )


def _batch_for(model: Model, graph: Any, precision: str) -> int:
    card = model.card
    size = card.height_px * card.width_px * (card.frames or 1)
    return choose_batch(
        count_macs(graph),
        size if card.audio is None else card.audio.window_samples,
        number_bytes=4 if precision == "fp32" else 2,
    )
