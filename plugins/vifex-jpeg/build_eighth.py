"""Compile `eighth.c` to WebAssembly.

Needs `ziglang`, a C compiler on PyPI.

usage: build_eighth.py [--check]   (--check: compare with the file in the repository)
"""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent / "src" / "vifex_jpeg"
SOURCE, TARGET = HERE / "eighth.c", HERE / "eighth.wasm"
FLAGS = (
    "-target wasm32-freestanding -mcpu=generic+bulk_memory+sign_ext -O3 -std=c11 -Wall -Wextra -fbuiltin "
    "-nostdlib -Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=65536 -Wl,--export=__heap_base"
)
SECTION = b"source"


def stamp(source: bytes) -> bytes:
    """Return a custom section with the SHA-256 of the source; a test compares them."""
    body = bytes([len(SECTION)]) + SECTION + hashlib.sha256(source).hexdigest().encode()
    return bytes([0, len(body)]) + body


def build() -> bytes:
    """Compile the program and return it."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "eighth.wasm"
        words = [sys.executable, "-m", "ziglang", "cc", *FLAGS.split(), "-o", made, SOURCE]
        subprocess.run(words, check=True)
        return made.read_bytes() + stamp(SOURCE.read_bytes())


def main() -> None:
    """Write the program, or compare it with the file."""
    made = build()
    if sys.argv[1:] == ["--check"]:
        sys.exit(
            0 if made == TARGET.read_bytes() else "eighth.wasm was not made from eighth.c: build it again."
        )
    TARGET.write_bytes(made)
    print(f"{TARGET.name}: {len(made)} bytes")


if __name__ == "__main__":
    main()
