"""Every command and every Python block of the tutorial and the guides, run in the order in which they stand.

Blocks that need torch are run by `tests/torch/test_guides.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from doc_blocks import ROOT, blocks_of, run_page

GUIDES = sorted(path.name for path in (ROOT / "docs" / "guides").glob("*.md"))
WITH_TORCH_ALONE = {"compression.md", "gpus.md", "metric-learning.md", "training-video.md", "training.md"}

pytest.importorskip("skimage", reason="the demo's photographs come with scikit-image")


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", ["tutorial.md", "plugins.md", *(f"guides/{n}" for n in GUIDES if n not in WITH_TORCH_ALONE)]
)
def test_every_block_runs(page: str, page_folder: Path) -> None:
    assert run_page(f"docs/{page}", page_folder) > 0


@pytest.mark.parametrize("page", ["tutorial.md", "plugins.md", *(f"guides/{n}" for n in GUIDES)])
def test_every_command_is_in_a_block_that_is_run(page: str) -> None:
    """A block in another language, or with an unknown word, would escape the tests."""
    for block in blocks_of(f"docs/{page}"):
        assert block.language in ("sh", "python", "toml", "text"), block
        assert block.word in ("", "setup", "torch") or block.word.startswith("file="), block
        if block.language == "text" and "vifex " in block.text:
            needs = ("hf/", "--device cuda")
            assert any(word in block.text for word in needs), (
                "only a hub or a GPU may be needed by what is not run"
            )
