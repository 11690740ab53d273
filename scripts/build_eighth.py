"""Compile eighth.c, in media/decode/images/formats, to WebAssembly.

Needs `ziglang`, a C compiler from the package registry.

usage: build_eighth.py [--check]   (--check: compare with what is there)
"""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parents[1] / "src" / "vifex" / "media" / "decode"
SOURCE, TARGET = HERE / "eighth.c", HERE / "eighth.wasm"
FLAGS = (
    "-target wasm32-freestanding -mcpu=generic+bulk_memory+sign_ext -O3 -std=c11 -Wall -Wextra -fbuiltin "
    "-nostdlib -Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=65536 -Wl,--export=__heap_base"
)
SECTION = b"source"


def stamp(source: bytes) -> bytes:
    """Give a custom section that names the source by its SHA-256; a test compares them."""
    body = bytes([len(SECTION)]) + SECTION + hashlib.sha256(source).hexdigest().encode()
    return bytes([0, len(body)]) + body


def build() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "eighth.wasm"
        words = [sys.executable, "-m", "ziglang", "cc", *FLAGS.split(), "-o", made, SOURCE]
        subprocess.run(words, check=True)
        return made.read_bytes() + stamp(SOURCE.read_bytes())


def main() -> None:
    made = build()
    if sys.argv[1:] == ["--check"]:
        sys.exit(
            0 if made == TARGET.read_bytes() else "eighth.wasm is not what eighth.c gives: build it anew."
        )
    TARGET.write_bytes(made)
    print(f"{TARGET.name}: {len(made)} bytes")


if __name__ == "__main__":
    main()
