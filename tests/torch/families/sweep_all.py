"""Run the whole sweep: `python tests/torch/families/sweep_all.py [PREFIX]`; prints a line per network."""

from __future__ import annotations

import sys
import tempfile
import time
import traceback
from pathlib import Path

from promises import check, family_and_name
from sweep import SWEEP
from tiny import make


def main(prefix: str = "") -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for case in SWEEP:
            if not case.name.startswith(prefix):
                continue
            start = time.monotonic()
            kind = case.name.rpartition(":")[2]
            place = make(kind, Path(folder) / kind) if ":" in case.name else None
            try:
                model = check(*family_and_name(case.name, place))
                told = f"ok    {model.card.name}"
            except Exception:
                failed += 1
                told = f"WRONG {case.name}\n{traceback.format_exc(limit=-3)}"
            print(f"{told}  {time.monotonic() - start:.1f} s", flush=True)
    print(f"{failed} wrong")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
