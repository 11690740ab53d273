"""The errors of Vifex: what happened, to what, and what to do, each a short sentence."""

__all__ = [
    "EngineError",
    "InputError",
    "InstallationError",
    "MediaError",
    "MissingExtraError",
    "ModelError",
    "StoreError",
    "StoreInUseError",
    "TrainingError",
    "UnknownViewError",
    "VifexError",
    "keywords",
]


class VifexError(Exception):
    """A failure that is not a bug of Vifex.

    Messages name an option as a Python call has it, in backticks: `` `clip="16x2"` ``. The command line
    shows it as its own option.

    Args:
        what: What happened, one sentence. With `option`, the sentence without its subject: "takes a number".
        of: What it happened to: a path, a URI, a layer.
        todo: What the user can do about it, one sentence.
        option: The option at fault, by its keyword in Python, e.g. `clip`. It is the sentence's subject.
    """

    def __init__(
        self, what: str, *, of: str | None = None, todo: str | None = None, option: str | None = None
    ) -> None:
        super().__init__(what, of, todo, option)
        self.what = f"`{option}=` {what}" if option else what
        self.of = of
        self.todo = todo
        self.option = option

    @property
    def sentences(self) -> str:
        """What happened and what to do, without what it happened to; a ledger entry names that itself."""
        return f"{self.what} {self.todo}" if self.todo else self.what

    def __str__(self) -> str:
        return f"{self.of}: {self.sentences}" if self.of else self.sentences

    def __reduce__(self) -> tuple[object, ...]:
        # Decoder processes send errors to their parent; the default reduction loses keyword-only arguments.
        return (_rebuild, (type(self), *self.args))


def _rebuild(
    kind: type[VifexError], what: str, of: str | None, todo: str | None, option: str | None
) -> VifexError:
    return kind(what, of=of, todo=todo, option=option)


def keywords(**values: object) -> str:
    """Write options with their values for a message, in backticks: `` `model="a.onnx", trust_code=True` ``.

    Use it where a value comes from the user: a backtick inside a value is escaped.
    """
    return "`{}`".format(", ".join(f"{k}={v!r}" for k, v in values.items()).replace("`", r"\x60"))


class InputError(VifexError):
    """What the user gave cannot be used: a path, a manifest, an option, a query."""


class MediaError(VifexError):
    """An image, a video or a sound cannot be read, or not whole."""


class ModelError(VifexError):
    """A model, its card, its weights or a layer of it cannot be used."""


class StoreError(VifexError):
    """A store cannot be made, opened or written."""


class StoreInUseError(StoreError):
    """Another process writes to a store."""


class TrainingError(VifexError):
    """A training run cannot start, go on or be resumed."""


class UnknownViewError(StoreError, KeyError):
    """A store has no view of that name."""


class EngineError(VifexError):
    """The engine that runs networks failed."""


class InstallationError(VifexError):
    """An installed library is not one that Vifex works with."""


class MissingExtraError(VifexError):
    """An optional dependency is not installed."""
