"""Peak memory of the whole process tree: an hour of video against a minute of it.

usage: memory.py [--clip FILE] [--rounds N]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from inputs import CLIPS, parser
from looped import loop_clip
from record import peak_bytes, write

MIB = 1 << 20


def main(clip: Path, rounds: int) -> None:
    results: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        peaks: dict[str, list[float]] = {"minute": [], "hour": []}
        for name, seconds in (("minute", 60), ("hour", 3600)):
            loop_clip(clip, Path(folder) / f"{name}.mkv", seconds)
        for number in range(rounds + 1):
            for name, values in peaks.items():
                store = Path(folder) / f"{name}-{number}.vifex"
                video = Path(folder) / f"{name}.mkv"
                peak = peak_bytes([sys.executable, "-m", "vifex", "extract", str(video), "-o", str(store)])
                if number:
                    values.append(peak / MIB)
        medians = {name: sorted(values)[len(values) // 2] for name, values in peaks.items()}
        for name, values in peaks.items():
            results[name] = {"peak_mib": [round(v, 1) for v in values]}
        results["hour_over_minute"] = round(medians["hour"] / medians["minute"], 3)
    write("memory", config={"clip": clip.name, "fps": 1}, rounds=rounds, results=results)


if __name__ == "__main__":
    words = parser(__doc__, rounds=3)
    words.add_argument("--clip", type=Path, default=CLIPS / "clip-h264.flv", help="what is looped")
    asked = words.parse_args()
    main(asked.clip, asked.rounds)
