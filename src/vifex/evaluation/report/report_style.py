"""The look of a report: the style that all pages share, and the rules for its tables and plots."""

from __future__ import annotations

from typing import Final

from vifex.values.page_style import PAGE_STYLE

__all__ = ["REPORT_STYLE"]

REPORT_STYLE: Final = (
    PAGE_STYLE
    + """
:root {
  --c0: #1f5fbf; --c1: #c2571a; --c2: #2c8a4b; --c3: #8a3fb0; --c4: #b3262e; --c5: #00838f; --c6: #8a6d00;
  --c7: #c2318c; --c8: #55606e; --good: #1f5fbf; --bad: #c2571a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --c0: #8ab8ff; --c1: #ffab73; --c2: #7fd99a; --c3: #d3a4f0; --c4: #ff8f8f; --c5: #6fd6de; --c6: #e0c45c;
    --c7: #ff9ad5; --c8: #b2bcc9; --good: #8ab8ff; --bad: #ffab73;
  }
}
section { margin-block: 2rem; }
h2 { font-size: 1.15rem; margin: 0 0 .75rem; }
.numbers {
  display: grid; gap: .75rem; margin: 0; padding: 0; list-style: none;
  grid-template-columns: repeat(auto-fill, minmax(min(11rem, 42vw), 1fr));
}
.numbers li, .panel {
  background: var(--card); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shade);
  padding: .8rem 1rem; min-width: 0;
}
.numbers b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; line-height: 1.3; }
.numbers span { color: var(--soft); font-size: .82rem; display: block; }
.plots { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); }
.panel h3 { margin: 0 0 .5rem; font-size: 1rem; }
.panel p { margin: .4rem 0 0; color: var(--soft); font-size: .85rem; }
.plot { display: block; width: 100%; height: auto; margin-inline: auto; }
.plot text { fill: var(--ink); font: 11px system-ui, sans-serif; }
.plot .tick { fill: var(--soft); }
.plot .label { font-size: 12px; }
.plot .grid { stroke: var(--line); stroke-width: 1; fill: none; }
.plot .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.plot .dashed { stroke: var(--soft); stroke-dasharray: 5 4; stroke-width: 1.2; }
.plot .c0 { stroke: var(--c0); } .plot .c1 { stroke: var(--c1); } .plot .c2 { stroke: var(--c2); }
.plot .c3 { stroke: var(--c3); } .plot .c4 { stroke: var(--c4); } .plot .c5 { stroke: var(--c5); }
.plot .c6 { stroke: var(--c6); } .plot .c7 { stroke: var(--c7); } .plot .c8 { stroke: var(--c8); }
.plot .bar { fill: var(--accent); fill-opacity: .55; }
.plot .empty { fill: var(--well); } .plot .right { fill: var(--good); } .plot .wrong { fill: var(--bad); }
.plot .number { font-size: 10px; } .plot .over { fill: var(--page); }
.scroll { overflow-x: auto; max-height: 34rem; border: 1px solid var(--line); border-radius: 12px; }
.scroll:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; background: var(--card); font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .7rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child {
  text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 7rem;
}
thead th { position: sticky; top: 0; background: var(--well); font-size: .82rem; }
tbody tr + tr { border-top: 1px solid var(--line); }
.notes { margin: 0; padding-left: 1.2rem; overflow-wrap: anywhere; }
.scroll + .notes { margin-top: .6rem; }
@media (max-width: 34rem) {
  header { flex-direction: column; align-items: flex-start; gap: 1rem; }
  .words { padding: .5rem .6rem .6rem; }
  .numbers b { font-size: 1.25rem; }
  .panel { padding: .6rem; }
}
@media print {
  body { background: #fff; padding: 0; }
  .scroll { max-height: none; overflow: visible; }
  .hit, .panel { break-inside: avoid; box-shadow: none; }
}
"""
)
