"""The networks in the package: small, and ready without a download.

`scripts/make_embedded.py` makes the files beside this module.
"""

from __future__ import annotations

from pathlib import Path

from vifex.models.files import load_file
from vifex.values import Model

__all__ = ["load"]


def load(name: str) -> Model:
    """Load the embedded network of that name.

    Raises:
        ModelError: If its files are damaged or missing: the installation is broken.
    """
    return load_file(Path(__file__).parent / f"{name}.xml")
