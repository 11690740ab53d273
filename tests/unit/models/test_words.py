"""Tables of words beside a model's graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vifex.models.words import WordTable, words_path
from vifex.values import InputError, ModelError

NAMES = ["tabby, tabby cat", "Persian cat", "crane", "crane, gin pole", "school bus", "minibus", "ox"]


@pytest.fixture
def table(tmp_path: Path) -> WordTable:
    path = words_path(tmp_path / "net.xml")
    assert path == tmp_path / "net.words.npz"
    np.savez(path, names=np.array(NAMES), vectors=np.eye(len(NAMES), dtype=np.float16))
    return WordTable(path)


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("tabby", [0]),
        ("  A  Tabby   CAT ", [0]),
        ("tabbys", [0]),
        ("cat", [0, 1]),
        ("the cats", [0, 1]),
        ("crane", [2, 3]),
        ("gin pole", [3]),
        ("school buses", [4]),
    ],
)
def test_a_text_is_the_mean_of_what_it_names(table: WordTable, text: str, classes: list[int]) -> None:
    (vector,) = table.vectors([text])
    expected = np.zeros(len(NAMES), np.float32)
    expected[classes] = 1 / np.sqrt(len(classes))
    np.testing.assert_allclose(vector, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "offer"),
    [
        ("red bus", "It knows school bus. "),
        ("persian", "It knows persian cat. "),
        ("xyzzy", "For any words extract"),
        ("crame", "Did you mean crane? "),
        ("", "For any words extract"),
    ],
)
def test_other_words_are_refused_with_the_nearest(table: WordTable, text: str, offer: str) -> None:
    with pytest.raises(
        InputError, match="knows the names of 7 kinds of things, and not these words"
    ) as error:
        table.vectors(["tabby", text])
    assert error.value.of == repr(text)
    assert str(error.value.todo).startswith(offer)


def test_a_damaged_table_is_told(tmp_path: Path) -> None:
    (tmp_path / "net.words.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ModelError, match=r"table of words cannot be read"):
        WordTable(tmp_path / "net.words.npz")
