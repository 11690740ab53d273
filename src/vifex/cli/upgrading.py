"""`vifex upgrade`: a store of an older format becomes one of the newest."""

from __future__ import annotations

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import Json, helped
from vifex.cli.output import clean, print_json, print_line
from vifex.cli.targets import StorePath

__all__ = ["upgrade"]


@helped
def upgrade(store: StorePath, /, *, json: Json = False) -> int:
    """Bring a store to the newest format.

    Nothing is computed, and every row stays as it is, bit for bit. It can be interrupted at any time; the
    same command goes on. A run that writes to the store does the same by itself.

    Parameters
    ----------
    store
        The store.
    json
        Print as JSON.
    """
    keep_pandas_out()
    from vifex.store import upgrade as upgrade_store
    from vifex.values.run_facts import run_facts

    done = upgrade_store(store, run_facts(["pylance", "pyarrow"]))
    if json:
        print_json({"store": str(store), "upgraded": done})
    elif done:
        print_line(f"{clean(store)}: upgraded to format 2; rows and outcomes are as they were")
    else:
        print_line(f"{clean(store)}: it has the newest format already")
    return 0
