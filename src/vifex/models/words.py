"""Tables of words: the words that a model without a text network knows, each with a vector.

The table is the file `MODEL.words.npz` beside a model's graph. Its arrays are `names` (for each class its
synonyms, with commas between them) and `vectors` float16 `[N, D]`, of length 1, in the space of the layer
`embedding`.
"""

from __future__ import annotations

import re
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from vifex.values import InputError, ModelError
from vifex.values.registry import near

__all__ = ["WordTable", "words_path"]

_ARTICLES: Final = re.compile(r"^(a|an|the)\s+")
_SHOWN: Final = 5
"""Words that an error names."""


def words_path(graph: Path) -> Path:
    """Return the place of a model file's table of words: `net.xml` -> `net.words.npz`."""
    return graph.with_suffix(".words.npz")


class WordTable:
    """A table of words as a text tower.

    A text is a name in the table, in any case, with or without an article, in the singular or with an `s`
    behind it. The last word of several names means all of them: `cat` is every cat. A name of several classes
    (`crane`) means all of these.

    Args:
        path: Of the table.

    Raises:
        ModelError: If it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                names, vectors = arrays["names"].tolist(), arrays["vectors"].astype(np.float32)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as exc:
            raise ModelError("the table of words cannot be read.", of=str(path)) from exc
        self._vectors: npt.NDArray[np.float32] = vectors
        self._names = [[_plain(name) for name in synonyms.split(",")] for synonyms in names]

    @cached_property
    def names(self) -> list[str]:
        """The first name of each class, in the order of the table."""
        return [synonyms[0] for synonyms in self._names]

    @cached_property
    def _classes(self) -> dict[str, list[int]]:
        """Each text that is known, and the numbers of the classes that it means."""
        known: dict[str, list[int]] = defaultdict(list)
        endings: dict[str, list[int]] = defaultdict(list)
        for number, synonyms in enumerate(self._names):
            for name in dict.fromkeys(synonyms):
                known[name].append(number)
            for ending in {name.split()[-1] for name in synonyms if " " in name}:
                endings[ending].append(number)
        for ending, numbers in endings.items():
            if len(numbers) > 1:
                known[ending] = sorted({*known.get(ending, []), *numbers})
        return dict(known)

    def vectors(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return one vector of length 1 per text `[N, D]`.

        Raises:
            InputError: If a text is not in the table; the error names the nearest that are.
        """
        means = [self._vectors[self._numbers(text)].mean(0) for text in texts]
        return np.stack([mean / np.linalg.norm(mean) for mean in means])

    def length(self, text: str) -> tuple[int, int]:
        """Say that no part of a text is cut off: it is known as a whole, or refused."""
        del text
        return 1, 1

    def _numbers(self, text: str) -> list[int]:
        plain = _plain(text)
        for form in (plain, plain.removesuffix("s"), plain.removesuffix("es")):
            if form in self._classes:
                return self._classes[form]
        raise InputError(
            f"the model knows the names of {len(self._names):,} kinds of things, and not these words.",
            of=repr(text),
            todo=f"{self._nearest(plain)}For any words extract with a model that has a text encoder, e.g. "
            "open_clip/ViT-B-32/openai.",
        )

    def _nearest(self, text: str) -> str:
        """Name what is known and has a word of the text in it, else what is spelt like it."""
        wanted = text.split()
        shared = [name for name in self._classes if set(wanted) & set(name.split())]
        if shared:
            # The last word says what it is: `red bus` is nearer to `school bus` than to `red wine`.
            shared.sort(
                key=lambda name: (
                    -len({*wanted} & {*name.split()}),
                    wanted[-1] not in name.split(),
                    len(name),
                )
            )
            return f"It knows {', '.join(shared[:_SHOWN])}. "
        return near(text, list(self._classes))


def _plain(text: str) -> str:
    """Return a text in lower case, without an article and with single spaces."""
    return _ARTICLES.sub("", " ".join(text.casefold().split()))
