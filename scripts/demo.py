"""The demo: real photographs and videos made of them, turned into features, stored and searched.

Everything happens in `demo/` below the working folder; nothing is downloaded. Run it with `make demo`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from PIL import Image

WIDTH_PX: Final = 640
HEIGHT_PX: Final = 360
FPS: Final = 25
TOLERANCE_S: Final = 0.5
"""How far outside its shot the found time may lie."""

SKIMAGE: Final = ("skimage", "data")
SKLEARN: Final = ("sklearn", "datasets/images")


@dataclass(frozen=True, slots=True)
class Photo:
    """A photograph that an installed package brings along."""

    package: str
    folder: str
    file: str
    credit: str

    @property
    def path(self) -> Path:
        """Where it lies; the package is not imported."""
        spec = find_spec(self.package)
        if spec is None or spec.origin is None:
            raise SystemExit(f"The demo needs photographs of {self.package}: pip install 'vifex[demo]'.")
        path = Path(spec.origin).parent / self.folder / self.file
        if not path.is_file():
            raise SystemExit(
                f"{path} is missing: this version of {self.package} does not bring the photograph."
            )
        return path


PHOTOS: Final[dict[str, Photo]] = {
    "astronaut": Photo(*SKIMAGE, "astronaut.png", "NASA, public domain"),
    "camera": Photo(*SKIMAGE, "camera.png", "Lav Varshney, CC0"),
    "cat": Photo(*SKIMAGE, "chelsea.png", "Stéfan van der Walt, CC0"),
    "coffee": Photo(*SKIMAGE, "coffee.png", "Rachel Michetti, CC0"),
    "coins": Photo(*SKIMAGE, "coins.png", "Brooklyn Museum, no known restrictions"),
    "galaxies": Photo(*SKIMAGE, "hubble_deep_field.jpg", "NASA, public domain"),
    "gravel": Photo(*SKIMAGE, "gravel.png", "CC0Textures, CC0"),
    "motorcycle": Photo(
        *SKIMAGE, "motorcycle_left.png", "Middlebury stereo benchmark 2014, D. Scharstein and others"
    ),
    "rocket": Photo(*SKIMAGE, "rocket.jpg", "SpaceX, CC0"),
    "temple": Photo(*SKLEARN, "china.jpg", "danielbuechele, CC BY 2.0"),
    "dahlia": Photo(*SKLEARN, "flower.jpg", "vultilion, CC BY 2.0"),
    "moon": Photo(*SKIMAGE, "moon.png", "as it comes with scikit-image"),
}


@dataclass(frozen=True, slots=True)
class View:
    """What the camera sees of a photograph: the middle and the width, as parts of its width and height."""

    x: float
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class Shot:
    """A movement over one photograph, from one view to another."""

    photo: str
    start: View
    end: View
    n_frames: int


VIDEOS: Final[dict[str, tuple[Shot, ...]]] = {
    "travel.mp4": (
        Shot("temple", View(0.35, 0.30, 0.60), View(0.60, 0.60, 0.75), 88),
        Shot("coffee", View(0.50, 0.50, 1.00), View(0.50, 0.45, 0.55), 80),
        Shot("motorcycle", View(0.33, 0.50, 0.65), View(0.67, 0.50, 0.65), 96),
        Shot("camera", View(0.50, 0.70, 0.90), View(0.45, 0.30, 0.60), 76),
    ),
    "space.mp4": (
        Shot("rocket", View(0.50, 0.75, 0.60), View(0.50, 0.40, 1.00), 92),
        Shot("astronaut", View(0.40, 0.70, 0.75), View(0.50, 0.30, 0.75), 84),
        Shot("galaxies", View(0.30, 0.35, 0.50), View(0.65, 0.60, 0.50), 100),
        Shot("moon", View(0.50, 0.50, 1.00), View(0.60, 0.40, 0.60), 80),
    ),
    "things.mp4": (
        Shot("cat", View(0.50, 0.45, 1.00), View(0.50, 0.40, 0.65), 90),
        Shot("coins", View(0.30, 0.30, 0.55), View(0.70, 0.65, 0.55), 78),
        Shot("dahlia", View(0.55, 0.50, 0.95), View(0.52, 0.50, 0.50), 86),
        Shot("gravel", View(0.40, 0.30, 0.70), View(0.60, 0.70, 0.70), 82),
    ),
}

QUERY_PHOTO: Final = "coffee"
QUERY_BOX: Final = (0.30, 0.08, 0.80, 0.58)
"""A quarter of the photograph's area: left, top, right, bottom as parts of its size."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Where a photograph is to be seen."""

    video: str
    photo: str
    t_start_s: float
    t_end_s: float


def truths() -> list[Truth]:
    """Tell which photograph is seen in which video, from when to when."""
    found = []
    for video, shots in VIDEOS.items():
        first = 0
        for shot in shots:
            last = first + shot.n_frames
            found.append(Truth(video, shot.photo, first / FPS, last / FPS))
            first = last
    return found


def camera(shot: Shot, size: tuple[int, int]) -> Iterator[tuple[float, float, float, float]]:
    """Give the part of a photograph that each frame of a shot shows, in pixels: left, top, right, bottom.

    The way is eased in and out; parts are not rounded to whole pixels, so that slow movements are smooth.
    """
    width_px, height_px = size
    for n in range(shot.n_frames):
        at = n / (shot.n_frames - 1)
        at = at * at * (3 - 2 * at)
        x, y, part = (a + (b - a) * at for a, b in zip(_numbers(shot.start), _numbers(shot.end), strict=True))
        w = min(part * width_px, height_px * WIDTH_PX / HEIGHT_PX)
        h = w * HEIGHT_PX / WIDTH_PX
        left = min(max(x * width_px - w / 2, 0.0), width_px - w)
        top = min(max(y * height_px - h / 2, 0.0), height_px - h)
        yield left, top, left + w, top + h


def _numbers(view: View) -> tuple[float, float, float]:
    return view.x, view.y, view.width


def write_video(path: Path, shots: Sequence[Shot]) -> None:
    """Write shots one after the other, with hard cuts: H.264 with B-frames, 25 frames per second."""
    # The file gets its name when it is whole, so that an interrupted demo can be run again.
    unfinished = path.with_name(f"unfinished-{path.name}")
    with av.open(str(unfinished), "w") as container:
        stream = container.add_stream(
            "libx264", rate=FPS, options={"preset": "veryfast", "crf": "20", "bf": "2"}
        )
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        for n, image in enumerate(_images(shots)):
            frame = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")
            frame.pts, frame.time_base = n, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    unfinished.replace(path)


def _images(shots: Sequence[Shot]) -> Iterator[Image.Image]:
    for shot in shots:
        with Image.open(PHOTOS[shot.photo].path) as image:
            photo = image.convert("RGB")
        for box in camera(shot, photo.size):
            yield photo.resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.LANCZOS, box=box)


def write_photos(folder: Path) -> None:
    """Write the photographs, those without colour as PNG and the others as JPEG."""
    for name, photo in PHOTOS.items():
        with Image.open(photo.path) as image:
            if image.mode == "L":
                image.save(folder / f"{name}.png")
            else:
                image.convert("RGB").save(folder / f"{name}.jpg", quality=92)


def make_media(folder: Path) -> list[Truth]:
    """Write photographs and videos into `folder/media`, unless they are there; tell where each is seen."""
    plan = json.dumps(
        {"videos": {k: [asdict(s) for s in v] for k, v in VIDEOS.items()}, "photos": list(PHOTOS)}
    )
    made = folder / "made-by.json"
    media = folder / "media"
    if not (made.is_file() and made.read_text() == plan and media.is_dir()):
        media.mkdir(parents=True, exist_ok=True)
        write_photos(media)
        for name, shots in VIDEOS.items():
            write_video(media / name, shots)
        credit = "".join(f"{name}: {p.credit} ({p.package}, {p.file})\n" for name, p in PHOTOS.items())
        (folder / "CREDITS.txt").write_text(credit, encoding="utf-8")
        made.write_text(plan)
    (folder / "truth.json").write_text(json.dumps([asdict(t) for t in truths()], indent=1))
    return truths()


def write_query(path: Path, photo: str = QUERY_PHOTO, box: tuple[float, ...] = QUERY_BOX) -> None:
    """Cut a piece out of a photograph and compress it once more, as images on the web are."""
    with Image.open(PHOTOS[photo].path) as image:
        w, h = image.size
        piece = image.convert("RGB").crop(
            (round(box[0] * w), round(box[1] * h), round(box[2] * w), round(box[3] * h))
        )
    out = BytesIO()
    piece.save(out, "JPEG", quality=60)
    path.write_bytes(out.getvalue())


def vifex(*words: str, quiet: bool = False) -> str:
    """Run the command `vifex`; end the demo with its status if it fails.

    Returns:
        What it printed, for `quiet`; else that is shown and the result is empty.
    """
    print("\n$ vifex " + " ".join(f'"{w}"' if " " in w else w for w in words), flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "vifex", *words], stdout=subprocess.PIPE if quiet else None, encoding="utf-8"
    )
    if done.returncode:
        print("The demo stopped here. `make clean` removes demo/, for a fresh start.", file=sys.stderr)
        raise SystemExit(done.returncode)
    return done.stdout or ""


def judge(hit: dict[str, Any], expected: Truth) -> str | None:
    """Compare the best hit with what is true; `None` where it is right, else what is wrong."""
    name, t_s = hit["name"], hit["t_s"]
    if name != expected.video:
        return f"the best hit is in {name}, and the shot is in {expected.video}"
    if not expected.t_start_s - TOLERANCE_S <= t_s <= expected.t_end_s + TOLERANCE_S:
        return f"the best hit is at {t_s:.2f} s, and the shot from {_span(expected)}"
    return None


def _span(truth: Truth) -> str:
    return f"{truth.t_start_s:.2f} s to {truth.t_end_s:.2f} s"


def main(folder: Path = Path("demo")) -> int:
    """Run the whole demo in a folder; give the exit status."""
    started = time.monotonic()
    print(f"Making {len(PHOTOS)} photographs and {len(VIDEOS)} videos of them in {folder / 'media'} ...")
    expected = next(truth for truth in make_media(folder) if truth.photo == QUERY_PHOTO)
    query, sheet, store = folder / "query.jpg", folder / "search.html", str(folder / "demo.vifex")
    write_query(query)
    print(f"{query} is a quarter of the photograph of the {QUERY_PHOTO}, compressed once more.")

    vifex("extract", str(folder / "media"), "-o", store, "--fps", "2")
    vifex("show", store)
    search = ("search", store, str(query), "-k", "12", "--where", "t_s IS NOT NULL")
    vifex(*search, "--html", str(sheet), "--overwrite")
    hits = json.loads(vifex(*search, "--json", quiet=True))["hits"]

    print(f"\nThe {QUERY_PHOTO} is seen in {expected.video} from {_span(expected)}.")
    wrong = judge(hits[0], expected) if hits else "nothing was found"
    if wrong:
        print(f"WRONG: {wrong}.")
        return 1
    print(f"Found: the best hit is {hits[0]['name']} at {hits[0]['t_s']:.2f} s, in the right shot.")
    print(f"Open the contact sheet in a browser: {sheet.resolve().as_uri()}")
    print(f"The demo took {time.monotonic() - started:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
