"""Peak memory of the whole process tree: 10,000 images against 1,000.

usage: memory_images.py [--photos FOLDER] [--few N] [--many N] [--rounds N]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from inputs import PHOTOS, Images, parser
from record import alternate, peak_bytes, spread, write

MIB = 1 << 20


def main() -> None:
    words = parser(__doc__, rounds=3)
    words.add_argument("--photos", type=Path, default=PHOTOS, help="a folder of JPEGs")
    words.add_argument("--few", type=int, default=1_000)
    words.add_argument("--many", type=int, default=10_000)
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        images = Images(asked.photos, work)

        def peak_mib(count: int) -> float:
            with tempfile.TemporaryDirectory(dir=work) as store:
                words = [images.folder(count), "-o", Path(store) / "s.vifex", "--quiet"]
                return peak_bytes([sys.executable, "-m", "vifex", "extract", *words]) / MIB

        counts = {"few": asked.few, "many": asked.many}
        values = alternate({name: lambda n=n: peak_mib(n) for name, n in counts.items()}, asked.rounds)
    peaks = {name: spread(v) for name, v in values.items()}
    write(
        "memory_images",
        config={**counts, "different_photographs": images.originals, "measured": "PSS of the process tree"},
        rounds=asked.rounds,
        results={
            "peak_mib": peaks,
            "many_over_few": round(peaks["many"]["median"] / peaks["few"]["median"], 3),
        },
    )


if __name__ == "__main__":
    main()
