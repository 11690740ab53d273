"""The documentation names what the code has, and the checks of the site find what is wrong."""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path

import pytest
from doc_blocks import ROOT

import vifex
from vifex.media.sources.fields import FIELDS
from vifex.models import cards

DOCS = ROOT / "docs"
SOURCE = Path(vifex.__file__).parent


def _text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def _sources() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))


def test_every_environment_variable_is_described() -> None:
    used = set(re.findall(r"\bVIFEX_[A-Z_]+\b", _sources()))
    assert used
    assert used == set(re.findall(r"^\| `(VIFEX_[A-Z_]+)`", _text("reference/environment.md"), re.MULTILINE))


def test_every_key_of_a_card_is_described() -> None:
    keys = re.findall(r"^\| (`[^|]+) \|", _text("reference/cards.md"), re.MULTILINE)
    told = set(re.findall(r"`(\w+)`", "\n".join(keys)))
    assert set(cards._CHECKS) - {"audio"} <= told


def test_the_reference_has_every_public_name_once() -> None:
    """The last section has all names but those that are excluded there, as other sections have them."""
    page = _text("reference/python.md")
    shown = re.findall(r"^\.\. auto(?:function|class|exception):: vifex\.(\w+)$", page, re.MULTILINE)
    excluded = re.search(r":exclude-members: (.+)$", page, re.MULTILINE)
    assert excluded
    assert sorted(shown) == sorted(set(excluded[1].split(", ")) - {"__version__"})
    assert set(shown) < set(vifex.__all__)


def test_every_field_of_a_manifest_is_described() -> None:
    page = _text("reference/manifests.md")
    assert all(f"`{field}`" in page for field in FIELDS)


def test_every_group_of_plug_ins_is_described() -> None:
    groups = set(re.findall(r'GROUP(?:: Final)? = "(vifex\.\w+)"', _sources()))
    assert len(groups) >= 7
    assert groups == set(re.findall(r"^\| `(vifex\.\w+)`", _text("plugins.md"), re.MULTILINE))


def test_every_page_is_in_the_navigation() -> None:
    trees = re.findall(r"```\{toctree\}\n(.*?)```", _text("index.md"), re.DOTALL)
    listed = {line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")}
    pages = {str(path.relative_to(DOCS).with_suffix("")) for path in DOCS.rglob("*.md")} | {"adr/index"}
    assert {page for page in pages if not re.match(r"adr/\d|index", page)} == listed


def test_every_decision_is_in_the_index() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "write_adr_index.py"))
    index = script["index"]()
    pages = sorted((DOCS / "adr").glob("0*.md"))
    assert re.findall(r"^- \*\*\[\d{4} [^\]]*\]\((\d{4}[^)]*)\)", index, re.MULTILINE) == [
        page.name for page in pages
    ]


def test_a_decision_without_a_status_is_an_error(tmp_path: Path) -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "write_adr_index.py"))
    page = tmp_path / "0001-nothing.md"
    page.write_text("# 0001 Nothing\n\nWe decide nothing.\n")
    with pytest.raises(ValueError, match="0001-nothing"):
        script["entry"](page)


def test_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == vifex.__version__
    assert f"\nversion: {vifex.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_the_licence_of_the_weights_is_in_the_metadata() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    notice = (ROOT / "NOTICE").read_text()
    (names,) = re.findall(r"LicenseRef-[\w.-]+", project["license"])
    assert (ROOT / "LICENSES" / f"{names}.txt").is_file()
    assert names in notice
    for card in (SOURCE / "models" / "embedded").glob("*.toml"):
        weights = tomllib.loads(card.read_text())
        assert weights["name"] in notice
        assert weights["licence"] in project["license"].split(" AND ")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<a href="other.html">x</a><p id="here"></p><a href="#here">x</a>', ""),
        ('<a href="gone.html">x</a>', "index.html links to gone.html, which is missing"),
        ('<a href="other.html#gone">x</a>', "index.html links to other.html#gone, which has no such anchor"),
        ('<script src="https://cdn.example/x.js"></script>', "index.html loads https://cdn.example/x.js"),
        ('<img src="//cdn.example/x.png">', "index.html loads //cdn.example/x.png"),
    ],
)
def test_the_check_of_a_site(body: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(f"<html><body>{body}</body></html>")
    (tmp_path / "other.html").write_text("<html></html>")
    check = runpy.run_path(str(ROOT / "scripts" / "check_site.py"))
    found = list(check["problems"](tmp_path))
    assert found == ([problem] if problem else [])


def test_a_style_sheet_that_loads_a_font_is_found(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<html></html>")
    (tmp_path / "a.css").write_text("@font-face { src: url(https://fonts.example/a.woff2) }")
    check = runpy.run_path(str(ROOT / "scripts" / "check_site.py"))
    assert list(check["problems"](tmp_path)) == ["a.css loads something from elsewhere"]


def test_the_architecture_names_files_that_exist() -> None:
    page = _text("architecture.md")
    named = set(re.findall(r"`([a-z_]+/[a-z_/]*(?:\.py)?)`", page))
    assert len(named) > 20
    assert [name for name in sorted(named) if not (SOURCE / name).exists()] == []
    modules = {path.name for path in SOURCE.rglob("*.py")}
    assert set(re.findall(r"`(\w+\.py)`", page)) <= modules


def test_folders_of_many_modules_have_a_reason() -> None:
    large = {
        str(folder.relative_to(SOURCE))
        for folder in SOURCE.rglob("*")
        if folder.is_dir() and len([p for p in folder.glob("*.py") if p.name != "__init__.py"]) > 12
    }
    table = _text("architecture.md").partition("## Large folders")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([\w/]+)` \|", table, re.MULTILINE)) == large
