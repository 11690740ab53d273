"""JPEGs of 12 megapixels at an eighth of their size: which decoder on PyPI is fastest.

usage: scaled_jpegs.py [--photos FOLDER] [--different N] [--rounds N]

Every decoder that is installed takes its turn on the same files in memory, on one core, and its processor
time is counted. Install what is to be compared: simplejpeg, PyTurboJPEG (with libturbojpeg), pyvips-binary
with pyvips, opencv-python-headless. `vifex-jpeg` is the decoder of Vifex's plug-in.

The loop of `large_jpegs.py` takes 138 ms a photograph, and Vifex 3 ms besides decoding. So 5.5 times the loop
leaves a decoder 22 ms where Pillow takes 31: the column `of Pillow` has to be at most 0.72.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from inputs import PHOTOS
from large_jpegs import large_photographs
from PIL import Image

SCALE = 8


def pillow(data: bytes) -> object:
    image = Image.open(io.BytesIO(data))
    image.draft("RGB", (image.width // SCALE, image.height // SCALE))
    image.load()
    return image


def simplejpeg() -> Callable[[bytes], object]:
    import simplejpeg

    def decode(data: bytes) -> object:
        height, width, _, _ = simplejpeg.decode_jpeg_header(data)
        return simplejpeg.decode_jpeg(
            data,
            fastdct=True,
            fastupsample=True,
            min_height=-(-height // SCALE),
            min_width=-(-width // SCALE),
            min_factor=1,
        )

    return decode


def turbojpeg() -> Callable[[bytes], object]:
    from turbojpeg import TJFLAG_FASTDCT, TJFLAG_FASTUPSAMPLE, TurboJPEG

    decoder = TurboJPEG()
    return lambda data: decoder.decode(
        data, scaling_factor=(1, SCALE), flags=TJFLAG_FASTDCT | TJFLAG_FASTUPSAMPLE
    )


def opencv() -> Callable[[bytes], object]:
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    return lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_COLOR_8)


def vips() -> Callable[[bytes], object]:
    import pyvips

    return lambda data: pyvips.Image.jpegload_buffer(data, shrink=SCALE).write_to_memory()


def pyav() -> Callable[[bytes], object]:
    import av

    def decode(data: bytes) -> object:
        context = av.CodecContext.create("mjpeg", "r")
        context.thread_count = 1
        context.options = {"lowres": "3"}
        return context.decode(av.Packet(data)) or context.decode(None)

    return decode


def plug_in() -> Callable[[bytes], object]:
    from vifex_jpeg import decode_eighth

    def decode(data: bytes) -> object:
        image = decode_eighth(io.BytesIO(data), len(data), Image.open(io.BytesIO(data)).size)
        assert image is not None
        return image

    return decode


MAKERS: dict[str, Callable[[], Callable[[bytes], object]]] = {
    "Pillow, draft": lambda: pillow,
    "simplejpeg": simplejpeg,
    "PyTurboJPEG": turbojpeg,
    "OpenCV, reduced": opencv,
    "libvips, shrink": vips,
    "FFmpeg, lowres": pyav,
    "vifex-jpeg": plug_in,
}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--photos", type=Path, default=PHOTOS, help="a folder of JPEGs")
    words.add_argument("--different", type=int, default=8, help="how many of them; default: 8")
    words.add_argument("--rounds", type=int, default=5, help="rounds over all files; default: 5")
    asked = words.parse_args()
    files = sorted(large_photographs(asked.photos, asked.different).glob("*.jpg"))
    blobs = [path.read_bytes() for path in files]
    decoders = {}
    for name, make in MAKERS.items():
        try:
            decoders[name] = make()
            decoders[name](blobs[0])
        except Exception as exc:  # whatever an absent or broken library raises
            decoders.pop(name, None)
            print(f"{name}: not compared ({type(exc).__name__}: {exc})")
    seconds: dict[str, list[float]] = {name: [] for name in decoders}
    for _ in range(asked.rounds):
        for name, decode in decoders.items():
            start = time.process_time()
            for data in blobs:
                decode(data)
            seconds[name].append((time.process_time() - start) / len(blobs))
    base = statistics.median(seconds["Pillow, draft"])
    for name, found in seconds.items():
        middle = statistics.median(found)
        print(f"{name:18} {1e3 * middle:6.1f} ms  {middle / base:5.2f} of Pillow")


if __name__ == "__main__":
    main()
