"""Installed as `sitecustomize` into shard processes: `VIFEX_TEST_FAULT` says what goes wrong there."""

import os
import sys

if "vifex.extraction.shards.worker" in getattr(sys, "orig_argv", []) and "VIFEX_TEST_FAULT" in os.environ:
    import signal

    fault = os.environ["VIFEX_TEST_FAULT"]

    if fault == "poison":  # media that end the process
        from vifex.extraction.pipeline.pipeline import Pipeline

        real_settle = Pipeline._settle

        def settle(self, medium):  # type: ignore[no-untyped-def]
            if "poison" in medium.medium.name:
                os.kill(os.getpid(), signal.SIGSEGV)
            if "memory" in medium.medium.name:
                raise MemoryError("of the engine")
            real_settle(self, medium)

        Pipeline._settle = settle

    if fault == "crash":  # an engine that no batch gets through
        from vifex.engines.openvino.network import OpenVinoNetwork

        def submit(self, pixels):  # type: ignore[no-untyped-def]
            os.kill(os.getpid(), signal.SIGABRT)

        OpenVinoNetwork.submit = submit

    if fault in ("start", "error"):  # a device that is not there, or a library that does not load
        from vifex.extraction.planning.portable import PortablePlan
        from vifex.values import EngineError

        def load(self):  # type: ignore[no-untyped-def]
            if fault == "start":
                raise RuntimeError("no driver")
            raise EngineError("device cuda:7: torch finds no such device on this machine.")

        PortablePlan.load = load

    if fault == "warn":
        import warnings

        from vifex.extraction.pipeline.pipeline import Pipeline

        real_run = Pipeline.run

        def run(self, listing):  # type: ignore[no-untyped-def]
            warnings.warn("the network is odd", stacklevel=1)
            return real_run(self, listing)

        Pipeline.run = run
