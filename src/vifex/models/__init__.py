"""Models: a name or a file becomes a `Model`, that is a card and the files of a graph.

Nothing here runs a network or imports an engine.
"""

from __future__ import annotations

import os
from pathlib import Path

from vifex.models.cards import card_path, format_card, read_card
from vifex.models.drafts import draft_card
from vifex.models.files import SUFFIXES, load_file
from vifex.models.registry import ALIASES, GROUP, MODELS
from vifex.values import Model, ModelError
from vifex.values.registry import load, names, near

__all__ = ["card_path", "draft_card", "format_card", "load_model", "model_names", "read_card"]


def model_names() -> list[str]:
    """Every name that `load_model` takes, aliases included, sorted."""
    return sorted({*names(MODELS, group=GROUP), *ALIASES})


def load_model(name_or_path: str | os.PathLike[str] = "default", *, card: Path | None = None) -> Model:
    """Load a model by its name or from its file.

    Args:
        name_or_path: A name of `model_names()`, or the path of an `.onnx`, `.xml` (OpenVINO IR) or
            `.tflite` file.
        card: The model card of a file, where it is not `MODEL.vifex.toml` beside it.

    Raises:
        ModelError: If there is no such model or file, the card is missing or wrong, or the weights
            are not those that the card names.
    """
    text = os.fspath(name_or_path)
    name = ALIASES.get(text, text)
    known = names(MODELS, group=GROUP)
    if name in known and card is None:
        model: Model = load(MODELS, name, group=GROUP, what="model")(name)
        return model
    if _is_path(text):
        return load_file(Path(text), card=card)
    raise ModelError(
        f"there is no model {text!r}.",
        todo=f"{near(text, [*known, *ALIASES])}Known: {', '.join(known)}; or give the path of a file "
        f"({', '.join(SUFFIXES)}).",
    )


def _is_path(text: str) -> bool:
    """Tell whether the user means a file: it exists, has a separator, or a suffix that files have."""
    separators = [s for s in (os.sep, os.altsep) if s]
    return Path(text).exists() or any(s in text for s in separators) or bool(_file_suffix(text))


def _file_suffix(text: str) -> str:
    # A version such as `net-1.5` is no suffix; letters of a few characters are.
    suffix = Path(text).suffix
    return suffix if suffix[1:].isalpha() and len(suffix) <= 12 else ""
