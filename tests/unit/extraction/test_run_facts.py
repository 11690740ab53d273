"""What a run says of its machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vifex.engines import cores
from vifex.extraction.planning.budget import plan_budget
from vifex.extraction.run import _run_facts


def test_a_run_counts_the_cores_of_its_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a core of quota rounds up to one, however many cores the machine has."""
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    monkeypatch.setattr(cores, "_CGROUPS", tmp_path)
    budget = plan_budget()
    assert json.loads(_run_facts([], budget.cores, [None]))["machine"]["cores"] == 1
