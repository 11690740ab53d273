"""Where in a transport or programme stream each video lies, found from the packet headers.

FFmpeg builds the list of streams from the start of a file, so a video that continues under another id later,
or starts later, is not in it. Here the whole file is scanned; nothing is decoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from vifex.media.decode.files.source import MediaFile

__all__ = ["Track", "find_tracks"]

_CHUNK_BYTES: Final = 8 << 20
_PACKET_BYTES: Final = 188
_SYNC_BYTES: Final = 1 << 16
_VIDEO_IDS: Final = range(0xE0, 0xF0)
_EXTENDED_ID: Final = 0xFD
"""Id of VC-1 and others, and also of sounds: a table of the programme must say that it is a video."""
_SOUND_TYPES: Final = frozenset(
    {0x03, 0x04, 0x0F, 0x11, 0x1C, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87}
)
_VIDEO_TYPES: Final = frozenset({0x01, 0x02, 0x10, 0x1B, 0x20, 0x21, 0x24, 0x33, 0x42, 0xD1, 0xD2, 0xEA})

UInt8Array = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Track:
    """One video with one id and of one kind; positions are bytes of the file."""

    id: int
    """PID, or stream id with 0x100 before it, as FFmpeg numbers streams."""
    kind: int | None
    """Stream type by the programme's table, `None` where there is none."""
    first: int
    """Where its first packet begins."""
    last: int
    """Where its last packet ends."""
    open_at: int
    """Where a reader may start to see the tables that name the video."""


def find_tracks(file: MediaFile, format_name: str) -> list[Track]:
    """Return the videos of a file in the order in which they start.

    Args:
        file: The open file.
        format_name: FFmpeg's name of it.

    Returns:
        Tracks; none for formats other than `mpegts` and `mpeg`, or if the file is malformed.
    """
    if format_name == "mpegts":
        return _Transport(file).tracks()
    if format_name == "mpeg":
        return _programme_tracks(file)
    return []


class _Transport:
    """Goes through the packets of a transport stream once, in large pieces."""

    def __init__(self, file: MediaFile) -> None:
        self._file = file
        self._starts: dict[int, list[npt.NDArray[np.int64]]] = {}
        """Where each video's packets with a beginning of a frame lie, by PID."""
        self._ends: dict[int, int] = {}
        self._opens: dict[int, list[tuple[int, int]]] = {}
        """Of each PID, the places of its first frame behind each table, and of that table."""
        self._settled: set[int] = set()
        """PIDs of which is known, until a table says otherwise, whether they are videos."""
        self._tables = _Tables()

    def tracks(self) -> list[Track]:
        """Return the tracks."""
        for at, step, packets in _pieces(self._file):
            self._look_through(at, step, packets)
        found = [track for pid in self._starts for track in self._of(pid)]
        return sorted(found, key=lambda track: track.first)

    def _look_through(self, at: int, step: int, packets: UInt8Array) -> None:
        is_good = packets[:, 0] == 0x47
        pids = (packets[:, 1] & 0x1F).astype(np.int32) << 8 | packets[:, 2]
        places = np.flatnonzero(is_good & (packets[:, 1] & 0x40 != 0))
        lead = 4 if step == 192 else 0  # such a packet begins with its time
        # Tables name a change first, then the packets follow: both in the order of the file.
        for place, pid in zip(places.tolist(), pids[places].tolist(), strict=True):
            if self._tables.is_table(pid):
                self._settled -= self._tables.add(pid, max(0, at + place * step - lead), packets[place])
            elif pid not in self._settled:
                self._start(pid, at + place * step, packets[place])
        for pid, starts in self._starts.items():
            starts.append(at + places[pids[places] == pid].astype(np.int64) * step)
            of = np.flatnonzero(is_good & (pids == pid))
            if of.size:
                self._ends[pid] = at + int(of[-1]) * step + _PACKET_BYTES

    def _start(self, pid: int, where: int, packet: UInt8Array) -> None:
        """Examine a packet in which a frame may begin."""
        body = bytes(_body(packet)[:4])
        if len(body) < 4 or body[:3] != b"\x00\x00\x01":
            return
        self._settled.add(pid)
        is_video = body[3] in _VIDEO_IDS
        if is_video or (body[3] == _EXTENDED_ID and self._tables.kinds.get(pid) in _VIDEO_TYPES):
            self._starts.setdefault(pid, [])
            self._opens.setdefault(pid, []).append((where, self._tables.last))

    def _of(self, pid: int) -> Iterator[Track]:
        """Yield the tracks of one PID: cut where its kind changes, and where others stand in its place."""
        starts = np.concatenate(self._starts[pid])
        others = [
            np.concatenate(self._starts[other])
            for other in self._starts
            if other != pid and self._tables.are_apart(pid, other)
        ]
        places = np.sort(np.concatenate(others)) if others else np.empty(0, np.int64)
        # How many frames of others come before each of this one's: more than before the last is a hole.
        before = np.searchsorted(places, starts)
        cuts = {0, *(np.flatnonzero(np.diff(before)) + 1).tolist()}
        cuts |= {int(np.searchsorted(starts, at)) for at in self._tables.changes.get(pid, ())}
        edges = [*sorted(cut for cut in cuts if cut < len(starts)), len(starts)]
        for first, last in pairwise(edges):
            at = int(starts[first])
            end = self._ends[pid] if last == len(starts) else int(starts[last])
            if before[first] < len(places):
                end = min(end, int(places[before[first]]))
            # A reader that met the next one's tables would take the last frame for its kind.
            tables = [self._open_at(pid, int(starts[last]))] if last < len(starts) else []
            tables += self._tables.changes.get(pid, [])
            end = min([end, *(table for table in tables if table > starts[last - 1])])
            kind = self._tables.kind_at(pid, at)
            if kind not in _SOUND_TYPES:  # an id may be a video's in one recording and a sound's in the next
                yield Track(pid, kind, at, end, self._open_at(pid, at))

    def _open_at(self, pid: int, at: int) -> int:
        """Return the position of the tables before a position."""
        return max((table for where, table in self._opens[pid] if where <= at), default=0)


class _Tables:
    """The tables of a transport stream that name programmes (PAT) and what they are made of (PMT)."""

    def __init__(self) -> None:
        self.last = 0
        """Where the newest PAT lies: a reader that starts there meets all tables."""
        self.kinds: dict[int, int] = {}
        """Stream type of each PID, by the newest table that names it."""
        self.changes: dict[int, list[int]] = {}
        """Where the type of a PID changed."""
        self._named: dict[int, list[tuple[int, int]]] = {}
        self._programmes: dict[int, frozenset[int]] = {}
        self._maps: set[int] = set()
        self._beside: set[tuple[int, int]] = set()
        self._latest: dict[int, bytes] = {}

    def is_table(self, pid: int) -> bool:
        """Whether tables stand under a PID."""
        return pid == 0 or pid in self._maps

    def are_apart(self, pid: int, other: int) -> bool:
        """Whether tables name both PIDs, but never at the same time."""
        return pid in self.kinds and other in self.kinds and (pid, other) not in self._beside

    def kind_at(self, pid: int, where: int) -> int | None:
        """Return the stream type of a PID at a place of the file."""
        kind = None
        for at, named in self._named.get(pid, ()):
            if kind is None or at <= where:
                kind = named
        return kind

    def add(self, pid: int, where: int, packet: UInt8Array) -> frozenset[int]:
        """Take a packet in which a table begins; return the PIDs about which it is new."""
        if pid == 0:
            self.last = where
        text = packet.tobytes()
        key = text[1:3] + text[4:]
        if self._latest.get(pid) == key:  # most are repeated again and again
            return self._programmes.get(pid, frozenset())
        self._latest[pid] = key
        body = _body(packet)
        section = bytes(body[1 + int(body[0]) :]) if len(body) else b""
        length = (section[1] & 0x0F) << 8 | section[2] if len(section) >= 12 else 0
        if not length or not _is_whole(section, length):
            return frozenset()
        end = min(len(section), 3 + length - 4)
        if pid == 0 and section[0] == 0x00:
            entries = [section[at : at + 4] for at in range(8, end - 3, 4)]
            self._maps = {(e[2] & 0x1F) << 8 | e[3] for e in entries if e[0] or e[1]}
        elif section[0] == 0x02:
            self._programmes[pid] = self._programme(section, end, where)
        in_force = [p for table in self._maps for p in self._programmes.get(table, ())]
        self._beside |= {(a, b) for a in in_force for b in in_force}
        return self._programmes.get(pid, frozenset())

    def _programme(self, section: bytes, end: int, where: int) -> frozenset[int]:
        at = 12 + ((section[10] & 0x0F) << 8 | section[11])
        pids = set()
        while at + 5 <= end:
            kind, pid = section[at], (section[at + 1] & 0x1F) << 8 | section[at + 2]
            pids.add(pid)
            if self.kinds.get(pid) != kind:
                self._named.setdefault(pid, []).append((where, kind))
                if pid in self.kinds:
                    self.changes.setdefault(pid, []).append(where)
            self.kinds[pid] = kind
            at += 5 + ((section[at + 3] & 0x0F) << 8 | section[at + 4])
        return frozenset(pids)


def _body(packet: UInt8Array) -> UInt8Array:
    """Return what a transport packet carries, its adaptation field left out."""
    control = int(packet[3]) >> 4 & 3
    if not control & 1:
        return packet[:0]
    return packet[4:_PACKET_BYTES] if control == 1 else packet[5 + int(packet[4]) : _PACKET_BYTES]


def _grid(file: MediaFile, start: int) -> tuple[int, int] | None:
    """Return where the next transport packet begins, and the step from packet to packet, in bytes."""
    file.seek(start)
    head = file.read(_SYNC_BYTES)
    for step in (188, 192, 204):
        for first in (at for at, byte in enumerate(head[: 8 * step]) if byte == 0x47):
            marks = head[first : first + 16 * step : step]
            if len(marks) >= 3 and marks.count(0x47) == len(marks):
                return start + first, step
    return None


def _pieces(file: MediaFile) -> Iterator[tuple[int, int, UInt8Array]]:
    """Yield pieces of the file as rows of whole packets: where each begins, the step, the rows."""
    at = 0
    while at < file.size_bytes:
        found = _grid(file, at)
        if found is None:
            at += _SYNC_BYTES // 2
            continue
        at, step = found
        file.seek(at)
        buffer = bytearray(_CHUNK_BYTES // step * step)
        have = file.readinto(memoryview(buffer))
        # The last packet may lack what stands between packets.
        n_rows = (have + step - _PACKET_BYTES) // step
        if not n_rows:
            return
        rows = np.frombuffer(buffer, dtype=np.uint8)[: n_rows * step].reshape(n_rows, step)
        bad = rows[:, 0] != 0x47
        lost = np.flatnonzero(bad[:-2] & bad[1:-1] & bad[2:])
        if lost.size:
            rows = rows[: max(1, int(lost[0]))]
        yield at, step, rows
        at += len(rows) * step


_CRC_BITS: Final = 0x04C11DB7


def _is_whole(section: bytes, length: int) -> bool:
    """Whether a table's checksum (CRC-32/MPEG-2) is right, as far as all of it is here."""
    if 3 + length > len(section):
        return True
    crc = 0xFFFFFFFF
    for byte in section[: 3 + length]:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (_CRC_BITS if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc == 0


_PES: Final = re.compile(rb"\x00\x00\x01([\xba\xe0-\xef])")


def _programme_tracks(file: MediaFile) -> list[Track]:
    """Find videos in a programme stream by their start codes, which coded video never holds."""
    tracks: dict[int, Track] = {}
    pack = at = 0
    kept = b""
    while True:
        file.seek(at)
        chunk = file.read(_CHUNK_BYTES)
        if not chunk:
            return sorted(tracks.values(), key=lambda track: track.first)
        data, base = kept + chunk, at - len(kept)
        for found in _PES.finditer(data):
            where, code = base + found.start(), found[1][0]
            if code == 0xBA:
                pack = where
                continue
            before = tracks.get(code)
            first, open_at = (where, pack) if before is None else (before.first, before.open_at)
            size = 6 + int.from_bytes(data[found.end() : found.end() + 2], "big")
            tracks[code] = Track(0x100 | code, None, first, where + size, open_at)
        kept = data[-3:]
        at += len(chunk)
