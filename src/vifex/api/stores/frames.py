"""Rows for other libraries: pandas and torch, which Vifex does not depend on."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vifex.values import MissingExtraError
from vifex.values.registry import require

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa
    import torch

__all__ = ["as_pandas", "as_torch"]


def as_pandas(table: pa.Table) -> pd.DataFrame:
    """Return a table as a data frame; a cell of a feature column is an array.

    Raises:
        MissingExtraError: If pandas is not installed.
    """
    try:
        import_module("pandas")
    except ModuleNotFoundError as exc:
        if exc.name != "pandas":
            raise
        raise MissingExtraError("to_pandas needs pandas.", todo="Install it: pip install pandas.") from exc
    return table.to_pandas()


def as_torch(array: npt.NDArray[Any]) -> torch.Tensor:
    """Return an array as a tensor on the CPU, which shares its memory.

    Raises:
        MissingExtraError: If torch is not installed.
    """
    torch_module: Any = require("torch", extra="torch", needed_for="to_torch")
    return torch_module.from_numpy(array)
