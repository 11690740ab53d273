"""Opens an image: with Pillow, as far as it is intact, and with FFmpeg where Pillow cannot read it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from vifex.media.decode.colour.modes import flat
from vifex.media.decode.files.limits import Refused, check_pixels
from vifex.media.decode.files.reasons import why_not
from vifex.media.decode.files.sniff import is_avif, is_heif, may_be_animated, webp_size
from vifex.media.decode.files.source import MediaFile
from vifex.media.decode.images.eighth import SCALE, decode_eighth
from vifex.media.decode.images.formats.heif import compose, is_hdr, is_plain, read_heif, set_colours
from vifex.media.decode.images.formats.jpeg_2000 import brighten, find_depths, set_full_range
from vifex.media.decode.images.formats.jpeg_xl import check_samples, is_jpeg_xl, prepare_jpeg_xl
from vifex.media.decode.images.formats.raw import Raw, develop, find_raw, read_jpeg
from vifex.media.decode.images.image import StillImage, draft, draft_scale, image_samples
from vifex.media.decode.images.pillow import loading, open_image, orientation
from vifex.media.decode.images.still import still_by_ffmpeg
from vifex.media.decode.images.tiff.tags import Directory
from vifex.media.decode.images.tiff.tiff import find_pages, is_right_in_pillow, needs_libtiff, read_page
from vifex.media.decode.passing import pass_on, renumbered
from vifex.media.decode.video.pixels import FrameImage
from vifex.media.decode.video.sample_builder import DecodedImage
from vifex.media.sample.limited import limit_sentence
from vifex.values import DecodeReport, Limits, MediaError, Medium, Sample, ViewRequest
from vifex.values.spread import evenly

__all__ = ["Loaded", "is_animated", "is_known_image", "load_image", "read_image"]

# Of a broken image: less than this is noise, not an image.
_LEAST_SHARE: Final = 0.1
_MOST_PROBLEMS: Final = 20
"""Sentences on pages that are kept of one file."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A loaded image, with sentences about it."""

    image: DecodedImage
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    """Choices that were made in reading it."""


def read_image(
    file: MediaFile,
    medium: Medium,
    requests: Sequence[ViewRequest],
    limits: Limits,
    progress: Callable[[], None],
) -> Generator[Sample, None, DecodeReport]:
    """Decode a still image for all requests, or its pages; see `vifex.media.read.read`."""
    n_pages = 1
    if any(request.sampling.pages == "all" for request in requests) and find_raw(file) is None:
        n_pages = len(find_pages(file))
    if n_pages <= 1:
        return (yield from _read_first(file, medium, requests, limits))
    return (yield from _read_pages(file, medium, requests, limits, progress, n_pages))


def _read_pages(
    file: MediaFile,
    medium: Medium,
    requests: Sequence[ViewRequest],
    limits: Limits,
    progress: Callable[[], None],
    n_pages: int,
) -> Generator[Sample, None, DecodeReport]:
    """Decode each page for the requests that want all, and the first one for the others."""
    counts, first, failed = [0] * len(requests), None, None
    reports: list[DecodeReport] = []
    problems: list[str] = []
    chosen = [_chosen_pages(request, n_pages) for request in requests]
    n_tried = 0
    for page in sorted(set().union(*chosen)):
        progress()
        n_tried += 1
        numbers = [i for i, pages in enumerate(chosen) if page in pages]
        of_page = [requests[i] for i in numbers]
        try:
            samples = renumbered(_read_alike(file, medium, of_page, limits, page), numbers)
            found = yield from _as_page(samples, page, requests, counts)
        except MediaError as exc:
            failed = failed or exc
            problems.append(f"Page {page + 1} could not be read: {exc.what}")
            continue
        reports.append(found)
        problems += [f"Page {page + 1}: {sentence}" for sentence in found.problems]
    if not reports:
        assert failed is not None
        raise failed
    first = reports[0]
    empty = [i for i, count in enumerate(counts) if not count]
    return replace(
        first,
        frames_seen=len(reports),
        frames_lost=n_tried - len(reports),
        problems=tuple(problems[:_MOST_PROBLEMS]),
        notes=tuple(dict.fromkeys(note for r in reports for note in r.notes)),
        choices=tuple(dict.fromkeys(choice for r in reports for choice in r.choices)),
        empty=tuple((i, problems[0]) for i in empty),
        taken=tuple(
            (i, limit_sentence(n_pages, most, "pages"))
            for i, request in enumerate(requests)
            if (most := request.sampling.max_frames) is not None
            and request.sampling.pages == "all"
            and most < n_pages
        ),
    )


def _chosen_pages(request: ViewRequest, n_pages: int) -> set[int]:
    """Return the pages that a request takes: the first, or all within its limit."""
    if request.sampling.pages == "first":
        return {0}
    return set(evenly(range(n_pages), request.sampling.max_frames or n_pages))


def _as_page(
    samples: Generator[Sample, None, DecodeReport],
    page: int,
    requests: Sequence[ViewRequest],
    counts: list[int],
) -> Generator[Sample, None, DecodeReport]:
    """Yield the samples of a page, numbered after those of earlier pages; `counts` are rows so far."""
    base = list(counts)

    def placed(sample: Sample) -> Sample:
        is_all = requests[sample.request].sampling.pages == "all"
        ordinal = base[sample.request] + sample.ordinal
        counts[sample.request] = ordinal + max(1, len(sample.boxes))
        return replace(sample, ordinal=ordinal, frame_index=page if is_all else None)

    return (yield from pass_on(samples, placed))


def _read_first(
    file: MediaFile, medium: Medium, requests: Sequence[ViewRequest], limits: Limits
) -> Generator[Sample, None, DecodeReport]:
    """Decode a still image for all requests.

    Requests for which the JPEG decoder may scale differently are decoded separately, because the rows of a
    view must not depend on the other views of the run.
    """
    for numbers in _alike(file, requests, n_boxes=len(medium.boxes)):
        samples = _read_alike(file, medium, [requests[i] for i in numbers], limits)
        is_all = len(numbers) == len(requests)
        report = yield from (samples if is_all else renumbered(samples, numbers))
    return report


def _alike(file: MediaFile, requests: Sequence[ViewRequest], *, n_boxes: int) -> list[list[int]]:
    """Group requests by the scale at which a JPEG is decoded for each alone."""
    if len(requests) == 1:
        return [[0]]
    groups: dict[int, list[int]] = {}
    try:
        with open_image(file) as image:
            for number, request in enumerate(requests):
                groups.setdefault(draft_scale(image, request, n_boxes), []).append(number)
    except Exception:  # no image that Pillow knows: reading it will say what is wrong
        return [list(range(len(requests)))]
    return list(groups.values())


def _read_alike(
    file: MediaFile, medium: Medium, requests: Sequence[ViewRequest], limits: Limits, page: int = 0
) -> Generator[Sample, None, DecodeReport]:
    loaded = load_image(file, limits, requests, n_boxes=len(medium.boxes), page=page)
    try:
        report = yield from image_samples(loaded.image, medium, requests, limits, loaded.problems)
    except MediaError:
        raise
    except (OSError, ValueError, MemoryError) as exc:
        raise _broken(file, exc) from exc
    notes = loaded.notes
    if isinstance(loaded.image, StillImage):
        notes += tuple(loaded.image.notes)
    choices = loaded.choices
    if isinstance(loaded.image, FrameImage):
        choices += loaded.image.notes
    return replace(report, notes=notes, choices=choices) if notes or choices else report


def is_animated(file: MediaFile, limits: Limits) -> bool:
    """Return whether Pillow finds several frames that follow each other in time.

    Pages of a TIFF, images of an MPO and sizes of an icon do not.
    """
    if not may_be_animated(file.head()):
        return False
    try:
        _check_webp(file, limits)
        with loading(limits):
            image = open_image(file)
            check_pixels(*image.size, limits, file)
            return bool(getattr(image, "is_animated", False))
    except MediaError:
        raise
    except Exception:  # any plug-in, any exception: reading it as a still will say what is wrong
        return False


def is_known_image(file: MediaFile, limits: Limits) -> bool:
    """Return whether Pillow takes a file with unknown first bytes for an image."""
    try:
        with loading(limits):
            open_image(file)
    except Exception:  # as in is_animated
        return False
    return True


def load_image(
    file: MediaFile, limits: Limits, requests: Sequence[ViewRequest] = (), *, n_boxes: int = 0, page: int = 0
) -> Loaded:
    """Load a still image.

    Args:
        file: The open file.
        limits: Its size is checked on the header, before anything is allocated.
        requests: The requests for it; without any it is loaded at full size.
        n_boxes: Number of boxes that will be cropped.
        page: Page of a TIFF, from 0.

    Raises:
        MediaError: If nothing of it can be decoded.
    """
    _check_webp(file, limits)
    raw = find_raw(file)
    if raw is not None:
        return _load_raw(file, raw, limits)
    pages = find_pages(file)
    if pages:
        loaded = _load_page(file, limits, pages[min(page, len(pages) - 1)])
        if len(pages) > 1 and page == 0 and all(w.sampling.pages == "first" for w in requests):
            choice = f'It has {len(pages):,} pages, of which the first was read (`pages="all"` reads each).'
            loaded = replace(loaded, choices=(choice, *loaded.choices))
        return loaded
    if is_jpeg_xl(file.head()):
        prepare_jpeg_xl(file, limits)
    depths = find_depths(file)
    if depths is not None:
        depths.check(file)
        if depths.by_ffmpeg:
            return _other_jpeg_2000(file, limits)
    if is_heif(file.head()) and (composed := _by_items(file, limits, first=True)) is not None:
        return composed
    notes: list[str] = []
    try:
        image = _by_pillow(file, limits, requests, n_boxes, notes)
        if depths is not None:
            image.stored = brighten(image.stored, depths)
        return Loaded(image, (), tuple(notes))
    except MediaError:
        raise
    except Exception as exc:  # Pillow's plug-ins raise every kind of exception on broken files
        return _second_try(file, limits, exc)


def _other_jpeg_2000(file: MediaFile, limits: Limits) -> Loaded:
    """Load a JPEG 2000 that Pillow reads wrongly: pixels by FFmpeg, the profile by Pillow."""
    by_ffmpeg, problems = still_by_ffmpeg(file, limits, set_full_range)
    image = by_ffmpeg.stored()
    with contextlib.suppress(Exception), loading(limits):  # a header that only FFmpeg reads has no profile
        profile = open_image(file).info.get("icc_profile")
        if profile:
            image.info["icc_profile"] = profile
    return Loaded(StillImage(image, image.size, 1), problems)


def _load_raw(file: MediaFile, raw: Raw, limits: Limits) -> Loaded:
    """Load the largest image embedded in a raw photograph, or develop it if there are only thumbnails."""
    for preview in raw.previews:
        if not raw.is_enough(preview):
            break
        try:
            if preview.page is None:
                image = read_jpeg(file, raw, preview, limits)
            else:
                loaded = _load_page(file, limits, preview.page)
                assert isinstance(loaded.image, StillImage)
                image = loaded.image
                if loaded.problems:
                    continue
                if 274 not in preview.page.tags:
                    image = StillImage(image.stored, image.stored.size, raw.orientation)
        except Exception:  # as in load_image; a smaller one may be whole
            continue
        return Loaded(image, (), (), (raw.sentence(preview),))
    return Loaded(develop(file, raw, limits), (), (), (raw.sentence(None),))


def _load_page(file: MediaFile, limits: Limits, page: Directory) -> Loaded:
    """Load a page of a TIFF, with Pillow if Pillow reads it correctly."""
    if is_right_in_pillow(page):
        notes: list[str] = []
        try:
            image = _by_pillow(file, limits, (), 0, notes, head=page.head, libtiff=needs_libtiff(page))
            return Loaded(image, (), tuple(notes))
        except (MediaError, MemoryError):
            raise
        except UnidentifiedImageError:
            pass  # Pillow has no mode for it; what FFmpeg would make of it is a guess
        except Exception as exc:  # as in load_image
            return _second_try(file, limits, exc, page.head)
    read = read_page(file, page, limits)
    return Loaded(read.image, read.problems, (), read.choices)


def _by_pillow(
    file: MediaFile,
    limits: Limits,
    requests: Sequence[ViewRequest],
    n_boxes: int,
    notes: list[str],
    *,
    cut: bool = False,
    head: bytes = b"",
    libtiff: bool = False,
) -> StillImage:
    with loading(limits, notes, cut=cut, libtiff=libtiff):
        image = open_image(file, head)
        size = image.size
        check_pixels(*size, limits, file)
        if image.format == "JXL":
            check_samples(image, file)
        turned, scale = 1, 1
        if image.format in ("JPEG", "MPO"):
            turned = orientation(image)
            if requests and image.format == "JPEG":
                scale = draft(image, requests, n_boxes)
        small = _eighth(image, file, size) if scale == SCALE else None
        if small is not None:
            return StillImage(small, size, turned)
        image.load()
        if image.format not in ("JPEG", "MPO"):
            # PNG may state it behind the pixels; TIFF turns itself when loaded, and AVIF's plug-in
            # gives its boxes for turns as EXIF.
            turned, size = orientation(image), image.size
    return StillImage(image, size, turned)


def _eighth(image: Image.Image, file: MediaFile, size: tuple[int, int]) -> Image.Image | None:
    """Return the pixels that `load` would give, from a plug-in; `None` if `load` has to decode them."""
    if image.mode != "RGB":
        return None
    read = file.tell()  # where Pillow goes on reading
    small = decode_eighth(file, file.size_bytes, size)
    if small is None:
        file.seek(read)
    else:
        small.info = image.info
    return small


def _by_items(file: MediaFile, limits: Limits, *, first: bool) -> Loaded | None:
    """Assemble a HEIF image.

    Returns `None` for a single coded image, which FFmpeg decodes alone; and, if Pillow was not tried yet
    (`first`), for an AVIF that is not HDR, because Pillow assembles those.
    """
    try:
        heif = read_heif(file)
    except ValueError:
        return None
    if heif is None or is_plain(heif) or (first and is_avif(file.head()) and not is_hdr(heif)):
        return None
    image, problems, choices = compose(file, heif, limits)
    return Loaded(image, problems, (), choices)


def _second_try(file: MediaFile, limits: Limits, first: Exception, head: bytes = b"") -> Loaded:
    """Load the intact part of an image that Pillow could not load whole."""
    if isinstance(first, Image.DecompressionBombError):
        raise _too_large(file, limits, first) from first
    try:
        image = _by_pillow(file, limits, (), 0, [], cut=True, head=head)
        share = _share_had(image)
    except Refused:
        raise
    except Exception:  # as in load_image
        share = 0.0
    if share >= _LEAST_SHARE:
        problem = f"The image is cut or damaged, about {share:.0%} of it could be read: {why_not(first)}."
        return Loaded(image, (problem,))
    try:
        composed = _by_items(file, limits, first=False)
        if composed is not None:
            return composed
        by_ffmpeg, problems = still_by_ffmpeg(file, limits, partial(set_colours, file))
    except Refused:
        raise
    except MediaError as exc:
        raise _broken(file, first) from exc
    return Loaded(by_ffmpeg, problems, ("Pillow could not read it; FFmpeg did.",))


def _share_had(image: StillImage) -> float:
    """Estimate the share of a truncated image that was decoded: the missing rows have one colour."""
    stored = flat(image.stored, (255, 255, 255)).convert("RGB")
    pixels = np.asarray(stored.resize((32, 256), Image.Resampling.BOX))
    rows = np.flatnonzero((pixels != pixels[-1, -1]).any(axis=(1, 2)))
    return float(rows[-1] + 1) / len(pixels) if rows.size else 0.0


def _check_webp(file: MediaFile, limits: Limits) -> None:
    size = webp_size(file.head())
    if size is not None:
        check_pixels(*size, limits, file)


def _too_large(file: MediaFile, limits: Limits, exc: Exception) -> Refused:
    found = re.search(r"\((\d+) pixels\)", str(exc))
    claimed = f"{int(found[1]):,} pixels" if found else "more pixels than allowed"
    return Refused(
        f"it claims {claimed}; the limit is {limits.max_pixels:,} pixels.",
        of=file.display_name,
        todo="Raise the limit if you trust the file.",
    )


def _broken(file: MediaFile, exc: BaseException) -> MediaError:
    return MediaError(
        f"the image could not be decoded: {why_not(exc)}.",
        of=file.display_name,
        todo="Open it in a viewer, or get a fresh copy.",
    )
