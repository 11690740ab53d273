"""The user's sources as a stream of media, each once, with an outcome for what cannot be tried."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, TextIO, cast

from vifex.media.sources.id_set import IdSet
from vifex.media.sources.registry import GROUP, SOURCES
from vifex.media.sources.source import Found, NothingHere, Notice, Source
from vifex.values import registry
from vifex.values.errors import InputError
from vifex.values.media import Medium
from vifex.values.outcomes import Outcome

__all__ = ["find"]

Given = str | bytes | os.PathLike[str] | os.PathLike[bytes]


def find(
    sources: Sequence[Given] | Given,
    *,
    stdin: TextIO | BinaryIO | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> Iterator[Medium | Outcome]:
    """Find the media of all sources, as a stream in a fixed order.

    A source is a file, a folder (read in depth, sorted), a pattern with `*`, `?`, `[...]` or `**`, a
    manifest (`.csv`, `.tsv`, `.jsonl`), an address, or `-` for a list of paths on standard
    input. Manifests come first, because they state more than the path, then files named one by one, then
    folders and patterns, each in the order given. A medium (an address and a span) of several sources comes
    once, from the first of them.

    Args:
        sources: What the user gave; one source or several.
        stdin: What `-` reads; `None` is standard input.
        on_notice: Called with what the user should know about a source, e.g. which fields of a manifest are
            not read.

    Yields:
        A `Medium` to decode, or an `Outcome` for what cannot be tried: `skipped` if it is not a medium,
        `failed` if it is missing or cannot be read.

    Raises:
        InputError: If nothing at all is found, or a manifest cannot be used as a whole.
    """
    given = [
        os.fsdecode(s) for s in ([sources] if isinstance(sources, str | bytes | os.PathLike) else sources)
    ]
    for source in given:
        _check_name(source)
    if not given:
        raise InputError("no source was given.", todo="Name a file, a folder, a pattern or a manifest.")
    plan = _plan(list(dict.fromkeys(given)))
    stream = _chain(plan, _binary(stdin), on_notice)
    # One folder, pattern or manifest never gives a medium twice, so ids need not be kept.
    return _once(stream) if len(plan) > 1 or given[0] == "-" else stream


def _check_name(source: str) -> None:
    try:
        os.fsencode(source)
    except UnicodeEncodeError as exc:
        of = source.encode("utf-8", "backslashreplace").decode()
        raise InputError("this is not a valid file name.", of=of, todo="Check the path.") from exc


def _plan(given: list[str]) -> list[tuple[str, Source]]:
    """Choose the kind of each source, and order the sources by their rank."""
    plugins = [n for n in registry.names(SOURCES, group=GROUP) if n not in SOURCES]
    kinds: list[Source] = [
        registry.load(SOURCES, name, group=GROUP, what="source") for name in (*plugins, *SOURCES)
    ]
    chosen = [(source, next(k for k in kinds if k.takes(source))) for source in given]
    return sorted(chosen, key=lambda pair: pair[1].rank(pair[0]))


def _chain(
    plan: list[tuple[str, Source]], stdin: BinaryIO | None, on_notice: Callable[[str], None] | None
) -> Iterator[Found]:
    """Read one source after the other; an empty one becomes an outcome if anything was found."""
    nothing: list[NothingHere] = []
    any_found = False
    for given, source in plan:
        try:
            for found in source.read(given, stdin):
                if isinstance(found, Notice):
                    if on_notice is not None:
                        on_notice(found.text)
                    continue
                any_found = True
                yield found
        except NothingHere as exc:
            nothing.append(exc)
        if any_found:
            yield from (exc.outcome for exc in nothing)
            nothing.clear()
    if nothing and not any_found:
        raise _all_in_one(nothing)


def _all_in_one(nothing: list[NothingHere]) -> InputError:
    if len(nothing) == 1:
        return nothing[0]
    reasons = "; ".join(f"{exc.of}: {exc.outcome.reason}" for exc in nothing[:3])
    more = f"; and {len(nothing) - 3} more" if len(nothing) > 3 else ""
    return InputError(
        f"none of the {len(nothing)} sources gives anything ({reasons}{more}).", todo=nothing[0].todo
    )


def _once(stream: Iterator[Found]) -> Iterator[Found]:
    seen = IdSet()
    for found in stream:
        medium = found.medium if isinstance(found, Outcome) else found
        if seen.add(medium.medium_id):
            yield found


def _binary(stdin: TextIO | BinaryIO | None) -> BinaryIO | None:
    """Return the binary stream under a text stream; text in memory is encoded like file names."""
    if stdin is None:
        return None
    if isinstance(stdin, io.StringIO):
        return io.BytesIO(os.fsencode(stdin.getvalue()))
    return cast("BinaryIO", getattr(stdin, "buffer", stdin))
