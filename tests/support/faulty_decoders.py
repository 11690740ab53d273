"""Installed as `sitecustomize` into decoder processes: files whose names ask for it meet a fault there.

The fault sits where a decoder library would have it: inside the reading of one file.
"""

import sys

if "vifex.extraction.decoders.worker" in getattr(sys, "orig_argv", []):
    import dataclasses
    import os
    import signal
    import threading
    import time

    import vifex.media.read as reading

    class Stuck:
        def __reduce__(self):  # type: ignore[no-untyped-def]
            time.sleep(1_000)

    real_read = reading.read

    def faulty_read(medium, requests, limits, *, progress=None):  # type: ignore[no-untyped-def]
        samples = real_read(medium, requests, limits, progress=progress)
        if "late" in medium.name:  # after some samples have been handed over
            for _ in range(3):
                yield next(samples)
        if "slow" in medium.name:  # what was sent before is computed meanwhile
            time.sleep(3)
        if "hang" in medium.name:
            time.sleep(1_000)
        if "crash" in medium.name:
            os.kill(os.getpid(), signal.SIGSEGV)
        if "leave" in medium.name:
            os._exit(7)
        if "grow" in medium.name:
            hoard = []
            while True:
                hoard.append(bytearray(64 << 20))
        if "bug" in medium.name:
            raise KeyError("a bug in a decoder")
        report = yield from samples
        if "mute" in medium.name:  # the report cannot be sent
            return dataclasses.replace(report, problems=(threading.Lock(),))
        if "stuck" in medium.name:  # sending the report never ends
            return dataclasses.replace(report, problems=(Stuck(),))
        return report

    reading.read = faulty_read
