"""Resuming over many finished files: what asking `is it done?` costs, against making them again.

usage: resume.py [--files N] [--rounds N] [--network NAME] [--photos FOLDER]

The files are links to one tiny image under names of their own, recorded once by a network of one layer.
What ResNet-50 would need for them is their number over its rate by Vifex on the photographs, measured in
this run.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from inputs import PHOTOS, Images, link, network, parser
from PIL import Image
from record import alternate, spread, write
from vifex_run import VifexRun, extract

from vifex.values.openvino import import_openvino

SIDE_PX, RATE_IMAGES = 16, 960
CARD = (
    f'name = "tiny"\nheight_px = {SIDE_PX}\nwidth_px = {SIDE_PX}\n'
    'layout = "NCHW"\ndefault_layers = ["mean"]\n'
)


def tiny_network(folder: Path) -> Path:
    """Write a network that gives the mean of each channel."""
    ov = import_openvino()
    pixels = ov.opset13.parameter([-1, 3, SIDE_PX, SIDE_PX], np.float32, "pixels")
    mean = ov.opset13.reduce_mean(pixels, np.array([2, 3]), False)
    mean.output(0).set_names({"mean"})
    path = folder / "tiny.xml"
    ov.save_model(ov.Model([mean], [pixels], "tiny"), path)
    path.with_suffix(".vifex.toml").write_text(CARD)
    return path


def many_files(folder: Path, count: int) -> Path:
    """Make `count` names for one tiny image, a thousand in a folder."""
    image = folder / "tiny.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (SIDE_PX, SIDE_PX, 3), np.uint8)).save(image)
    files = folder / "files"
    for number in range(count):
        place = files / f"{number // 1000:04d}"
        if number % 1000 == 0:
            place.mkdir(parents=True)
        link(image, place / f"{number:07d}.jpg")
    return files


def main() -> None:
    words = parser(__doc__, rounds=5)
    words.add_argument("--files", type=int, default=100_000, help="default: 100,000")
    words.add_argument("--photos", type=Path, default=PHOTOS, help="a folder of JPEGs, for the rate")
    words.add_argument("--network", default="resnet50", help="whose rate is compared with")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        images = Images(asked.photos, work)
        rated = VifexRun(["--model", network(asked.network)], folder=images.folder, work=work)
        command = [many_files(work, asked.files), "-o", work / "s.vifex", "--model", tiny_network(work)]
        first = extract(command)
        if first["ok"] != asked.files:
            raise RuntimeError(f"{first['ok']} of {asked.files} files were recorded")

        def resume() -> float:
            report = extract(command)
            if report["already_done"] != asked.files:
                raise RuntimeError(f"{report['already_done']} of {asked.files} files were taken as done")
            return float(report["wall_s"])

        def rate() -> float:
            told = rated.run(RATE_IMAGES)
            return told.count / told.seconds

        values = alternate({"resume": resume, "rate": rate}, asked.rounds)
    seconds, rates = spread(values["resume"]), spread(values["rate"])
    again_s = asked.files / rates["median"]
    write(
        "resume",
        config={"files": asked.files, "network": asked.network, "precision": rated.precision},
        rounds=asked.rounds,
        results={
            "resume_seconds": seconds,
            "first_run_seconds": round(first["wall_s"], 1),
            "images_per_s": rates,
            "again_seconds": round(again_s, 1),
            "resume_over_again": round(seconds["median"] / again_s, 5),
        },
    )


if __name__ == "__main__":
    main()
