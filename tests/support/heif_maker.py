"""Writes HEIF files box by box: tiles, thumbnails, gain maps, alpha, turns and crops.

Images are encoded by the libx265 and the AV1 encoder inside PyAV; the boxes are ISO/IEC 23008-12's.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace

CONFIGS = {"libx265": (b"hvc1", b"hvcC"), "libsvtav1": (b"av01", b"av1C"), "libaom-av1": (b"av01", b"av1C")}


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def full(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def encode(pixels: Any, codec: str = "libx265", pix_fmt: str = "yuvj420p") -> tuple[bytes, bytes]:
    """Encode one image; gives its configuration and its data."""
    options = (
        {"x265-params": "log-level=none:crf=12:bframes=0:repeat-headers=0:info=0"}
        if codec == "libx265"
        else {"crf": "20"}
    )
    memory = io.BytesIO()
    with av.open(memory, "w", format="mp4") as out:
        stream = out.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = pixels.shape[1], pixels.shape[0], pix_fmt
        deep = pixels.dtype == np.uint16
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb48le" if deep else "rgb24")
        image = frame.reformat(format=pix_fmt, dst_colorspace=Colorspace.ITU709 if deep else None)
        image.pts = 0
        for packet in [*stream.encode(image), *stream.encode(None)]:
            packet.pts = packet.dts = 0
            out.mux(packet)
    data = memory.getvalue()
    found = []
    for kind in (CONFIGS[codec][1], b"mdat"):
        at = data.index(kind) - 4
        found.append(data[at + 8 : at + struct.unpack(">I", data[at : at + 4])[0]])
    return found[0], found[1]


@dataclass
class Maker:
    """Collects items and writes the file."""

    brand: bytes = b"heic"
    wide: bool = False
    """Numbers of items of four bytes, in the versions of the boxes that have them."""
    items: list[dict[str, Any]] = field(default_factory=list)
    references: list[tuple[bytes, int, list[int]]] = field(default_factory=list)

    def add(
        self, kind: bytes, data: bytes, *properties: bytes, in_idat: bool = False, hidden: bool = False
    ) -> int:
        number = len(self.items) + 1 + (70_000 if self.wide else 0)
        self.items.append(
            {
                "number": number,
                "kind": kind,
                "data": data,
                "properties": properties,
                "idat": in_idat,
                "hidden": hidden,
            }
        )
        return number

    def coded(
        self,
        pixels: Any,
        *properties: bytes,
        codec: str = "libx265",
        pix_fmt: str = "yuvj420p",
        hidden: bool = False,
    ) -> int:
        config, data = encode(pixels, codec, pix_fmt)
        kind, name = CONFIGS[codec]
        return self.add(
            kind, data, box(name, config), ispe(pixels.shape[1], pixels.shape[0]), *properties, hidden=hidden
        )

    def grid(
        self,
        pixels: Any,
        side: tuple[int, int],
        *properties: bytes,
        codec: str = "libx265",
        pix_fmt: str = "yuvj420p",
        wide: bool = False,
    ) -> int:
        """Cut an image into tiles of `side`, width and height, the last ones filled up with its edge."""
        height, width = pixels.shape[:2]
        columns, rows = -(-width // side[0]), -(-height // side[1])
        whole = np.pad(
            pixels, ((0, rows * side[1] - height), (0, columns * side[0] - width), (0, 0)), mode="edge"
        )
        tiles = [
            self.coded(
                whole[r * side[1] : (r + 1) * side[1], c * side[0] : (c + 1) * side[0]],
                codec=codec,
                pix_fmt=pix_fmt,
                hidden=True,
            )
            for r in range(rows)
            for c in range(columns)
        ]
        layout = struct.pack(">BBBB", 0, wide, rows - 1, columns - 1) + struct.pack(
            ">II" if wide else ">HH", width, height
        )
        number = self.add(b"grid", layout, ispe(width, height), *properties, in_idat=True)
        self.references.append((b"dimg", number, tiles))
        return number

    def write(self, primary: int) -> bytes:
        known = list(dict.fromkeys(p for item in self.items for p in item["properties"]))
        ident = ">I" if self.wide else ">H"
        uses = b""
        for item in self.items:
            uses += struct.pack(ident, item["number"]) + bytes([len(item["properties"])])
            for prop in item["properties"]:
                uses += (
                    struct.pack(">H", 0x8000 | known.index(prop) + 1)
                    if len(known) > 127
                    else bytes([0x80 | known.index(prop) + 1])
                )
        ipma = full(b"ipma", int(self.wide), int(len(known) > 127), struct.pack(">I", len(self.items)), uses)
        infes = [
            full(
                b"infe",
                3 if self.wide else 2,
                int(item["hidden"]),
                struct.pack(ident + "H", item["number"], 0),
                item["kind"],
                b"\0",
            )
            for item in self.items
        ]
        refs = [
            box(kind, struct.pack(ident + "H", of, len(to)), *[struct.pack(ident, n) for n in to])
            for kind, of, to in self.references
        ]
        idat = b"".join(item["data"] for item in self.items if item["idat"])
        ftyp = box(b"ftyp", self.brand + b"\0\0\0\0mif1miaf" + self.brand)

        def meta(base: int) -> bytes:
            rows, at_idat = b"", 0
            for item in self.items:
                size = len(item["data"])
                rows += struct.pack(
                    ident + "HHHII",
                    item["number"],
                    int(item["idat"]),
                    0,
                    1,
                    at_idat if item["idat"] else base,
                    size,
                )
                if item["idat"]:
                    at_idat += size
                else:
                    base += size
            count = struct.pack(ident, len(self.items))
            iloc = full(b"iloc", 2 if self.wide else 1, 0, b"\x44\x00", count, rows)
            return full(
                b"meta", 0, 0,
                full(b"hdlr", 0, 0, b"\0\0\0\0pict" + b"\0" * 13),
                full(b"pitm", int(self.wide), 0, struct.pack(ident, primary)),
                full(b"iinf", int(self.wide), 0, struct.pack(ident, len(infes)), *infes),
                full(b"iref", int(self.wide), 0, *refs),
                box(b"iprp", box(b"ipco", *known), ipma),
                box(b"idat", idat),
                iloc,
            )  # fmt: skip

        head = ftyp + meta(len(ftyp) + len(meta(0)) + 8)
        return head + box(b"mdat", *[item["data"] for item in self.items if not item["idat"]])


def ispe(width: int, height: int) -> bytes:
    return full(b"ispe", 0, 0, struct.pack(">II", width, height))


def nclx(primaries: int, transfer: int, matrix: int, *, is_full: bool) -> bytes:
    return box(b"colr", b"nclx", struct.pack(">HHHB", primaries, transfer, matrix, 0x80 * is_full))


def irot(quarters: int) -> bytes:
    return box(b"irot", bytes([quarters]))


def imir(axis: int) -> bytes:
    return box(b"imir", bytes([axis]))


def clap(width: int, height: int, x: tuple[int, int] = (0, 1), y: tuple[int, int] = (0, 1)) -> bytes:
    return box(b"clap", struct.pack(">IIIIiIiI", width, 1, height, 1, *x, *y))


def auxc(kind: str) -> bytes:
    return full(b"auxC", 0, 0, kind.encode() + b"\0")


ALPHA = "urn:mpeg:hevc:2015:auxid:1"
GAIN_MAP = "urn:com:apple:photo:2020:aux:hdrgainmap"
