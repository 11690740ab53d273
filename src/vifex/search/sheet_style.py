"""The look of a contact sheet: the style that all pages share, and the rules for its hits."""

from __future__ import annotations

from typing import Final

from vifex.values.page_style import PAGE_STYLE

__all__ = ["SHEET_RULES", "STYLE"]

SHEET_RULES: Final = """
.query {
  flex: none; display: block; max-width: min(14rem, 38vw); max-height: 11rem;
  border-radius: 10px; outline: 3px solid var(--accent); outline-offset: 3px; margin: 6px;
}
.time {
  position: absolute; padding: .12rem .5rem; border-radius: 6px; color: #fff; background: rgb(0 0 0 / .68);
  font-size: .8rem; font-weight: 600; font-variant-numeric: tabular-nums;
}
.time { bottom: .5rem; right: .5rem; }
a.name:hover { text-decoration: underline; }
.none { padding: 3rem 1rem; text-align: center; color: var(--soft); }
@media (max-width: 34rem) {
  header { flex-direction: column; align-items: flex-start; gap: 1rem; }
  .query { max-width: 60vw; }
  .words { padding: .5rem .6rem .6rem; }
  .line { flex-direction: column; gap: .1rem; }
  .name { font-size: .88rem; }
}
@media print {
  body { background: #fff; padding: 0; }
  .hit { break-inside: avoid; box-shadow: none; }
  details { display: none; }
}
.note { margin: 0; color: var(--soft); font-size: .85rem; overflow-wrap: anywhere; }
"""
"""The rules for hits alone, for pages that have other parts too."""
STYLE: Final = PAGE_STYLE + SHEET_RULES
