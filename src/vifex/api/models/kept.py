"""Compiled networks of one model, kept for the next call."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from vifex.engines import Network
from vifex.extraction.embed import compile_plan
from vifex.extraction.planning.view_plan import ViewPlan

__all__ = ["KeptNetworks"]

_KEPT: Final = 4


class KeptNetworks:
    """Networks by layers, precision and batch. The one that was not used for the longest time goes first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._networks: OrderedDict[tuple[object, ...], Network] = OrderedDict()

    @contextmanager
    def network(self, plan: ViewPlan, batch: int) -> Iterator[Network]:
        """Lend a plan's network, compiled now unless it is kept. One thread has it at a time."""
        key = (plan.layers, plan.recipe.precision, batch)
        with self._lock:
            network = self._networks.pop(key, None)
        if network is None:
            network = compile_plan(plan, batch=batch)
        try:
            yield network
        finally:
            self._keep(key, network)

    def _keep(self, key: tuple[object, ...], network: Network) -> None:
        gone = [network]
        with self._lock:
            if key not in self._networks:
                gone = []
                self._networks[key] = network
            while len(self._networks) > _KEPT:
                gone.append(self._networks.popitem(last=False)[1])
        for one in gone:
            one.close()

    def close(self) -> None:
        """Free all networks that nobody uses just now."""
        with self._lock:
            gone = list(self._networks.values())
            self._networks.clear()
        for one in gone:
            one.close()
