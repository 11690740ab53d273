"""Media in tar and zip archives, read where they lie; nothing is unpacked.

In a tar or zip that is a shard of WebDataset (https://github.com/webdataset/webdataset), members that share a
name up to the first dot of their last part are one sample: `0001.jpg` beside `0001.cls`, the label, and
`0001.json`, whose fields are those of a manifest. Those that have no meaning there are extra columns, as is
the text of `0001.txt`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Final

from vifex.media.members import tars, zips
from vifex.media.members.member import ArchiveMember
from vifex.media.members.opening import is_archive, open_member
from vifex.media.places import open_place, stat_place, uri_of, written
from vifex.media.remote.errors import TransferError
from vifex.media.sources import kinds
from vifex.media.sources.archive_index import indexed
from vifex.media.sources.extras import ExtraFields
from vifex.media.sources.fields import reading_of
from vifex.media.sources.files import NOT_MEDIA
from vifex.media.sources.ignored import told_fields
from vifex.media.sources.source import (
    Found,
    NothingHere,
    Notice,
    Source,
    failed,
    file_test,
    medium_of,
    place_given,
    printable,
    skipped,
    why,
)
from vifex.values.errors import MediaError
from vifex.values.media import Kind, Medium, member_uri

__all__ = ["ARCHIVE", "read_archive"]

_LABELS: Final = (".cls", ".cls.txt", ".label")
_SIDE_BYTES: Final = 1 << 20
"""A larger member beside a medium is not read."""
_PACKED: Final = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst")
_SHOWN: Final = 8


@dataclass(slots=True)
class _Sample:
    """Members that belong together."""

    key: str = ""
    media: list[Medium] = field(default_factory=list)
    rest: list[ArchiveMember] = field(default_factory=list)
    """Members that are no media: what they say, or a file that is skipped."""


def read_archive(given: str) -> Iterator[Found | Notice]:
    """Yield the media of an archive, in the order of its members.

    Raises:
        NothingHere: If it has no media at all.
    """
    path = place_given(given)
    if written(path).lower().endswith(_PACKED):
        raise NothingHere(
            failed(
                path,
                printable(path),
                "a packed tar archive, in which no member can be found without unpacking all",
            ),
            todo="Write it as .tar without packing: media do not get smaller by it.",
        )
    empty = True
    try:
        archive = _Archive(path)
        for found in indexed(path, archive.stat, archive.read(), lambda: archive.is_sure):
            empty = empty and isinstance(found, Notice)
            yield found
    except OSError as exc:
        yield failed(path, printable(path), why(exc))
        return
    if empty:
        raise NothingHere(
            skipped(path, printable(path), "there is no file in this archive"),
            todo="Name an archive with images or videos.",
        )


class _Archive:
    """One archive as it is listed."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.stat = stat_place(path, is_fresh=True)
        """Of the archive when its listing began."""
        self.is_sure = True
        """Whether all that was to be read could be read."""
        self._uri = uri_of(path)
        self._names: set[str] = set()
        self._ignored: dict[str, None] = {}
        self._extras = ExtraFields()

    def read(self) -> Iterator[Found | Notice]:
        sample = _Sample()
        of_kind = tars if written(self._path).lower().endswith(".tar") else zips
        for one in of_kind.members(self._path):
            if not one.name:
                yield failed(self._path, printable(self._path), one.problem or "", stat=self.stat)
                continue
            key = _key(one.name)
            if key != sample.key:
                yield from self._done(sample)
                sample = _Sample(key)
            found = self._found(one)
            if isinstance(found, Medium):
                sample.media.append(found)
            elif found is None:
                sample.rest.append(one)
            else:
                yield found
        yield from self._done(sample)
        told = told_fields(printable(self._path), self._extras, has_moments=True)
        if told is not None:
            yield told
        if self._ignored:
            some = list(self._ignored)
            shown = ", ".join(some[:_SHOWN]) + (
                f" and {len(some) - _SHOWN} more" if len(some) > _SHOWN else ""
            )
            yield Notice(f"{printable(self._path)}: beside its media, these are not read: {shown}.")

    def _found(self, one: ArchiveMember) -> Found | None:
        """Return the medium or the outcome of a member; `None` for one that is no medium by its name."""
        uri, name = member_uri(self._uri, one.name), printable(one.name)
        if one.problem:
            tell = skipped if one.is_other else failed
            outcome = tell(self._path, name, one.problem, stat=self.stat)
            return replace(outcome, medium=replace(outcome.medium, uri=uri))
        if one.name in self._names:
            return failed(self._path, name, "another member of this name is before it", uri=uri + "#2")
        kind = self._kind(one)
        if kind is None:
            return None
        self._names.add(one.name)
        made = medium_of(uri, name, kind, self.stat, place=self._path)
        return replace(made, size_bytes=one.size_bytes, extent=one.extent)

    def _kind(self, one: ArchiveMember) -> Kind | None:
        kind = kinds.by_name(one.name)
        if kind is not None and not kinds.may_be_text(one.name):
            return kind
        if kinds.suffix_of(one.name) and kind is None:
            return None  # a file beside a medium, or of no interest
        head = self._bytes(one, kinds.HEAD_BYTES)
        if kind and kinds.is_text(head):
            return None
        return kinds.by_head(head) or kind

    def _bytes(self, one: ArchiveMember, count: int) -> bytes:
        """Return the first bytes of a member; none if it cannot be read."""
        try:
            with open_place(self._path) as file:
                member, _ = open_member(file, self._path, one.name, one.extent, one.name)
                data = member.read(count) or b""
                member.close()
        except TransferError:
            raise
        except (MediaError, OSError) as exc:
            cause = exc.__cause__ if isinstance(exc, MediaError) else exc
            self.is_sure = self.is_sure and not getattr(cause, "errno", None)
            return b""
        return data

    def _done(self, sample: _Sample) -> Iterator[Found]:
        """Yield a sample that is complete, with what its members say."""
        if not sample.media:
            for one in sample.rest:
                reason = kinds.NOT_PIXELS.get(kinds.suffix_of(one.name), NOT_MEDIA)
                outcome = skipped(self._path, printable(one.name), reason, self.stat)
                uri = member_uri(self._uri, one.name)
                yield replace(outcome, medium=replace(outcome.medium, uri=uri))
            return
        said: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for one in sample.rest:
            of_one = self._said(one)
            extra |= of_one.pop("extra", {})
            said |= of_one
        text = self._extras.text(extra)
        for medium in sample.media:
            yield replace(medium, label=said.get("label"), split=said.get("split"), extra=text)

    def _said(self, one: ArchiveMember) -> dict[str, Any]:
        """Return the label, the split and the extra columns that a member beside a medium states."""
        low = one.name.lower()
        if one.size_bytes <= _SIDE_BYTES and low.endswith(_LABELS):
            label = self._bytes(one, _SIDE_BYTES).decode("utf-8", "replace").strip()
            return {"label": label} if label else {}
        if one.size_bytes <= _SIDE_BYTES and low.endswith(".json"):
            try:
                fields = json.loads(self._bytes(one, _SIDE_BYTES))
            except (ValueError, RecursionError):
                fields = None
            if isinstance(fields, Mapping):
                return self._fields(fields)
        if one.size_bytes <= _SIDE_BYTES and low.endswith(".txt"):
            extra = {"txt": self._bytes(one, _SIDE_BYTES).decode("utf-8", "replace").strip()}
            self._extras.look(extra)
            return {"extra": extra}
        self._ignored[f".{one.name.partition('.')[2]}"] = None
        return {}

    def _fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        reading = reading_of([name for name in fields if isinstance(name, str)])
        named = {ours: fields[name] for ours, name in reading.named.items() if ours in ("label", "split")}
        extra = {name: fields[name] for name in reading.ignored if fields[name] is not None}
        self._extras.look(extra)
        said: dict[str, Any] = {"extra": extra} if extra else {}
        return said | {ours: str(value) for ours, value in named.items() if isinstance(value, str | int)}


def _key(name: str) -> str:
    """Return a name up to the first dot of its last part."""
    folder, between, last = name.rpartition("/")
    return folder + between + last.partition(".")[0]


def _takes(path: str) -> bool:
    return is_archive(path) or written(path).lower().endswith(_PACKED)


def _read(given: str, stdin: BinaryIO | None) -> Iterator[Found | Notice]:
    return read_archive(given)


ARCHIVE = Source(takes=file_test(_takes), read=_read, rank=lambda given: 0)
