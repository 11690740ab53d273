"""Every command and every Python block of the tutorial and the guides, run in the order in which they stand.

The pages that they write are looked at in a browser.

Blocks that need torch are run by `tests/torch/test_guides.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from doc_blocks import ROOT, blocks_of, run_page
from page_checks import MISSING, found_in

GUIDES = sorted(path.name for path in (ROOT / "docs" / "guides").glob("*.md"))
WITH_TORCH_ALONE = {"compression.md", "gpus.md", "metric-learning.md", "training-video.md", "training.md"}
ON_A_CLUSTER = {"ray.md"}

pytest.importorskip("skimage", reason="the demo's photographs come with scikit-image")


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [
        "tutorial.md",
        "plugins.md",
        *(f"guides/{n}" for n in GUIDES if n not in WITH_TORCH_ALONE | ON_A_CLUSTER),
    ],
)
def test_every_block_runs(page: str, page_folder: Path, request: pytest.FixtureRequest) -> None:
    if page == "guides/remote.md":
        media = page_folder / "demo" / "media"
        files = [path for path in media.rglob("*") if path.is_file()]
        request.getfixturevalue("s3")(
            "my-bucket", {f"media/{path.relative_to(media).as_posix()}": path.read_bytes() for path in files}
        )
    assert run_page(f"docs/{page}", page_folder) > 0
    if not MISSING:
        assert not [one for path in sorted(page_folder.rglob("*.html")) for one in found_in(path)]


@pytest.mark.skipif(bool(MISSING), reason=f"there is no {MISSING}: the pages of the guides are not looked at")
def test_the_checks_find_faults(tmp_path: Path) -> None:
    """Each of the checks, on a page that keeps nothing."""
    page = tmp_path / "bad.html"
    page.write_text(
        "<!DOCTYPE html><html><title>bad</title><style>button {outline: 0; box-shadow: none}</style>"
        '<div style="width: 900px; color: #ccc; background: white">faint</div><img src="https://a.invalid/b.png">'
        '<button>seen?</button><a href="x" tabindex="-1">never</a><script>console.error("an Error")</script>'
    )
    told = "\n".join(found_in(page))
    for words in (
        "asks for https",
        "says",
        "px wide",
        "color-contrast",
        "image-alt",
        "html-has-lang",
        "cannot be seen",
    ):
        assert words in told
    page.write_text('<!DOCTYPE html><html lang="en"><title>bad</title><a href="x" tabindex="-1">never</a>')
    assert "Tab does not reach" in "\n".join(found_in(page))


@pytest.mark.parametrize("page", ["tutorial.md", "plugins.md", *(f"guides/{n}" for n in GUIDES)])
def test_every_command_is_in_a_block_that_is_run(page: str) -> None:
    """A block in another language, or with an unknown word, would escape the tests."""
    for block in blocks_of(f"docs/{page}"):
        assert block.language in ("sh", "python", "toml", "text"), block
        assert block.word in ("", "setup", "torch") or block.word.startswith("file="), block
        if block.language == "text" and "vifex " in block.text:
            needs = ("hf/", "--device cuda", "--on ray")
            assert any(word in block.text for word in needs), (
                "only a hub, a GPU or a cluster may be needed by what is not run"
            )
