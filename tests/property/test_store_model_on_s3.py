"""The store's state machine over S3: any sequence of changes, crashes and faults equals a dictionary.

`VIFEX_S3_EXAMPLES=20` runs as many sequences as the test of local stores.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty_s3 import Fault, FaultyS3, s3_for_this_process
from hypothesis import HealthCheck, settings
from hypothesis.stateful import initialize, run_state_machine_as_test

sys.path.insert(0, str(Path(__file__).parent))

from test_store_model import NEVER, StoreIsADictionary, recipe

from vifex.store import open_writer
from vifex.store.files.places.object_path import ObjectPath

EXAMPLES = int(os.environ.get("VIFEX_S3_EXAMPLES", "2"))
STEPS = 20 if EXAMPLES > 2 else 8


class StoreOnS3IsADictionary(StoreIsADictionary):
    """The same rules over S3: 3 % of requests are answered by 503, 30 % of commits lose their answer."""

    proxy: FaultyS3
    count = 0

    def __init__(self) -> None:
        super().__init__()
        StoreOnS3IsADictionary.count += 1
        self.store = ObjectPath("bucket", f"s{StoreOnS3IsADictionary.count}.vifex")  # type: ignore[assignment]
        chance = random.Random(StoreOnS3IsADictionary.count)

        def fault(method: str, path: str) -> Fault:
            if method == "PUT" and "/_versions/" in path:
                return "lost" if chance.random() < 0.3 else None
            return "busy" if chance.random() < 0.03 else None

        self.proxy.fault = fault

    @initialize()
    def start(self) -> None:
        self.writer = open_writer(self.store, rule=NEVER, anywhere=True)
        self.view = self.writer.view("main", recipe())


@pytest.fixture(scope="module")
def s3() -> Iterator[FaultyS3]:
    with s3_for_this_process() as proxy:
        yield proxy


def test_store_on_s3_is_a_dictionary(s3: FaultyS3) -> None:
    StoreOnS3IsADictionary.proxy = s3
    chosen = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        derandomize=EXAMPLES == 2,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(StoreOnS3IsADictionary, settings=chosen)  # type: ignore[no-untyped-call]
    print(f"{len(s3.requests)} requests, {s3.failed} of them failed on purpose")
