"""Why a medium yields nothing: the exception for skipped media, and library errors in plain words."""

from __future__ import annotations

from typing import Final

__all__ = ["Skip", "clean", "why_not"]

NO_VIDEO: Final = "no video stream"


class Skip(Exception):
    """There is nothing to do with a medium by its kind; `reason` says why, e.g. `no video stream`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def clean(text: str) -> str:
    """Return a library's message as one printable line of at most 160 characters, without a full stop."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split()).rstrip(". ")
    return line if len(line) <= 160 else line[:159] + "\N{HORIZONTAL ELLIPSIS}"


def why_not(exc: BaseException) -> str:
    """Return a clause that says what a library's exception means.

    Args:
        exc: What Pillow or PyAV raised.

    Returns:
        A clause without a full stop, e.g. `the data are damaged or not of the kind they claim to be`.
    """
    if isinstance(exc, MemoryError):
        return "it needs more memory than the limit allows"
    for kinds, words in _WORDS.items():
        if type(exc).__name__ in kinds:
            return words
    text = clean(getattr(exc, "strerror", None) or str(exc))
    return text[:1].lower() + text[1:] if text else f"the decoder failed ({type(exc).__name__})"


_WORDS: Final[dict[tuple[str, ...], str]] = {
    ("InvalidDataError",): "the data are damaged or not of the kind they claim to be",
    ("UnidentifiedImageError",): "it is not an image of a known kind",
    ("DecoderNotFoundError",): "there is no decoder for it",
    ("PatchWelcomeError",): "it uses a feature that the decoder does not support",
    ("EOFError",): "it ends too early",
    ("DecompressionBombError",): "it has more pixels than allowed",
}
