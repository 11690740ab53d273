"""The look of the page of copies: the style that all pages share, and the rules for its groups."""

from __future__ import annotations

from typing import Final

from vifex.values.page_style import PAGE_STYLE

__all__ = ["STYLE"]

STYLE: Final = (
    PAGE_STYLE
    + """
.bar {
  position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: center;
  max-width: 82rem; margin: 0 auto 1.25rem; padding: .6rem 0; background: var(--page);
  border-bottom: 1px solid var(--line);
}
.bar p { margin: 0; color: var(--soft); font-size: .85rem; }
kbd {
  padding: 0 .35rem; border: 1px solid var(--line); border-radius: 4px; background: var(--card);
  color: var(--ink); font: 600 .8rem ui-monospace, "DejaVu Sans Mono", monospace;
}
button {
  flex: 1; min-height: 2.1rem; padding: .3rem .7rem; border: 1px solid var(--line); border-radius: 8px;
  background: var(--card); color: var(--ink); font: inherit; font-size: .85rem; cursor: pointer;
}
#save { flex: none; border-color: var(--accent); color: var(--accent); font-weight: 600; }
button:focus-visible, .hit:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
button[aria-pressed=true] { background: var(--ink); border-color: var(--ink); color: var(--page); }
.group { margin: 0 0 2rem; }
h2 { margin: 0 0 .6rem; font-size: 1.05rem; overflow-wrap: anywhere; }
h2 span { color: var(--soft); font-weight: 400; }
.hits { grid-template-columns: repeat(auto-fill, minmax(min(13rem, 100%), 1fr)); }
.first { border-color: var(--accent); }
.marks { display: flex; gap: .4rem; margin-top: auto; padding-top: .4rem; }
[data-mark=wrong] .image { opacity: .35; }
[data-mark=confirmed] { border-color: var(--ink); }
.segment { margin: 0 0 1.5rem; padding: .8rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; box-shadow: var(--shade); }
.segment:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.segment[data-mark=wrong] .strip { opacity: .35; }
.segment[data-mark=confirmed] { border-color: var(--ink); }
.segment h2 { margin: 0 0 .5rem; }
.strip { margin: 0 0 .6rem; }
.strip figcaption { font-size: .85rem; overflow-wrap: anywhere; }
.strip figcaption span { font-variant-numeric: tabular-nums; color: var(--soft); white-space: nowrap; }
.strip ol { display: grid; grid-template-columns: repeat(5, minmax(0, 1fr)); gap: .25rem; margin: .2rem 0 0;
  padding: 0; list-style: none; }
.strip li { font-size: .7rem; color: var(--soft); font-variant-numeric: tabular-nums; text-align: center;
  overflow: hidden; }
.strip .frame { position: relative; display: block; aspect-ratio: 4 / 3; background: var(--well);
  border-radius: 4px; overflow: hidden; }
.strip .frame img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; }
.strip li .long { display: inline; }
@media (max-width: 30rem) { .strip li .long { display: none; } }
.segment .marks { max-width: 24rem; }
"""
)
