"""Small networks by name for the tests of compression, on the CPU."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("VIFEX_TORCH_DEVICE", "cpu")
