"""Build a release and test it as a user gets it: `make release-check`, and the release workflow.

1. Build the sdist, and the wheel from the sdist.
2. Check their metadata and licence files, and that the version is the tag's (`RELEASE_TAG`, e.g. `v0.1.0`).
3. Install the wheel in a fresh environment, outside the checkout, and extract and search images with it.

`--wheel-only` does the third step with the wheel that lies in `dist`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from email.parser import BytesParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
LICENCES = ("LICENSE", "NOTICE", "LICENSES/LicenseRef-WordNet-3.0.txt")
NEEDED = (
    "vifex/py.typed",
    "vifex/analysis/mapping/page/main.js",
    "vifex/analysis/mapping/page/map.css",
    "vifex/models/embedded/vifex-small-1.bin",
    "vifex/models/embedded/vifex-small-1.vifex.toml",
    "vifex/models/embedded/vifex-small-1.words.npz",
    "vifex/models/embedded/vifex-small-1.xml",
)

SMOKE = """
import subprocess, sys
from pathlib import Path

import numpy as np
from PIL import Image

import vifex

assert "site-packages" in vifex.__file__, vifex.__file__
rng = np.random.default_rng(0)
Path("media").mkdir()
for n in range(4):
    pixels = rng.integers(0, 255, (6, 8, 3), np.uint8)
    Image.fromarray(pixels).resize((160, 120)).save(f"media/{n}.png")
command = [sys.executable, "-m", "vifex"]
subprocess.run([*command, "extract", "media", "-o", "lib.vifex"], check=True)
subprocess.run([*command, "check", "lib.vifex"], check=True)
with vifex.open("lib.vifex") as store:
    assert store.to_numpy("embedding").shape == (4, 512)
    hits = store.search("media/2.png", k=1)
    assert hits[0].name == "2.png", hits
    assert hits[0].score > 0.999, hits
"""


def run(*words: str | os.PathLike[str], cwd: Path = ROOT) -> None:
    print("$", *map(os.fspath, words), flush=True)
    subprocess.run([*map(os.fspath, words)], cwd=cwd, check=True)


def only(pattern: str) -> Path:
    """Give the one file of `dist` that fits a pattern."""
    found = sorted(DIST.glob(pattern))
    if len(found) != 1:
        raise SystemExit(f"expected one {pattern} in {DIST}, found {len(found)}")
    return found[0]


def check_files(wheel: Path, sdist: Path) -> None:
    """Compare what is in both archives with what must be in them."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = (n for n in names if n.endswith(".dist-info/METADATA"))
        fields = BytesParser().parsebytes(archive.read(metadata))
    folder = metadata.removesuffix("METADATA")
    missing = [n for n in (*NEEDED, *(f"{folder}licenses/{n}" for n in LICENCES)) if n not in names]
    with tarfile.open(sdist) as archive:
        inside = {n.partition("/")[2] for n in archive.getnames()}
    missing += [f"{n} (sdist)" for n in (*LICENCES, *(f"src/{n}" for n in NEEDED)) if n not in inside]
    if missing:
        raise SystemExit("missing from the release: " + ", ".join(missing))
    if (
        set(fields.get_all("License-File", [])) != set(LICENCES)
        or "LicenseRef" not in fields["License-Expression"]
    ):
        raise SystemExit(f"the metadata names other licences: {fields['License-Expression']}")
    tag = os.environ.get("RELEASE_TAG", "")
    if tag and tag != f"v{fields['Version']}":
        raise SystemExit(f"the tag is {tag}, and the version is {fields['Version']}")


def test_wheel(wheel: Path) -> None:
    """Install the wheel in a fresh environment and use it in an empty folder."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        venv.create(folder / "env", with_pip=True)
        python = folder / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        run(python, "-m", "pip", "install", "--quiet", wheel)
        work = folder / "work"
        work.mkdir()
        (work / "smoke.py").write_text(SMOKE, encoding="utf-8")
        run(python, "smoke.py", cwd=work)


def main() -> None:
    if "--wheel-only" not in sys.argv:
        shutil.rmtree(DIST, ignore_errors=True)
        # The sdist is built from the checkout and the wheel from the sdist.
        run(sys.executable, "-m", "build", "--no-isolation", "--outdir", DIST)
        run(sys.executable, "-m", "twine", "check", "--strict", only("*.whl"), only("*.tar.gz"))
        check_files(only("*.whl"), only("*.tar.gz"))
    test_wheel(only("*.whl"))
    print("The release works.")


if __name__ == "__main__":
    main()
