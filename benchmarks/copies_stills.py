"""Images that videos show: photographs in slideshows, beside photographs that no video shows.

usage: copies_stills.py [--shown N] [--rate R] [--keep FOLDER]

Slideshows of three photographs, three seconds each, with one edit each: whole, cropped to two thirds, panned
over by a window of half the width, zoomed into down to a quarter of the area, captioned, and bright. They are
encoded in H.264 (x264, CRF 26). Other photographs are in no slideshow, and the real videos of `media/good`
and of the fights show none of the photographs. Every pair of a photograph and a video is judged by
`vifex.copies`: found, or not. About three minutes on two cores.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageEnhance
from record import ROOT, write

import vifex

SHARED = ROOT.parent / "shared"
WIDTH, HEIGHT, RATE = 640, 480, 25
SHOWN_S = 3
OF_A_SHOW = 3
FIGHTS = 40
Edit = Callable[[Image.Image, float], Image.Image]


def _window(image: Image.Image, share: float, x: float, y: float) -> Image.Image:
    """Cut a window of this share of both sides; `x` and `y` say where, from 0 to 1."""
    width, height = round(image.width * share), round(image.height * share)
    left, top = round((image.width - width) * x), round((image.height - height) * y)
    return image.crop((left, top, left + width, top + height))


def _captioned(image: Image.Image, at: float) -> Image.Image:
    del at
    found = image.copy()
    draw = ImageDraw.Draw(found)
    draw.rectangle((0, found.height * 4 // 5, found.width, found.height), fill="black")
    draw.text(
        (found.width // 8, found.height * 5 // 6), "HOLIDAY", fill="white", font_size=found.height // 10
    )
    return found


EDITS: dict[str, Edit] = {
    "whole": lambda image, at: image,
    "cropped": lambda image, at: _window(image, 0.82, 0.5, 0.5),
    "panned": lambda image, at: _window(image, 0.5, at, 0.5),
    "zoomed": lambda image, at: _window(image, 1 - 0.5 * at, 0.5, 0.5),
    "captioned": _captioned,
    "bright": lambda image, at: ImageEnhance.Color(ImageEnhance.Brightness(image).enhance(1.3)).enhance(0.6),
}


def slideshow(target: Path, photographs: list[Path], edit: Edit) -> None:
    """Write a video of some photographs, one after the other."""
    with av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "26"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for path in photographs:
            image = Image.open(path).convert("RGB")
            for number in range(SHOWN_S * RATE):
                shown = edit(image, number / (SHOWN_S * RATE - 1)).resize((WIDTH, HEIGHT))
                container.mux(stream.encode(av.VideoFrame.from_image(shown)))
        container.mux(stream.encode())


def made(folder: Path, photographs: list[Path]) -> Iterator[tuple[str, str, str]]:
    """Write the slideshows; yields name of the video, name of a photograph in it, and the edit."""
    names = list(EDITS)
    for first in range(0, len(photographs), OF_A_SHOW):
        name = names[first // OF_A_SHOW % len(names)]
        some = photographs[first : first + OF_A_SHOW]
        target = folder / f"show-{first:03d}-{name}.mp4"
        slideshow(target, some, EDITS[name])
        for path in some:
            yield target.name, path.name, name


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shown", type=int, default=54, help="photographs in slideshows")
    parser.add_argument("--rate", type=float, default=2.0, help="sampled frames a second")
    parser.add_argument("--keep", type=Path, help="keep the media and the store in this folder")
    given = parser.parse_args()
    photographs = sorted((SHARED / "data" / "photos").glob("*.jpg"))
    order = np.random.default_rng(0).permutation(len(photographs))[: given.shown]
    real = [
        p
        for p in sorted((SHARED / "media" / "good").iterdir())
        if p.suffix in (".mp4", ".mkv", ".mov", ".webm")
    ]
    real += sorted((SHARED / "data" / "fights").rglob("*.mp4"))[:: max(1, 300 // FIGHTS)]
    with nullcontext(given.keep) if given.keep else tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "shows").mkdir(parents=True, exist_ok=True)
        truth = {(v, p): e for v, p, e in made(folder / "shows", [photographs[i] for i in sorted(order)])}
        store = folder / "stills.vifex"
        vifex.extract([folder / "shows", SHARED / "data" / "photos", *real], store, fps=given.rate)
        found = vifex.copies(store)
        with vifex.open(store) as opened:
            media = len(opened.ledger())
    pairs = {(Path(s.video.name).name, Path(s.name).name) for s in found.images_in_videos}
    edits = {
        name: {
            "shown": sum(edit == name for edit in truth.values()),
            "found": sum(edit == name for pair, edit in truth.items() if pair in pairs),
        }
        for name in EDITS
    }
    right = sum(pair in truth for pair in pairs)
    results = {
        "media": media,
        "videos": len({v for v, _ in truth}) + len(real),
        "shown": len(truth),
        "found": len(pairs),
        "right": right,
        "recall": round(right / len(truth), 4),
        "false": len(pairs) - right,
        "edits": edits,
    }
    write("copies_stills", results=results, rounds=1, config={"rate": given.rate, "shown": given.shown})


if __name__ == "__main__":
    main()
