"""The families of networks written here, where torch is not: listed, and not made."""

from __future__ import annotations

import sys

import pytest

from vifex.models.families.registry import FAMILIES, GROUP
from vifex.models.families.shared.base import Family
from vifex.models.heads import head_names, make_head
from vifex.values import MissingExtraError
from vifex.values.registry import load

NAMES = {"c3d": "sports1m", "i3d": "flow-kinetics400", "seq": "mean(torchvision/resnet18)"} | {
    "fuse": "concat(torchvision/resnet18#layer2+layer4)"
}


@pytest.mark.parametrize("prefix", sorted(NAMES))
def test_a_family_lists_its_networks_without_torch(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    family: Family = load(FAMILIES, prefix, group=GROUP, what="family")
    assert family.prefix == prefix
    entries = list(family.catalogue())
    assert entries
    assert all(entry.name.startswith(f"{prefix}/") for entry in entries)


@pytest.mark.parametrize("prefix", sorted(NAMES))
def test_making_one_says_what_to_install(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    family: Family = load(FAMILIES, prefix, group=GROUP, what="family")
    with pytest.raises(MissingExtraError, match=r"pip install '\.\[torch\]'"):
        family.load(NAMES[prefix], "random:0")


def test_heads_are_listed_without_torch_and_made_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert "lstm" in head_names()
    with pytest.raises(MissingExtraError, match="the head 'lstm' needs torch"):
        make_head("lstm", 8)
