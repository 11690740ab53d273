"""Commands start without pandas, and Arrow works with it afterwards."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module

import pytest

from vifex.cli.app import COMMANDS

pytest.importorskip("pandas")


def printed(script: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_a_store_is_opened_without_pandas() -> None:
    """Arrow's data sets make a scalar when they are imported, and Arrow imports pandas for its first one."""
    script = """
import sys
from vifex.cli.arrow import keep_pandas_out, own_process
own_process()
keep_pandas_out()
import vifex.api.extracting, vifex.store.files.lance_adapter
print("lance" in sys.modules, "pandas" in sys.modules)
"""
    assert printed(script) == ["True", "False"]


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"cache", "completion", "layers", "models", "card"}))
def test_a_command_that_may_open_a_store_keeps_pandas_out(name: str) -> None:
    """Before it imports anything: in a process of its own, an import of the store would bring pandas."""
    module, function = COMMANDS[name].split(":")
    body = inspect.getsource(getattr(import_module(module), function)).partition('"""')[2].partition('"""')[2]
    assert "keep_pandas_out()" in body.partition("import ")[0]


def test_tables_become_data_frames_and_come_from_them_afterwards() -> None:
    script = """
from vifex.cli.arrow import keep_pandas_out, own_process
own_process()
keep_pandas_out()
import pyarrow as pa
frame = pa.table({"a": [1, 2]}).to_pandas()
print(type(frame).__name__, pa.Table.from_pandas(frame).num_rows, len(pa.array(frame["a"])))
"""
    assert printed(script) == ["DataFrame", "2", "2"]


def test_a_process_that_calls_a_command_keeps_its_pandas() -> None:
    script = """
from vifex.cli.arrow import keep_pandas_out
keep_pandas_out()
import pyarrow as pa
import pandas as pd
print(pa.array(pd.Series([1.0, None])).null_count)
"""
    assert printed(script) == ["1"]
