"""What the tests of the sources share: small files of each kind, and a short way to say what was found."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from vifex.values import Medium, Outcome

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
Told = tuple[str, str]


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Make files below the test's folder, by their names; one without content begins as a JPEG does."""

    def files(*names: str | bytes, content: bytes = JPEG) -> Path:
        for name in names:
            path = os.path.join(os.fsencode(tmp_path), os.fsencode(name))  # noqa: PTH118
            os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
            with open(path, "wb") as file:  # noqa: PTH123
                file.write(content)
        return tmp_path

    return files


@pytest.fixture
def tell() -> Callable[[Iterable[Medium | Outcome]], list[Told]]:
    """Give name and kind of each medium, name and `status: reason` of each outcome."""

    def told(found: Iterable[Medium | Outcome]) -> list[Told]:
        return [
            (f.name, f.kind) if isinstance(f, Medium) else (f.medium.name, f"{f.status}: {f.reason}")
            for f in found
        ]

    return told
