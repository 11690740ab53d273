"""A view that a run is filling: its plan, its network, its writer, and its batches on the way."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import pyarrow as pa

from vifex.engines import Network
from vifex.extraction.decoders.events import Filled
from vifex.extraction.pipeline.interfaces import RowWriter
from vifex.extraction.planning.view_plan import ViewPlan

__all__ = ["RunningView"]


@dataclass(slots=True)
class RunningView:
    """A view that is being filled."""

    plan: ViewPlan
    network: Network
    writer: RowWriter
    schema: pa.Schema
    """Of its rows, from the store."""
    ready: deque[Filled] = field(default_factory=deque)
    """Batches that wait for the network."""
    in_flight: int = 0
    """Batches in the network."""

    @property
    def batch_rows(self) -> int:
        """Samples in one batch."""
        return self.network.batch // (self.plan.window_frames or 1)
