"""Writes a store in a process of its own, to be killed: `child.py STORE MEDIA [STEP]`.

With a step it dies right after that step is reached for the third time.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "store"))

from store_maker import feed, last_editions, recipe, wanted

from vifex.store import CommitRule, open_writer
from vifex.store.commit import checkpoints, maintenance

maintenance.EVERY_COMMITS = 5


def die_at(step: str) -> None:
    seen = 0

    def listener(name: str) -> None:
        nonlocal seen
        seen += name == step
        if seen == 3:
            os._exit(9)

    checkpoints.listen(listener)


def main() -> None:
    store, count = sys.argv[1], int(sys.argv[2])
    if len(sys.argv) > 3:
        die_at(sys.argv[3])
    with open_writer(store, rule=CommitRule(media=2)) as writer:
        view = writer.view("main", recipe())
        print("started", flush=True)
        if not view.finished():
            feed(view, wanted(count))
        feed(view, last_editions(count))


main()
