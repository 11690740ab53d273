"""Installed as `sitecustomize` into decoder processes: a library of theirs has another interface.

`VIFEX_TEST_INTERFACE` names what is changed: `av` takes an argument no more, `import` has lost a module,
`one-file` means a file alone on which a library raises what it raises on none of the others.
"""

import os
import sys

CHANGED = os.environ.get("VIFEX_TEST_INTERFACE", "")

if "vifex.extraction.decoders.worker" in getattr(sys, "orig_argv", []):
    if CHANGED == "av":
        import av

        real_open = av.open

        def open_without_options(file, mode="r", *, buffer_size=32768, io_open=None, **others):  # type: ignore[no-untyped-def]
            if "options" in others:
                raise TypeError("open() got an unexpected keyword argument 'options'")
            return real_open(file, mode, buffer_size=buffer_size, io_open=io_open, **others)

        av.open = open_without_options
    if CHANGED == "import":
        sys.modules["av.error"] = None  # type: ignore[assignment]
    if CHANGED == "one-file":
        import vifex.media.read as reading

        real_read = reading.read

        def read_one_badly(medium, requests, limits, *, progress=None):  # type: ignore[no-untyped-def]
            if "bad" in medium.name:
                raise TypeError("int() argument must be a string, not NoneType")
            return (yield from real_read(medium, requests, limits, progress=progress))

        reading.read = read_one_badly
