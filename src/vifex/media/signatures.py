"""The first bytes by which formats are recognised: one table for listing files and for opening them.

Listing a folder must not take other files for media, so it wants whole signatures. Opening a file that the
user named only chooses the decoder that tries first, so it is satisfied with less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from vifex.values.media import Kind

__all__ = ["BRANDS", "SIGNATURES", "Signature"]


@dataclass(frozen=True, slots=True)
class Signature:
    """What first bytes say of a file."""

    mark: bytes
    """The bytes at the start of the file; for a brand, those behind `ftyp`."""
    listed: Kind | None
    """The kind of medium for which a listing takes a file without a known suffix; `None` for none."""
    opened: Literal["image", "video"] | None
    """Whose decoder tries first; `None` if these bytes do not decide it."""


SIGNATURES: Final = (
    Signature(b"\xff\xd8\xff", "image", "image"),  # JPEG, MPO
    Signature(b"\x89PNG\r\n\x1a\n", "image", "image"),  # PNG
    Signature(b"GIF87a", "image", "image"),  # GIF
    Signature(b"GIF89a", "image", "image"),  # GIF
    Signature(b"II*\x00", "image", "image"),  # TIFF, and the raw files of most cameras
    Signature(b"MM\x00*", "image", "image"),  # TIFF
    Signature(b"II+\x00", "image", "image"),  # BigTIFF
    Signature(b"MM\x00+", "image", "image"),  # BigTIFF
    Signature(b"\x00\x00\x00\x0cjP  \r\n\x87\n", "image", "image"),  # JPEG 2000
    Signature(b"\x00\x00\x00\x0cjP  ", None, "image"),  # JPEG 2000 with a damaged signature
    Signature(b"\xff\x4f\xff\x51", "image", "image"),  # a bare JPEG 2000 code stream
    Signature(b"\xff\x0a", "image", "image"),  # a bare JPEG XL code stream
    Signature(b"\x00\x00\x00\x0cJXL \r\n\x87\n", "image", "image"),  # JPEG XL
    Signature(b"\x00\x00\x00\x0cJXL ", None, "image"),  # JPEG XL with a damaged signature
    Signature(b"8BPS\x00", "image", "image"),  # Photoshop
    Signature(b"8BPS", None, "image"),  # Photoshop with another version
    Signature(b"DDS |\x00\x00\x00", "image", "image"),  # DirectDraw surface
    Signature(b"DDS ", None, "image"),  # DirectDraw surface with another header
    Signature(b"qoif", "image", "image"),  # QOI
    Signature(b"BM", None, "image"),  # BMP; `kinds` checks its header
    Signature(b"\x00\x00\x01\x00", None, "image"),  # ICO; `kinds` checks its header
    Signature(b"icns", None, "image"),  # an icon of macOS
    Signature(b"FUJIFILMCCD-RAW", None, "image"),  # a raw photograph
    Signature(b"FOVb", None, "image"),  # a raw photograph
    Signature(b"\x00MRM", None, "image"),  # a raw photograph
    Signature(b"IIU\x00", None, "image"),  # a raw photograph
    Signature(b"IIRO", None, "image"),  # a raw photograph
    Signature(b"IIRS", None, "image"),  # a raw photograph
    Signature(b"MMOR", None, "image"),  # a raw photograph
    Signature(b"P1", None, "image"),  # Netpbm; `kinds` checks its header
    Signature(b"P2", None, "image"),  # Netpbm; `kinds` checks its header
    Signature(b"P3", None, "image"),  # Netpbm; `kinds` checks its header
    Signature(b"P4", None, "image"),  # Netpbm; `kinds` checks its header
    Signature(b"P5", None, "image"),  # Netpbm; `kinds` checks its header
    Signature(b"P6", None, "image"),  # Netpbm; `kinds` checks its header
    Signature(b"P7", None, "image"),  # Netpbm; `kinds` checks its header
    Signature(b"/* XPM", None, "image"),  # XPM
    Signature(b"#define", None, "image"),  # XBM
    Signature(b"v/1\x01", "image", None),  # OpenEXR
    Signature(b"#?RADIANCE\n", "image", None),  # Radiance HDR
    Signature(b"\x8aMNG\r\n\x1a\n", "image", None),  # MNG
    Signature(b"\x1aE\xdf\xa3", "video", "video"),  # Matroska, WebM
    Signature(b"FLV\x01", "video", "video"),  # FLV
    Signature(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video", "video"),  # ASF, WMV
    Signature(b"\x00\x00\x01\xba", "video", "video"),  # MPEG programme stream
    Signature(b"\x00\x00\x01\xb3", "video", "video"),  # MPEG-1 and MPEG-2 video
    Signature(b"OggS", None, "video"),  # Ogg; `kinds` looks at its streams
    Signature(b"\x06\x0e\x2b\x34\x02\x05\x01\x01", "video", None),  # MXF
    Signature(b".RMF\x00", "video", None),  # RealMedia
    Signature(b"DKIF\x00\x00", "video", None),  # IVF
    Signature(b"YUV4MPEG2 ", "video", None),  # Y4M
    Signature(b"nut/multimedia container\x00", "video", None),  # NUT
    Signature(b"ID3", "audio", None),  # MP3 with tags
    Signature(b"fLaC", "audio", None),  # FLAC
    Signature(b"\xff\xfb", "audio", None),  # MP3
    Signature(b"\xff\xf3", "audio", None),  # MP3
    Signature(b"\xff\xf2", "audio", None),  # MP3
    Signature(b"\xff\xf1", "audio", None),  # AAC
    Signature(b"\xff\xf9", "audio", None),  # AAC
    Signature(b"#!AMR", "audio", None),  # AMR
    Signature(b"FORM", "audio", None),  # AIFF
    Signature(b".snd\x00\x00", "audio", None),  # AU
    Signature(b"caff\x00\x01", "audio", None),  # CAF
    Signature(b"wvpk", "audio", None),  # WavPack
    Signature(b"MAC ", "audio", None),  # Monkey's Audio
    Signature(b"MThd\x00\x00", "audio", None),  # MIDI
    Signature(b"DSD ", "audio", None),  # DSF
)
"""By start of file; a longer mark comes before a shorter one that it begins with."""

BRANDS: Final = (
    Signature(b"avif", "image", "image"),
    Signature(b"avis", "image", "image"),
    Signature(b"heic", "image", "image"),
    Signature(b"heix", "image", "image"),
    Signature(b"heim", "image", "image"),
    Signature(b"heis", "image", "image"),
    Signature(b"mif1", "image", "image"),
    Signature(b"msf1", "image", "image"),
    Signature(b"miaf", "image", "video"),
    Signature(b"hevc", "image", "video"),
    Signature(b"crx ", "video", "image"),
    Signature(b"M4A ", "audio", "video"),
    Signature(b"M4B ", "audio", "video"),
    Signature(b"M4P ", "audio", "video"),
)
"""By brand of an ISO base media file (MP4, QuickTime, HEIF, AVIF); every other brand is a video."""
