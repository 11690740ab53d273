"""Text towers: they turn text into vectors in the space of a model's image vectors.

A family with text towers offers `text_tower(name, weights)` beside its `build`. A model that is a file may
have a table of words beside it. A text query is compared with rows of the layer `embedding`; both are scaled
to length 1 first, or the distance is the cosine.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from vifex.models.words import WordTable, words_path
from vifex.values import Model, ModelError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["TextTower", "count_tokens", "cut_words", "text_tower", "text_vectors"]


class TextTower(Protocol):
    """The part of a network that reads text. Make it once and use it for many queries."""

    def vectors(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return one vector per text, as the library's own tower gives it: not scaled to length 1.

        Args:
            texts: At least one; a text longer than the tower reads is cut as its library does it.

        Returns:
            float32 `[N, D]`, D being the size of the layer `embedding`.
        """

    def length(self, text: str) -> tuple[int, int]:
        """Count a text's tokens, marks of beginning and end included.

        Returns:
            The tokens of the whole text, and how many of them the tower reads at most.
        """


def text_tower(model: Model) -> TextTower:
    """Make the text tower of a model, from the same weights as the model itself, or open its table of words.

    Raises:
        ModelError: If it has none, or its tokenizer or its table cannot be read or fetched.
        MissingExtraError: If the library that makes it is not installed.
    """
    maker: Any = None
    if model.graph is not None and words_path(model.graph).is_file():
        return WordTable(words_path(model.graph))
    if model.builder is not None:
        maker = getattr(import_module(model.builder.target.partition(":")[0]), "text_tower", None)
    if maker is None or model.builder is None:
        raise no_tower(model.card.name)
    tower: TextTower = maker(model.builder.name, model.builder.weights)
    return tower


def cut_words(tower: TextTower, text: str) -> str | None:
    """Return a note if a text is longer than a tower reads, so that its end is ignored; else `None`."""
    tokens, most = tower.length(text)
    if tokens <= most:
        return None
    return f"the words are {tokens} tokens long and its text model reads {most}: the end was cut off."


def text_vectors(model: Model, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return one vector a text; for more than one call make the tower once with `text_tower`."""
    return text_tower(model).vectors(texts)


def count_tokens(tokenizer: Any, text: str) -> int:
    """Count the tokens of a whole text with a tokenizer of transformers."""
    # Not verbose, because the library would print that the text is long.
    return len(tokenizer(text, truncation=False, verbose=False)["input_ids"])


def no_tower(name: str) -> ModelError:
    """Return the error for a model without a text tower."""
    return ModelError(
        "the model has no text tower, so it cannot be searched with text.",
        of=name,
        todo="Extract with a model that has one, e.g. open_clip/ViT-B-32/openai, or search by an image.",
    )
