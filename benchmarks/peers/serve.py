"""The line protocol of a peer: it stays alive and warm, and answers one line for each line.

In: JSON `{"folder": ..., "count": ...}`: the first `count` files of a folder, in the order of their names.
Out: first `{"ready": true}`, then `{"seconds": ..., "count": ..., "width": ...}` for each: wall seconds from
the first decode until all features are in memory, how many things were counted, and numbers per feature.
Nothing but the standard library: it runs in every peer's environment. What libraries print goes to standard
error from the import of this module on; the other side passes over lines printed before.
"""

import json
import os
import sys
import time
from pathlib import Path

_OUT = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def serve(run):
    """Answer until standard input ends.

    Args:
        run: Takes a list of paths, gives the features `[N, D]`, or `(count, features)` where something
            else than features is counted.
    """
    _say({"ready": True})
    for line in sys.stdin:
        asked = json.loads(line)
        files = sorted(str(path) for path in Path(asked["folder"]).iterdir())[: asked["count"]]
        began = time.perf_counter()
        made = run(files)
        seconds = time.perf_counter() - began
        count, features = made if isinstance(made, tuple) else (len(made), made)
        _say({"seconds": seconds, "count": count, "width": features.shape[1]})


def _say(answer):
    print(json.dumps(answer), file=_OUT, flush=True)
