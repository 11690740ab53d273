"""Tests of what the extra `torch` brings; they run in an environment of their own (`make test-torch`)."""

from __future__ import annotations

import importlib.util
import os

if importlib.util.find_spec("torch") is None:
    if os.environ.get("VIFEX_TEST_TORCH"):
        raise RuntimeError("VIFEX_TEST_TORCH is set and torch is not installed: run `make test-torch`")
    collect_ignore_glob = ["*"]
