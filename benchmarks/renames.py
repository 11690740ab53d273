"""A renamed folder costs no inference: a store whose folder got another name, extracted again.

usage: renames.py [--images N] [--rounds N]

The images are 64-pixel JPEGs, which are small files. They are extracted once. In each round the folder gets
another name and is extracted again, and then once more under the same name. The calls of the network and the
started decoders are counted, and all vectors must be those of the first run, bit for bit.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from inputs import SHARED, parser
from record import spread, write

import vifex
from vifex.engines.openvino.network import OpenVinoNetwork
from vifex.extraction.decoders.loop import DecodingLoop

SOURCE = SHARED / "data" / "tiny-imagenet-train.parquet"

calls = {"inferences": 0, "decoding": 0}


def count_calls() -> None:
    """Count what is computed and whether decoders start, in this process, where both are asked for."""
    submit, start = OpenVinoNetwork.submit, DecodingLoop.__init__

    def counted(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        calls["inferences"] += 1
        return submit(self, *args, **kwargs)

    def started(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        calls["decoding"] += 1
        start(self, *args, **kwargs)

    OpenVinoNetwork.submit, DecodingLoop.__init__ = counted, started  # type: ignore[method-assign]


def extracted(folder: Path, store: Path) -> tuple[vifex.Report, float, dict[str, int]]:
    """Extract; give the report, wall seconds, and what was called."""
    calls.update(dict.fromkeys(calls, 0))
    began_s = time.perf_counter()
    report = vifex.extract(folder, store)
    return report, time.perf_counter() - began_s, dict(calls)


def vectors(store: Path) -> npt.NDArray[np.float32]:
    with vifex.open(store) as opened:
        names = opened.to_arrow(["name"])["name"].to_numpy(zero_copy_only=False)
        return opened.to_numpy()[np.argsort(names)]


def main() -> None:
    given = parser(__doc__, rounds=3)
    given.add_argument("--images", type=int, default=10_000)
    args = given.parse_args()
    count_calls()
    renamed, resumed = [], []
    with tempfile.TemporaryDirectory() as scratch:
        folder, store = Path(scratch, "photos"), Path(scratch, "s.vifex")
        folder.mkdir()
        for number, row in enumerate(pq.read_table(SOURCE).slice(0, args.images).to_pylist()):
            (folder / f"{number:06d}.jpg").write_bytes(row["image"])
        report, first_s, first = extracted(folder, store)
        assert report.ok == args.images
        assert first["inferences"] > 0
        before = vectors(store)
        for number in range(args.rounds):
            folder = folder.rename(Path(scratch, f"renamed-{number}"))
            report, seconds, called = extracted(folder, store)
            assert (report.moved, report.rows, report.ok) == (args.images, 0, 0), report
            assert called == {"inferences": 0, "decoding": 0}, called
            renamed.append(seconds)
            report, seconds, called = extracted(folder, store)
            assert (report.already_done, report.moved) == (args.images, 0), report
            resumed.append(seconds)
        np.testing.assert_array_equal(vectors(store), before)
        with vifex.open(store) as opened:
            assert opened.verify().ok
            assert not opened.missing()
    write(
        "renames",
        config={"images": args.images, "source": SOURCE.name, "store": "temporary folder"},
        rounds=args.rounds,
        results={
            "first_s": round(first_s, 2),
            "first_inferences": first["inferences"],
            "renamed_s": spread(renamed),
            "renamed_inferences": 0,
            "decoders_started": 0,
            "resumed_s": spread(resumed),
        },
    )


if __name__ == "__main__":
    main()
