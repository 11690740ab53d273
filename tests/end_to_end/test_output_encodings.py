"""Names of any kind, printed where the encoding lacks their letters: escaped, never an error, never raw."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

NAMES = {
    "cyrillic": "фото.png".encode(),
    "chinese": "照片.png".encode(),
    "emoji": "\U0001f600.png".encode(),
    "accent": "é.png".encode(),
    "newline": b"a\nb.png",
    "escape": b"a\x1b[31mred.png",
    "backwards": "a\u202egnp.exe.png".encode(),
    "bytes": b"odd\xff\xfe.png",
}
ESCAPED = {
    "cyrillic": "\\u0444\\u043e\\u0442\\u043e.png",
    "chinese": "\\u7167\\u7247.png",
    "emoji": "\\U0001f600.png",
    "accent": "\\xe9.png",
    "newline": "a\\x0ab.png",
    "escape": "a\\x1b[31mred.png",
    "backwards": "a\\u202egnp.exe.png",
    "bytes": "odd\\xff\\xfe.png",
}
ALWAYS = ("newline", "escape", "backwards", "bytes")
"""Those that are escaped whatever the encoding."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes, as Linux has them")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, vifex_command: Any) -> Path:
    folder = tmp_path_factory.mktemp("names")
    (folder / "media").mkdir()
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(folder / "query.png")
    for name in NAMES.values():
        shutil.copy(os.fsencode(folder / "query.png"), os.fsencode(folder / "media") + b"/" + name)
    Path(os.fsdecode(os.fsencode(folder / "media") + b"/" + "сломано\x1b[1m.jpg".encode())).write_bytes(
        b"\xff\xd8\xff"
    )
    done = vifex_command("extract", folder / "media", "-o", folder / "s.vifex", "-q")
    assert done.returncode == 3, done.stderr
    return folder


def environment(encoding: str) -> dict[str, str]:
    if encoding == "C":  # as a C locale is where Python is told not to make it UTF-8
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PYTHONIO"))}
        return {**plain, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    return {**os.environ, "PYTHONIOENCODING": encoding}


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "C", "latin-1", "utf-8"])
@pytest.mark.parametrize("command", ["search", "show"])
def test_every_name_is_printed_with_escapes(
    place: Path, vifex_command: Any, encoding: str, command: str
) -> None:
    words = [place / "query.png", "-k", "20"] if command == "search" else ["--problems"]
    done = vifex_command(command, place / "s.vifex", *words, env=environment(encoding), text=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    told = done.stdout.decode("ascii" if encoding == "C" else encoding)
    assert not [c for c in told if not c.isprintable() and c != "\n"]
    if command == "show":
        assert "\\x1b[1m.jpg" in told
        return
    for kind, escaped in ESCAPED.items():
        lacks = encoding in ("ascii", "C") or (encoding != "utf-8" and kind != "accent")
        assert (escaped in told) == (kind in ALWAYS or lacks), kind


def test_json_is_ascii_and_whole(place: Path, vifex_command: Any) -> None:
    query = os.fsdecode(os.fsencode(place / "media") + b"/" + NAMES["bytes"])
    words = ["search", place / "s.vifex", query, "-k", "20", "--json"]
    done = vifex_command(*words, env=environment("cp1252"), text=False)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout.decode("ascii"))
    names = {hit["name"] for hit in document["hits"]}
    assert {"фото.png", "\U0001f600.png", "a\nb.png", "odd\\xff\\xfe.png"} <= names
    assert document["query"].endswith("odd\\xff\\xfe.png")
    assert json.dumps(document, ensure_ascii=False).encode("utf-8")  # no lone surrogate


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "C"])
def test_help_errors_and_the_report_are_printed_too(place: Path, vifex_command: Any, encoding: str) -> None:
    here = environment(encoding)
    shown = vifex_command("extract", "--help", env=here, text=False)
    assert (shown.returncode, shown.stderr) == (0, b"")
    odd = os.fsdecode(b"\xffno\n\x1b[31m-") + "стор.vifex"
    for words in (
        ["show", place / odd],
        ["search", place / odd, "x"],
        ["extract", place / odd, "-o", "x.vifex"],
    ):
        done = vifex_command(*words, env=here, text=False, cwd=place)
        assert done.returncode == 4
        assert done.stderr.startswith(b"vifex: ")
        assert b"Traceback" not in done.stderr
        assert b"\x1b" not in done.stderr
        assert done.stderr.count(b"\n") == 1
    wrong = vifex_command("лишнее\x1b[1m", env=here, text=False)
    assert wrong.returncode == 2
    assert b"Traceback" not in wrong.stderr
    assert b"\x1b" not in wrong.stderr
    # A store's name must be text in the encoding of file names, so under C it is plain.
    store = "plain.vifex" if encoding == "C" else f"склад-{encoding}.vifex"
    told = vifex_command("extract", place / "media", "-o", place / store, env=here, text=False)
    assert told.returncode == 3
    assert store.encode("ascii", "backslashreplace") in told.stdout
    assert b"\\x1b[1m.jpg" in told.stderr
