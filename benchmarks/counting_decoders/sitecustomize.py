"""On the path of decoder processes: each reading of a medium adds a line to the file `VIFEX_BENCH_READS`."""

import sys

if "vifex.extraction.decoders.worker" in getattr(sys, "orig_argv", []):
    import json
    import os
    import time

    import vifex.media.read as reading

    LOG = os.open(os.environ["VIFEX_BENCH_READS"], os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    real_read = reading.read

    def counted_read(medium, *args, **options):  # type: ignore[no-untyped-def]
        os.write(LOG, (json.dumps([time.time(), medium.name]) + "\n").encode())
        return real_read(medium, *args, **options)

    reading.read = counted_read
