"""Writes a store in a process of its own, to be killed: `child_on_s3.py STORE MEDIA STEP TIME`.

It kills itself by SIGKILL when a step is reached for that time; with no step it goes on to the end.
"""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "store"))

from store_maker import feed, last_editions, recipe, wanted

from vifex.store import CommitRule, open_writer
from vifex.store.commit import checkpoints, maintenance

maintenance.EVERY_COMMITS = 5


def main() -> None:
    store, count = sys.argv[1], int(sys.argv[2])
    step, time = (sys.argv[3], int(sys.argv[4])) if len(sys.argv) > 3 else ("", 0)
    seen = 0

    def listener(name: str) -> None:
        nonlocal seen
        seen += name == step
        if name == step and seen == time:
            os.kill(os.getpid(), signal.SIGKILL)

    checkpoints.listen(listener)
    with open_writer(store, rule=CommitRule(media=2), anywhere=True) as writer:
        view = writer.view("main", recipe())
        print("started", flush=True)
        if not view.finished():
            feed(view, wanted(count))
        feed(view, last_editions(count))


main()
