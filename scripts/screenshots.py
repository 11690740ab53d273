"""Make the screenshots of pages that the guides show, from what the guides' own commands write.

usage: screenshots.py [NAME ...]

Needs Chromium and `demo/`, as `make demo` leaves it. The pictures are those of photographs whose licence
allows it, of digits of scikit-learn, and of made images.
"""

from __future__ import annotations

import base64
import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from browser import CHROMIUM, opened_page  # noqa: E402 - it lies beside the tests
from doc_blocks import run_page  # noqa: E402

SHOTS = {
    "overview": ("what-is-in-a-store.md", "lib.html", 900, 1060),
    "issues": ("issues.md", "issues.html", 900, 760),
    "layers": ("layers-compare.md", "layers.html", 900, 760),
    "probe": ("probing.md", "*report*.html", 900, 900),
}
"""Name of the image: the guide, the page that it writes, and the size of the window in pixels."""


def shoot(page: Path, width: int, height: int, out: Path) -> None:
    """Write what a browser shows of a page, in 128 colours."""
    with opened_page(page, width=width, height=height) as tab:
        tab.wait("document.readyState === 'complete'")
        data = base64.b64decode(tab.call("Page.captureScreenshot", format="png")["data"])
    image = Image.open(io.BytesIO(data)).convert("RGB")
    image.quantize(128, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(out, optimize=True)


def main() -> None:
    if CHROMIUM is None:
        sys.exit("There is no Chromium.")
    for name in sys.argv[1:] or list(SHOTS):
        guide, pattern, width, height = SHOTS[name]
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(ROOT / "demo", Path(folder, "demo"), ignore=shutil.ignore_patterns("*.vifex"))
            run_page(f"docs/guides/{guide}", Path(folder))
            page = min(Path(folder).rglob(pattern))
            shoot(page, width, height, ROOT / "docs" / "images" / f"{name}.png")
            print(f"docs/images/{name}.png from {page.name}")


if __name__ == "__main__":
    main()
