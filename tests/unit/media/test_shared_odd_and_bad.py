"""How every awkward and every broken file of the shared media ends, and that none reaches beyond itself."""

from __future__ import annotations

import re
import runpy
import shutil
import socket
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vifex.media.decode.files.container import open_container
from vifex.media.decode.files.log import Log
from vifex.media.decode.files.source import open_uri
from vifex.media.read import Skip, read
from vifex.values import Limits, MediaError, PixelSpec, Sampling, ViewRequest

made: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "made.py")))

REQUESTS = [ViewRequest(Sampling(), PixelSpec(96, 96)), made.every(1, height=96, width=96, decode="fast")]

SKIPPED = {"sound-mp3.mp3", "sound-ogg.ogg", "sound-wav.wav"} | {
    "flac-with-cover.flac",
    "mp3-with-cover.mp3",
    "subtitles-only.mp4",
}
ODD_FAILED = {"no-pts-raw.h264": "carry no times"}
ODD_PARTIAL = {
    "first-frame-not-key.ts": "damage",  # its first images refer to ones that were cut off
    "resolution-change.ts": "marked as damaged",  # two files in one: the packets' counter jumps
}

BAD_OK = {
    "bitflip-hevc.mp4",  # FFmpeg's HEVC decoder says nothing at all of its flipped bits
    "bitflip-photo.jpg",  # JPEG has no checksum
    "fuzz-panic.webp",
    "missing-ispe.avif",
    "text-chunk-bomb.png",
}
BAD_PARTIAL = {
    "bitflip-h264.ts",
    "bitflip-vp9.webm",
    "bitflip.png",
    "block-beyond-cluster.mkv",
    "broken-data-stream.png",
    "corrupted.mp4",
    "no-timescale.mp4",
    "truncated-faststart.mp4",
    "truncated-h264.mkv",
    "truncated-photo.jpg",
    "truncated-vp9.webm",
    "truncated.gif",
    "truncated.jpg",
    "truncated.png",
}
SAYS = {
    "bomb-60000x60000.png": "3,600,000,000 pixels; the limit is 178,956,970",
    "bomb-17000x17000.avif": "17000 x 17000 pixels large, more than allowed",
    "bomb-claims-65500.jpg": "the limit is 178,956,970",
    "bomb-many-frames.gif": "the limit is 178,956,970",
    "encrypted-h264.mp4": "it is encrypted",
    "external.svg": "an SVG drawing",
    "ffconcat-named.mkv": "only names other files",
    "html-error-named.jpg": "a web page",
    "lfs-pointer-named.mp4": "a Git LFS pointer",
    "manifest.mpd": "a DASH manifest",
    "playlist-named.mp4": "an HLS playlist",
    "playlist.m3u8": "an HLS playlist",
    "reference-movie.mov": "may only point at another file",
    "session.sdp": "a session description",
    "text-named.jpg": "a text file",
    "truncated-64bit.mp4": "partial file",
    "zero-byte.mp4": "empty (0 bytes)",
}
# What no sentence for people may hold.
_BARE = re.compile(r"Errno|Traceback|Error\(|<class|avcodec|0x7f|!r")


def _end(path: Path) -> tuple[str, str]:
    """Read a file to its end; gives how it ended and what was said."""
    try:
        samples, seen = made.collect(path, *REQUESTS)
    except Skip as skip:
        return "skipped", skip.reason
    except MediaError as error:
        return "failed", str(error) if error.todo else "nothing to do is named"
    assert {s.request for s in samples} == {0, 1}, path.name
    return ("partial" if seen.problems else "ok"), " ".join(seen.problems)


@pytest.mark.shared
@pytest.mark.parametrize("folder", ["good", "odd"])
def test_good_and_odd_files_give_rows(shared_media: Path, folder: str) -> None:
    for path in sorted((shared_media / folder).iterdir()):
        if path.name.startswith("clip-"):
            continue  # those are read, every frame, in tests/oracle/test_times.py
        how, said = _end(path)
        if path.name in SKIPPED:
            assert (how, said) == ("skipped", "no video stream")
        elif path.name in ODD_FAILED:
            assert how == "failed"
            assert ODD_FAILED[path.name] in said
        elif path.name in ODD_PARTIAL:
            assert how == "partial"
            assert ODD_PARTIAL[path.name] in said
        else:
            assert (how, said) == ("ok", ""), path.name


@pytest.mark.shared
def test_bad_files_end_in_rows_or_in_a_sentence(shared_media: Path) -> None:
    ends = {path.name: _end(path) for path in sorted((shared_media / "bad").iterdir())}
    assert {n for n, (how, _) in ends.items() if how == "ok"} == BAD_OK
    assert {n for n, (how, _) in ends.items() if how == "partial"} == BAD_PARTIAL
    assert {how for how, _ in ends.values()} == {"ok", "partial", "failed"}
    for name, (how, said) in ends.items():
        if how != "ok":
            assert not _BARE.search(said), said
            assert said.rstrip().endswith("."), said
        assert SAYS.get(name, "") in said, (name, said)


@pytest.mark.shared
def test_damage_is_the_same_every_time(shared_media: Path) -> None:
    for name in ("bitflip-h264.ts", "bitflip-vp9.webm", "truncated-faststart.mp4", "corrupted.mp4"):
        path = shared_media / "bad" / name
        (one, seen), (two, again) = made.collect(path), made.collect(path)
        assert seen == again
        assert [(s.pts, s.pixels.tobytes()) for s in one] == [(s.pts, s.pixels.tobytes()) for s in two]


class _Bait:
    """A server that counts who knocks."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self.port = self._socket.getsockname()[1]
        self.n_knocks = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def _wait(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            self.n_knocks += 1
            connection.close()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()


LURES = {
    "a.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{url}\n#EXTINF:5,\nvictim.ts\n#EXT-X-ENDLIST\n",
    "b.mkv": "ffconcat version 1.0\nfile 'victim.ts'\nfile '{url}'\n",
    "c.mpd": "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static'"
    " minBufferTime='PT1S' profiles='urn:mpeg:dash:profile:isoff-on-demand:2011'><Period>"
    "<AdaptationSet mimeType='video/mp4'><Representation id='1' bandwidth='1'><BaseURL>{url}</BaseURL>"
    "</Representation></AdaptationSet></Period></MPD>",
    "d.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 50004 RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
    "e.svg": "<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY x SYSTEM '{url}'>]><svg>&x;</svg>",
    "f%03d.jpg": "#EXTM3U\nvictim.ts\n",
}


@pytest.mark.parametrize("name", sorted(LURES))
def test_no_file_opens_another_one_or_a_connection(tmp_path: Path, name: str) -> None:
    made.write_video(tmp_path / "victim.ts", [40 * i for i in range(30)])
    shutil.copy(tmp_path / "victim.ts", tmp_path / "f000.jpg")
    bait = _Bait()
    try:
        lure = tmp_path / name
        lure.write_text(LURES[name].format(url=f"http://127.0.0.1:{bait.port}/victim.ts"))
        with pytest.raises(MediaError):
            list(read(made.medium_of(lure), REQUESTS, Limits()))
        # The look at the first bytes is not what protects: FFmpeg itself is held as well.
        with open_uri(lure) as file, pytest.raises(MediaError):
            open_container(file, Limits(), Log())
        assert bait.n_knocks == 0
    finally:
        bait.close()
