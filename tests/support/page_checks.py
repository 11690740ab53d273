"""What every page must keep, seen in a real browser.

A page asks for nothing, says no error, fits 360 pixels, is usable by the keyboard, and has no finding of
axe-core (https://github.com/dequelabs/axe-core) that is serious or critical.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from browser import CHROMIUM, Tab, opened_page

__all__ = ["MISSING", "found_in"]

_PACKAGE: Final = "axe_playwright_python"
MISSING: Final = " and ".join(
    [
        *([] if CHROMIUM else ["Chromium"]),
        *([] if find_spec(_PACKAGE) else ["axe-core (package axe-playwright-python)"]),
    ]
)
"""What the checks need and this machine lacks; empty if they can run."""

WIDTHS: Final = (360, 1280)
TABS: Final = 150
"""How many elements are visited by the Tab key."""

_AXE: Final = """axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations
  .filter((one) => ['serious', 'critical'].includes(one.impact))
  .map((one) => `${one.id}: ${one.help}: ${one.nodes[0].target} (${one.nodes.length})`))"""
_CONTROLS: Final = """[...document.querySelectorAll(
    'a[href], button, input, select, textarea, summary, [tabindex="0"]')]
  .filter((one) => !one.disabled && one.checkVisibility({visibilityProperty: true}))
  // The same link once more, as the image beside a name, may be left out.
  .filter((one, _, all) => !one.ariaHidden || !all.some((other) => other !== one && other.href === one.href))
  .map((one, place) => { one.dataset.control ??= String(place); return one.type === 'radio' ? '' : place; })
  .filter((place) => place !== '')"""
# A focus that cannot be seen is of no use: an outline, or a shadow in its place.
_FOCUSED: Final = """(() => {
  const one = document.activeElement;
  const style = getComputedStyle(one);
  const seen = style.outlineStyle !== 'none' && style.outlineWidth !== '0px' || style.boxShadow !== 'none';
  return [one.dataset.control ?? '', seen, one.outerHTML.slice(0, 80)];
})()"""


def found_in(page: Path) -> list[str]:
    """Return a sentence for each thing that a page does not keep."""
    assert not MISSING
    found = []
    for width in WIDTHS:
        with opened_page(page, width=width) as tab:
            tab.wait("document.readyState === 'complete'")
            tab.wait("['ready', undefined].includes(document.documentElement.dataset.state)")
            found += [f"{page.name} at {width} px: {sentence}" for sentence in _found(tab, page, width)]
    return found


def _found(tab: Tab, page: Path, width: int) -> Iterator[str]:
    asked = [address for address in tab.requests() if address != page.absolute().as_uri()]
    if asked:
        yield f"it asks for {asked[0]}"
    yield from (f"it says {text}" for text in tab.said() if "rror" in text or "efused" in text)
    wide = tab.run("document.documentElement.scrollWidth")
    if wide > width:
        yield f"it is {wide} px wide"
    tab.run(files(_PACKAGE).joinpath("axe.min.js").read_text(encoding="utf-8"))
    yield from tab.run(_AXE)
    yield from _by_keyboard(tab)


def _by_keyboard(tab: Tab) -> Iterator[str]:
    """Visit the page's controls by Tab: each has its turn, and can be seen to have it."""
    wanted = {str(place) for place in tab.run(_CONTROLS)[:TABS]}
    met: set[str] = set()
    tab.run("document.activeElement.blur()")
    for _ in range(len(wanted) + 20):
        tab.key("Tab", code="Tab", windowsVirtualKeyCode=9)
        place, seen, text = tab.run(_FOCUSED)
        if place and not seen:
            yield f"the focus cannot be seen on {text}"
            return
        if place in met and met >= wanted:
            break
        met.add(place)
    missed: list[Any] = sorted(wanted - met, key=int)
    if missed:
        html = tab.run(f"document.querySelector('[data-control=\"{missed[0]}\"]').outerHTML.slice(0, 80)")
        yield f"Tab does not reach {html} ({len(missed)} in all)"
