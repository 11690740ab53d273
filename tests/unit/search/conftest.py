"""Stores for the tests of search."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vifex.store import View, open_store

write_store = runpy.run_path(str(Path(__file__).with_name("rows.py")))["write_store"]


@pytest.fixture
def make_view(tmp_path: Path) -> Iterator[Callable[..., View]]:
    """Give a function that writes a store and opens its view; all are closed at the end."""
    with ExitStack() as stack:
        made = 0

        def make(vectors: dict[str, Any], **options: Any) -> View:
            nonlocal made
            made += 1
            path = write_store(tmp_path / f"s{made}.vifex", vectors, **options)
            return stack.enter_context(open_store(path)).view("main")

        yield make


@pytest.fixture(scope="session")
def numbers() -> np.ndarray:
    """200 vectors `[200, 16]` with awkward ones among them: equal, zero, NaN, infinite, huge and tiny."""
    x = np.random.default_rng(5).standard_normal((200, 16)).astype(np.float32)
    x[20:60] = x[19]
    x[70] = 0
    x[71] = np.nan
    x[72, 3] = np.inf
    x[73] *= 1e30
    x[74] *= 1e-30
    return x


@pytest.fixture(scope="session")
def plain_store(tmp_path_factory: pytest.TempPathFactory, numbers: np.ndarray) -> Path:
    """`numbers` in a store of several commits, under the layer `head`."""
    path = tmp_path_factory.mktemp("search") / "plain.vifex"
    labels = ["cat" if i % 3 == 0 else None for i in range(len(numbers))]
    return write_store(path, {"head": numbers}, labels=labels, commits=3)


@pytest.fixture(scope="session")
def plain_view(plain_store: Path) -> Iterator[View]:
    """The view of `plain_store`."""
    with open_store(plain_store) as store:
        yield store.view("main")
