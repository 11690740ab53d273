"""Models: a name or a file becomes a `Model`, which is a card and the files of a graph.

Nothing here runs a network or imports an engine.
"""

from __future__ import annotations

import os
from pathlib import Path

from vifex.models.cards import card_path, format_card, read_card
from vifex.models.drafts import draft_card
from vifex.models.families.shared.nearby import nearby
from vifex.models.files import SUFFIXES, load_file
from vifex.models.named import check_prefix, load_of_family, prefixes, split_name
from vifex.models.registry import ALIASES, GROUP, MODELS, RETIRED
from vifex.values import Model, ModelError
from vifex.values.registry import load, names, near
from vifex.values.steps import step

__all__ = ["card_path", "draft_card", "format_card", "load_model", "model_names", "read_card"]


def model_names() -> list[str]:
    """Return every name that `load_model` takes, aliases included, sorted."""
    return sorted({*names(MODELS, group=GROUP), *ALIASES})


def load_model(
    name_or_path: str | os.PathLike[str] = "default",
    *,
    weights: str | None = None,
    card: Path | None = None,
    trust_code: bool = False,
) -> Model:
    """Load a model by its name or from its file.

    Args:
        name_or_path: A name of `model_names()`, a family's `PREFIX/NAME` (`torch:MODULE:CALLABLE` for a
            network of yours), or the path of an `.onnx`, `.xml` (OpenVINO IR), `.tflite`, `.pt`
            (TorchScript) or `.pt2` (torch.export) file.
        weights: For a network of a family: `random:SEED`, or a file; by default the published ones.
        card: The model card of a file or of your own network, if it is not beside it.
        trust_code: Whether the code in a `.pt` or `.pt2` file may run.

    Raises:
        ModelError: If there is no such model or file, the card is missing or wrong, or the weights
            are not those that the card names.
        MissingExtraError: If the library that makes the network is not installed.
    """
    text = os.fspath(name_or_path)
    step(f"loading the model {text}")
    name = ALIASES.get(text, text)
    known = names(MODELS, group=GROUP)
    if not (name in known and card is None) and (family := split_name(text)) is not None:
        return load_of_family(*family, weights=weights, card=card)
    if weights is not None:
        raise ModelError(
            "this model comes with its own weights.",
            of=text,
            todo="Leave out the weights, or name a network.",
        )
    if name in known and card is None:
        model: Model = load(MODELS, name, group=GROUP, what="model")(name)
        return model
    if name in RETIRED and not Path(text).exists():
        raise ModelError(
            f"the model is not in this version of Vifex. {RETIRED[name]}",
            of=text,
            todo="Extract the media again into another store, or name the model's file if you kept it.",
        )
    if _is_path(text):
        if not Path(text).exists() and (found := _meant(text, guess=False)):
            raise ModelError("there is no such file or model.", of=text, todo=found.rstrip())
        check_prefix(text)
        return load_file(Path(text), card=card, trust_code=trust_code)
    if name in known:
        raise ModelError(
            "this model comes with its own card.", of=text, todo="Leave out the card, or name a file."
        )
    meant = near(text, [*known, *ALIASES]) or _meant(text)
    raise ModelError(
        f"there is no model {text!r}.",
        todo=f"{meant}Known: {', '.join(known)}; or give PREFIX/NAME "
        f"({prefixes()}), or the path of a file ({', '.join(SUFFIXES)}).",
    )


def _meant(text: str, *, guess: bool = True) -> str:
    """Return an offer of networks with similar names: `Did you mean a, b or c? `, or nothing."""
    if Path(text).suffix.lower() in SUFFIXES or text.startswith((".", "~", os.sep)):
        return ""  # certainly a path
    *most, last = nearby(text, guess=guess) or [""]
    return f"Did you mean {' or '.join(filter(None, [', '.join(most), last]))}? " if last else ""


def _is_path(text: str) -> bool:
    """Return whether the user means a file: it exists, has a separator, or a suffix that files have."""
    separators = [s for s in (os.sep, os.altsep) if s]
    return Path(text).exists() or any(s in text for s in separators) or bool(_file_suffix(text))


def _file_suffix(text: str) -> str:
    # A version such as `net-1.5` is not a suffix; a few letters are.
    suffix = Path(text).suffix
    return suffix if suffix[1:].isalpha() and len(suffix) <= 12 else ""
