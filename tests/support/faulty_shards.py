"""Installed as `sitecustomize` into shard processes: `VIFEX_TEST_FAULT` says what goes wrong there."""

import os
import sys

if "vifex.extraction.shards.worker" in getattr(sys, "orig_argv", []) and "VIFEX_TEST_FAULT" in os.environ:
    import signal

    fault = os.environ["VIFEX_TEST_FAULT"]

    if fault == "poison":  # a medium that ends the process, and a warning
        import warnings

        from vifex.extraction.pipeline.pipeline import Pipeline

        real_settle = Pipeline._settle

        def settle(self, medium):  # type: ignore[no-untyped-def]
            if "poison" in medium.medium.name:
                os.kill(os.getpid(), signal.SIGSEGV)
            warnings.warn("the network is odd", stacklevel=1)
            real_settle(self, medium)

        Pipeline._settle = settle

    if fault in ("start", "error"):  # a device that is not there, or a library that does not load
        from vifex.extraction.planning.portable import PortablePlan
        from vifex.values import EngineError

        def load(self):  # type: ignore[no-untyped-def]
            if fault == "start":
                raise RuntimeError("no driver")
            raise EngineError("device cuda:7: torch finds no such device on this machine.")

        PortablePlan.load = load
