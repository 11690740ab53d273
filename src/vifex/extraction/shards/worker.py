"""The program of a shard process: it connects a `Shard` with the pipes of its parent.

The coordinator starts it as `python -P -m vifex.extraction.shards.worker`. It exits when its parent is gone.
"""

from __future__ import annotations

import sys
import threading

from vifex.extraction.decoders.wire import receive
from vifex.extraction.processes.serving import exit_with, listen, message_pipes
from vifex.extraction.shards.pipes import PipeToCoordinator
from vifex.extraction.shards.protocol import Fault, ShardSetup
from vifex.values import VifexError

__all__ = ["main"]


def main() -> None:
    """Serve the coordinator that started this process."""
    stdin, out = message_pipes()
    first = receive(stdin)
    if first is None:
        return
    (setup,) = first
    assert isinstance(setup, ShardSetup), "the first message sets a shard up"
    sys.path += [path for path in setup.import_paths if path not in sys.path]
    coordinator = PipeToCoordinator(out)

    def work() -> None:
        from vifex.extraction.shards.shard import Shard

        shard = Shard(setup, coordinator)
        threading.Thread(target=listen, args=(stdin, shard.take), daemon=True).start()
        try:
            shard.run()
        except VifexError as exc:
            coordinator.say(Fault(exc))

    exit_with(work)


if __name__ == "__main__":
    main()
