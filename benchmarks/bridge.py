"""The recall of `vifex bridge` from the embedded network to MobileNetV2, by how many media both have seen.

usage: bridge.py WORK [--images N] [--pairs P ...]

The old store has MobileNetV2's pooled features (1,280 numbers; a file of `../shared/models`) of N images of
Tiny-ImageNet, the new ones the embedded network's 512 of P of them. No torch is needed. About four minutes on
two cores.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

from advise import DATA, MOBILENET, SHARED, models, write_images
from record import write

import vifex


def figures(found: vifex.Bridge) -> dict[str, Any]:
    def shown(recall: vifex.BridgeRecall) -> dict[str, list[float]]:
        rows = {f"recall_at_{k}": one for k, one in recall.at.items()} | {"overlap": recall.overlap}
        return {name: [round(v, 4) for v in (one.value, one.low, one.high)] for name, one in rows.items()}

    return {
        "queries": found.queries,
        "rows": found.rows,
        "method": found.method,
        "bridge": shown(found.recall),
        found.baseline_is: shown(found.baseline),
        "is_better": found.is_better,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--pairs", type=int, nargs="+", default=[100, 300, 1000, 3000])
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    folder, old = given.work / "bridge", given.work / "bridge-old.vifex"
    if not folder.exists():
        write_images(SHARED / "data" / DATA["tiny-imagenet"], folder, given.images, 200)
    file = next(Path(name) for name in models(given.work) if name.endswith(MOBILENET))
    vifex.extract(folder, old, model=file, layers=["ReduceMean.0"])
    media = sorted(folder.glob("*/*.jpg"), key=lambda path: (int(path.stem), path))
    results = {}
    for pairs in given.pairs:
        new = given.work / f"bridge-new-{pairs}.vifex"
        shutil.rmtree(new, ignore_errors=True)
        vifex.extract(media[:: max(1, len(media) // pairs)][:pairs], new)
        results[f"{pairs} pairs"] = figures(vifex.bridge(old, new))
        print(pairs, results[f"{pairs} pairs"], flush=True)
    config = {"images": given.images, "old": f"{MOBILENET} ReduceMean.0", "new": "default embedding"}
    write("bridge", config=config, rounds=1, results=results)


if __name__ == "__main__":
    main()
