"""Networks that `vifex train` trains, and the file that describes a trained one.

`build_network` makes a network from a description. A run folder holds such a description beside its weights,
so that a trained network is loaded without running any code from the folder. This package loads torch late
and knows neither data nor training.
"""

from __future__ import annotations

from vifex.models.trainable.description import NetworkDescription, read_description, write_description
from vifex.models.trainable.registry import GROUP, NETWORKS, build_network, network_names

__all__ = [
    "GROUP",
    "NETWORKS",
    "NetworkDescription",
    "build_network",
    "network_names",
    "read_description",
    "write_description",
]
