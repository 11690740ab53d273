"""Images for compression: ready pixels of a folder, a manifest or a Parquet file, with labels if it has them.

They are decoded by the decoder processes of extraction, with the transform of the model's card. They are kept
in memory, at most as many as a limit allows, spread evenly over the source.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vifex.engines.cores import available_cores
from vifex.extraction.calibration.gather import Spread, choose_media, gather, sparse
from vifex.media.sources import find
from vifex.values import InputError, Limits, Medium, ModelCard, Outcome, Sampling, ViewRequest

__all__ = ["Images", "halves", "load_images"]

_BYTES: Final = 1 << 30
"""Memory for the pixels of one source."""
_BLOCK: Final = 5000
"""Images of a Parquet file that are decoded at once."""
_COLUMNS: Final = ("image", "bytes", "img", "jpg")


@dataclass(frozen=True, slots=True)
class Images:
    """Images in memory."""

    pixels: npt.NDArray[np.uint8]
    """`[N, H, W, 3]`, as the model's card wants them."""
    labels: npt.NDArray[np.int64] | None
    """`[N]`, numbers of classes; `None` if not every image has one."""
    classes: tuple[str, ...]
    """Names of the classes, empty without labels."""
    failed: int = 0
    """Images that could not be decoded; their reasons are those of `vifex extract`."""

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, places: npt.NDArray[Any] | slice) -> Images:
        """Return some of the images."""
        labels = None if self.labels is None else self.labels[places]
        return Images(self.pixels[places], labels, self.classes)


def halves(images: Images, part: float) -> tuple[Images, Images]:
    """Split images evenly: most of them, and a part that is held out.

    Args:
        images: At least two.
        part: Held out, in (0, 1); every `round(1 / part)`-th image.
    """
    step = max(2, round(1 / part))
    held = np.zeros(len(images), dtype=bool)
    held[step // 2 :: step] = True
    if not held.any():
        held[-1] = True
    return images.take(~held), images.take(held)


def load_images(
    source: str | Path,
    card: ModelCard,
    *,
    most_bytes: int = _BYTES,
    on_notice: Callable[[str], None] = lambda _: None,
) -> Images:
    """Decode the images of a source.

    Labels are those of a manifest or of a Parquet file's column `label`, or the names of the folders directly
    inside a folder, if every image is in one and there are at least two.

    Args:
        source: A folder, a pattern or a manifest as `vifex extract` takes them, or a `.parquet` file with the
            bytes of image files in a column `image` (or `bytes`).
        card: The model's card: size, resize and interpolation of the pixels.
        most_bytes: Memory for pixels; of a larger source an even spread is taken.
        on_notice: Called with a sentence if images are left out or cannot be decoded.

    Raises:
        InputError: If the source gives no image.
    """
    size = card.height_px * card.width_px * 3
    most = max(2, most_bytes // size)
    text = str(source)
    if text.lower().endswith(".parquet"):
        images = _from_parquet(Path(source), card, most, on_notice)
    else:
        images = _from_media(text, card, most, on_notice)
    if images.failed:
        on_notice(f"{images.failed} images of {text} could not be decoded and are left out.")
    return images


def _from_media(source: str, card: ModelCard, most: int, on_notice: Callable[[str], None]) -> Images:
    listed = 0

    def counted() -> Iterator[Medium | Outcome]:
        nonlocal listed
        for found in find(source):
            listed += isinstance(found, Medium) and found.kind == "image"
            if not isinstance(found, Medium) or found.kind == "image":
                yield found

    spread = choose_media(counted(), most)
    decoded = _decoded(spread.media, card)
    if decoded is None:
        raise InputError(
            "it gives no image.", of=source, todo="vifex extract says what is wrong with each file."
        )
    pixels, media = decoded
    if listed > len(spread.media):
        on_notice(
            f"{source} has {listed} images; {len(spread.media)} of them, spread evenly, fit into memory."
        )
    words = [medium.label for medium in media]
    if Path(source).is_dir() and not any(words):
        words = [_folder_of(medium) for medium in media]
    labels, classes = _numbered(words)
    return Images(pixels, labels, classes, failed=len(spread.media) - len(media))


def _folder_of(medium: Medium) -> str | None:
    folder, slash, _ = medium.name.partition("/")
    return folder if slash else None


def _numbered(words: Sequence[str | None]) -> tuple[npt.NDArray[np.int64] | None, tuple[str, ...]]:
    """Number the classes by their sorted names; `None` if a label is missing or there is one class only."""
    classes = tuple(sorted({word for word in words if word}))
    if len(classes) < 2 or not all(words):
        return None, ()
    places = {name: number for number, name in enumerate(classes)}
    return np.array([places[str(word)] for word in words], dtype=np.int64), classes


def _decoded(media: Sequence[Medium], card: ModelCard) -> tuple[npt.NDArray[np.uint8], list[Medium]] | None:
    """Decode media; return the pixels and the medium of each, `None` if nothing was decoded."""
    request = ViewRequest(sparse(Sampling(), 1), card.pixel_spec())
    found = gather(
        Spread(tuple(media), 1), [request], most=len(media), workers=available_cores(), limits=Limits()
    )
    if found is None:
        return None
    return found.pixels[0], [media[place] for place in found.places]


def _from_parquet(path: Path, card: ModelCard, most: int, on_notice: Callable[[str], None]) -> Images:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError as exc:
        raise InputError("there is no such file.", of=str(path), todo="Check the path.") from exc
    except (OSError, pa.ArrowInvalid) as exc:
        raise InputError("the file is not valid Parquet.", of=str(path), todo="Write it again.") from exc
    names = file.schema_arrow.names
    column = next((name for name in _COLUMNS if name in names), None)
    if column is None:
        raise InputError(
            f"it has no column with the bytes of images, only {', '.join(names[:8])}.",
            of=str(path),
            todo=f"Name the column one of {', '.join(_COLUMNS)}.",
        )
    rows = file.metadata.num_rows
    wanted = np.linspace(0, rows - 1, min(rows, most)).round().astype(np.int64) if rows else np.empty(0, int)
    if rows > most:
        on_notice(f"{path} has {rows} images; {most} of them, spread evenly, fit into memory.")
    table = file.read([column, *(["label"] if "label" in names else [])]).take(wanted)
    pixels, kept = _decoded_bytes(table.column(column), card)
    if not len(kept):
        raise InputError("it gives no image.", of=str(path), todo="Its images cannot be decoded.")
    labels: npt.NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    if "label" in names:
        words = [table.column("label")[int(i)].as_py() for i in kept]
        labels, classes = _labels(words, file.schema_arrow.metadata or {})
    return Images(pixels, labels, classes, failed=len(wanted) - len(kept))


def _labels(
    words: list[Any], metadata: dict[bytes, bytes]
) -> tuple[npt.NDArray[np.int64] | None, tuple[str, ...]]:
    """Return labels as numbers: numbers stay, the names of their classes are in the metadata."""
    import json

    if not all(isinstance(word, int) and word >= 0 for word in words):
        return _numbered([None if word is None else str(word) for word in words])
    try:
        names = [str(name) for name in json.loads(metadata.get(b"classes", b"[]"))]
    except ValueError:
        names = []
    count = max(len(names), max(words) + 1)
    return np.array(words, dtype=np.int64), tuple(names) or tuple(str(i) for i in range(count))


def _decoded_bytes(column: Any, card: ModelCard) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Decode image files that are values of a column; return pixels and the rows that gave them."""
    parts: list[npt.NDArray[np.uint8]] = []
    kept: list[int] = []
    for start in range(0, len(column), _BLOCK):
        with tempfile.TemporaryDirectory(prefix="vifex-images-") as name:
            for row, value in enumerate(column.slice(start, _BLOCK).to_pylist()):
                data = value.get("bytes") if isinstance(value, dict) else value
                (Path(name) / f"{start + row:09d}.img").write_bytes(data or b"")
            media = [found for found in find(name) if isinstance(found, Medium)]
            decoded = _decoded(media, card) if media else None
        if decoded is not None:
            parts.append(decoded[0])
            kept += [int(medium.name.partition(".")[0]) for medium in decoded[1]]
    pixels = np.concatenate(parts) if parts else np.empty((0, card.height_px, card.width_px, 3), np.uint8)
    return pixels, np.array(kept, dtype=np.int64)
