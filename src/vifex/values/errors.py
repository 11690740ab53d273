"""The errors of Vifex: what happened, to what, and what to do, each a short sentence."""

__all__ = [
    "EngineError",
    "InputError",
    "InstallationError",
    "MediaError",
    "MissingExtraError",
    "ModelError",
    "StoreError",
    "VifexError",
]


class VifexError(Exception):
    """A failure that is not a bug of Vifex.

    Args:
        what: What happened, one sentence.
        of: What it happened to: a path, a uri, a layer.
        todo: What the user can do about it, one sentence.
    """

    def __init__(self, what: str, *, of: str | None = None, todo: str | None = None) -> None:
        super().__init__(what, of, todo)
        self.what = what
        self.of = of
        self.todo = todo

    def __str__(self) -> str:
        head = f"{self.of}: {self.what}" if self.of else self.what
        return f"{head} {self.todo}" if self.todo else head

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default reduction, and workers send errors home.
        return (_rebuild, (type(self), self.what, self.of, self.todo))


def _rebuild(kind: type[VifexError], what: str, of: str | None, todo: str | None) -> VifexError:
    return kind(what, of=of, todo=todo)


class InputError(VifexError):
    """What the user gave cannot be used: a path, a manifest, an option, a query."""


class MediaError(VifexError):
    """An image, a video or a sound cannot be read, or not whole."""


class ModelError(VifexError):
    """A model, its card, its weights or a layer of it cannot be used."""


class StoreError(VifexError):
    """A store cannot be made, opened or written."""


class EngineError(VifexError):
    """The engine that runs networks failed."""


class InstallationError(VifexError):
    """An installed library is not one that Vifex works with."""


class MissingExtraError(VifexError):
    """An optional dependency is not installed."""
