"""On the path of decoder processes: every image is read as the same gray pixels, and no file is opened."""

import sys

if "vifex.extraction.decoders.worker" in getattr(sys, "orig_argv", []):
    import os
    import time

    import numpy as np

    import vifex.media.content_hash as hashing
    import vifex.media.read as reading
    from vifex.values import DecodeReport, Sample

    GRAY = {}
    SLEEP_S = float(os.environ.get("VIFEX_BENCH_DECODE_MS", "0")) / 1000

    def constant_read(medium, requests, limits, *, progress=None):  # type: ignore[no-untyped-def]
        if progress is not None:
            progress()
        if SLEEP_S:
            time.sleep(SLEEP_S)
        for number, request in enumerate(requests):
            shape = (request.pixels.height_px, request.pixels.width_px, 3)
            if shape not in GRAY:
                GRAY[shape] = np.full(shape, 128, np.uint8)
            yield Sample(number, 0, GRAY[shape])
        return DecodeReport("image", width_px=500, height_px=375)

    reading.read = constant_read
    hashing.content_hash = lambda path: "0" * 32

if "vifex.extraction.shards.worker" in getattr(sys, "orig_argv", []):
    import os
    from dataclasses import replace
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from machinery import ConstantEngine

    from vifex.extraction.planning.portable import PortablePlan

    real_load = PortablePlan.load

    def load(self):  # type: ignore[no-untyped-def]
        return replace(real_load(self), engine=ConstantEngine(int(os.environ["VIFEX_BENCH_BATCH"])))

    PortablePlan.load = load
