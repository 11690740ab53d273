"""The kind of a file by its name and its first bytes, without decoding."""

from __future__ import annotations

import codecs
import os
import re
from typing import Final

from vifex.media.signatures import BRANDS, SIGNATURES
from vifex.values.media import Kind

__all__ = ["HEAD_BYTES", "NOT_PIXELS", "by_head", "by_name", "is_text", "may_be_text"]

HEAD_BYTES: Final = 4096
"""Bytes of a file that `by_head` needs: several packets of a transport stream."""

_IMAGES: Final = """
    jpg jpeg jpe jfif jif png apng gif webp avif avifs heic heif heics heifs hif tif tiff bmp dib ico cur icns
    jp2 j2k j2c jpc jpf jpx jpm jls jxl jxr hdp wdp mpo pbm pgm ppm pnm pam pfm pcx dcx tga vda icb vst sgi
    rgba ras psd psb xbm xpm xwd qoi dds exr hdr pic pct pcd fli flc ff flif bpg mng jng
    dng cr2 cr3 crw nef nrw arw srf sr2 orf rw2 raf pef srw 3fr erf kdc dcr mrw mos iiq x3f rwl
"""
_VIDEOS: Final = """
    mp4 m4v mov qt mkv mk3d webm avi divx xvid wmv asf flv f4v 3gp 3g2 3gpp mpg mpeg mpe mpv m1v m2v mp2v
    vob evo mts m2ts m2t ts trp tp tod ogv ogm mxf gxf dv dif rm rmvb rv ivf nut nsv wtv dvr-ms y4m mjpg mjpeg
    mj2 h261 h263 h264 264 avc h26l h265 265 hevc h266 266 vvc obu av1 vc1 amv bik bk2 smk roq swf insv lrv
    360 ismv psp cine r3d braw mlv dav viv
"""
_SOUNDS: Final = """
    mp3 mp2 mpa m2a wav wave w64 rf64 bwf flac ogg oga opus spx m4a m4b m4r m4p isma mka aac adts ac3 eac3 ec3
    dts dtshd thd mlp wma aif aiff aifc au snd caf amr awb ape wv tta tak mpc dsf dff mid midi ra voc gsm qcp
    shn
"""

_BY_SUFFIX: Final[dict[str, Kind]] = {
    **dict.fromkeys(_IMAGES.split(), "image"),
    **dict.fromkeys(_VIDEOS.split(), "video"),
    **dict.fromkeys(_SOUNDS.split(), "audio"),
}

_ARCHIVES: Final = "gz tgz bz2 tbz tbz2 xz txz 7z rar zst lz4 lzma cab cbz cbr cb7 cbt"

# Transport streams share these suffixes with TypeScript, which is text and more common in some folders.
_MAY_BE_TEXT: Final = frozenset({"ts", "mts"})

NOT_PIXELS: Final[dict[str, str]] = {
    **dict.fromkeys(["svg", "svgz"], "a vector drawing, which holds no pixels"),
    **dict.fromkeys(
        ["m3u", "m3u8", "mpd", "pls", "xspf", "ffconcat", "sdp", "ism", "ismc", "edl"],
        "a playlist, which only names other files",
    ),
    **dict.fromkeys(
        _ARCHIVES.split(),
        "an archive; unpack it to read what is in it",
    ),
    **dict.fromkeys(("zip", "tar"), "an archive; name it as a source to read what is in it"),
    **dict.fromkeys(("parquet", "arrow", "feather"), "a table; name it as a source to read its media"),
}
"""Suffixes of files that are not media although they may look so, with the reason."""


_MARKS: Final = tuple((s.mark, s.listed) for s in SIGNATURES if s.listed is not None)
_BRANDS: Final = {s.mark: s.listed for s in BRANDS}


def suffix_of(path: str) -> str:
    """Return a name's suffix in lower case without its dot; empty if it has none."""
    return os.path.splitext(path)[1][1:].lower()  # noqa: PTH122 - pathlib costs more than the rest


def by_name(path: str) -> Kind | None:
    """Return the kind by the suffix; `None` if the suffix is not one of a medium."""
    return _BY_SUFFIX.get(suffix_of(path))


def may_be_text(path: str) -> bool:
    """Return whether a media suffix is also one of text files, so that the first bytes must decide."""
    return suffix_of(path) in _MAY_BE_TEXT


def is_text(head: bytes) -> bool:
    """Return whether bytes are UTF-8 text without control characters; an empty file is not."""
    if not head or re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", head):
        return False
    try:
        # Incrementally, because a character may be cut at the end of the head.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def by_head(head: bytes) -> Kind | None:
    """Return the kind by a file's first bytes; `None` if they are not known."""
    for mark, kind in _MARKS:
        if head.startswith(mark):
            return kind
    for test in (_riff, _iso_media, _bitmap, _icon, _netpbm, _ogg, _transport_stream, _raw_stream):
        found = test(head)
        if found:
            return found
    return None


def _riff(head: bytes) -> Kind | None:
    if head[:4] not in (b"RIFF", b"RF64"):
        return None
    kinds: dict[bytes, Kind] = {b"WEBP": "image", b"AVI ": "video", b"AVIX": "video", b"WAVE": "audio"}
    return kinds.get(head[8:12])


def _iso_media(head: bytes) -> Kind | None:
    """MP4, QuickTime, HEIF, AVIF: a size, then the name of a box."""
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video")
    return "video" if head[4:8] in (b"moov", b"mdat", b"wide", b"pnot", b"moof", b"styp") else None


def _bitmap(head: bytes) -> Kind | None:
    sizes = (12, 16, 40, 52, 56, 64, 108, 124)
    header_bytes = int.from_bytes(head[14:18], "little")
    return "image" if head[:2] == b"BM" and header_bytes in sizes else None


def _icon(head: bytes) -> Kind | None:
    counted = head[:4] in (b"\x00\x00\x01\x00", b"\x00\x00\x02\x00") and head[4:6] not in (b"", b"\x00\x00")
    return "image" if counted and len(head) >= 22 and head[9] == 0 and head[5] == 0 else None


def _netpbm(head: bytes) -> Kind | None:
    return "image" if re.match(rb"P[1-6]\s+(#|\d+\s)|P7\n|P[Ff]\n\d", head) else None


def _ogg(head: bytes) -> Kind | None:
    if head[:4] != b"OggS":
        return None
    images = (b"\x80theora", b"OVP80", b"BBCD\x00", b"video/")
    return "video" if any(mark in head for mark in images) else "audio"


def _transport_stream(head: bytes) -> Kind | None:
    """A packet begins with 0x47 and takes 188 bytes, or 192 with a time in front, or 204."""
    for start, step in ((0, 188), (4, 192), (0, 204)):
        at = range(start, min(len(head), start + 5 * step), step)
        if len(at) >= 3 and all(head[i] == 0x47 for i in at) and not is_text(head):  # 0x47 is G
            return "video"
    return None


def _raw_stream(head: bytes) -> Kind | None:
    """H.264 and HEVC without a container: a start code, then parameter sets or a delimiter."""
    start = re.match(rb"\x00?\x00\x00\x01(.)(.)", head, re.DOTALL)
    if not start:
        return None
    first, second = start.group(1)[0], start.group(2)[0]
    h264 = first in (0x67, 0x27, 0x47, 0x09, 0x06)
    hevc = first in (0x40, 0x42, 0x46, 0x4E) and second == 0x01
    return "video" if h264 or hevc else None
