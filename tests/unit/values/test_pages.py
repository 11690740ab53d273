"""The head of a page: its policy, its script, and data for the script."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re

import pytest

from vifex.values.pages import page_data, page_head, page_script


def policy(page: str) -> str:
    found = re.search(r'Content-Security-Policy"\s+content="([^"]*)"', page)
    assert found is not None
    return html.unescape(found[1])


def test_a_page_without_a_script_allows_none() -> None:
    assert policy(page_head("t", "")) == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_the_policy_names_the_hash_of_the_text_between_the_tags() -> None:
    script = "document.title = '\u00fc' + (1 < 2);\n"
    page = page_head("t", "", script) + page_script(script)
    between = re.search(r"<script>(.*)</script>", page, re.DOTALL)
    assert between is not None
    expected = base64.b64encode(hashlib.sha256(between[1].encode()).digest()).decode()
    assert policy(page).endswith(f"; script-src 'sha256-{expected}'")


@pytest.mark.parametrize("script", ["a = '</script>'", "a = '</SCRIPT'", "<!-- a", "a;\r\nb;", "a\0"])
def test_a_script_that_a_browser_would_read_otherwise_is_refused(script: str) -> None:
    with pytest.raises(ValueError, match="must not contain"):
        page_head("t", "", script)


def test_data_survive_and_cannot_end_their_element() -> None:
    value = {"name": "</script><script>alert(1)</script><!--", "n": [1, 2.5, None]}
    element = page_data("rows", value)
    found = re.fullmatch(r'<script type="application/json" id="rows">([^<]*)</script>\n', element)
    assert found is not None
    assert json.loads(found[1]) == value
