"""What a run says of its machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vifex.engines import cores
from vifex.extraction.opening import facts_of_run, share_out


def test_a_run_counts_the_cores_of_its_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a core of quota rounds up to one, however many cores the machine has."""
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    monkeypatch.setattr(cores, "_CGROUPS", tmp_path)
    shares = share_out(
        tmp_path / "s.vifex",
        [],
        workers=None,
        cores=None,
        memory_bytes=None,
        limits=None,
        shards=None,
        devices=(),
    )
    facts = json.loads(facts_of_run([], shares, {"extracted": {"sources": ["a"]}}))
    assert facts["machine"]["cores"] == 1
    assert facts["extracted"] == {"sources": ["a"]}
