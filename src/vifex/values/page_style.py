"""The look that all HTML pages of Vifex share, for laptops, phones and paper, light and dark."""

from __future__ import annotations

from typing import Final

__all__ = ["PAGE_STYLE"]

PAGE_STYLE: Final = """
:root {
  color-scheme: light dark;
  --page: #f4f4f1; --card: #ffffff; --well: #e9e9e4; --ink: #1c1d1f; --soft: #63666b;
  --line: #dcdcd6; --accent: #1f5fbf; --shade: 0 1px 2px rgb(0 0 0 / .06), 0 4px 14px rgb(0 0 0 / .05);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #121315; --card: #1c1e21; --well: #0c0d0e; --ink: #ececea; --soft: #9b9fa6;
    --line: #2d3035; --accent: #8ab8ff; --shade: none;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: clamp(1rem, 3vw, 2.5rem); background: var(--page); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  -webkit-text-size-adjust: 100%;
}
header, main, footer { max-width: 82rem; margin-inline: auto; }
header { display: flex; gap: 1.5rem; align-items: center; margin-bottom: clamp(1.25rem, 3vw, 2.25rem); }
.over {
  margin: 0 0 .2rem; color: var(--soft); font-size: .8rem; letter-spacing: .06em; text-transform: uppercase;
}
h1 { margin: 0 0 .5rem; font-size: clamp(1.3rem, 3.2vw, 2rem); line-height: 1.15; overflow-wrap: anywhere; }
.facts { margin: 0; color: var(--soft); overflow-wrap: anywhere; }
.facts b { color: var(--ink); font-weight: 600; }
a:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
details { margin-top: auto; font-size: .78rem; color: var(--soft); }
summary { cursor: pointer; width: max-content; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem .6rem; margin: .4rem 0 0; }
dd {
  margin: 0; color: var(--ink); overflow-wrap: anywhere;
  font-family: ui-monospace, "DejaVu Sans Mono", monospace;
}
.hits {
  display: grid; gap: clamp(.75rem, 1.6vw, 1.25rem); margin: 0; padding: 0; list-style: none;
  grid-template-columns: repeat(auto-fill, minmax(min(15rem, 44vw), 1fr));
}
.hit {
  display: flex; flex-direction: column; overflow: hidden; background: var(--card);
  border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shade);
}
.image { position: relative; display: block; aspect-ratio: 4 / 3; background: var(--well); }
.image img, .gone { position: absolute; inset: 0; width: 100%; height: 100%; }
.image img { object-fit: contain; }
.gone {
  display: grid; place-content: center; padding: 2.2rem 1rem 1rem; text-align: center;
  color: var(--soft); font-size: .85rem; line-height: 1.35; overflow-wrap: anywhere;
}
.gone b { display: block; color: var(--ink); font-weight: 600; }
.rank {
  position: absolute; padding: .12rem .5rem; border-radius: 6px; color: #fff; background: rgb(0 0 0 / .68);
  font-size: .8rem; font-weight: 600; font-variant-numeric: tabular-nums;
}
.rank { top: .5rem; left: .5rem; }
.words { display: flex; flex-direction: column; gap: .3rem; padding: .65rem .8rem .7rem; flex: 1; }
.line { display: flex; gap: .6rem; justify-content: space-between; align-items: baseline; }
.name { min-width: 0; font-weight: 600; overflow-wrap: anywhere; color: inherit; text-decoration: none; }
.score { flex: none; font-variant-numeric: tabular-nums; color: var(--accent); font-weight: 600; }
.chips { display: flex; flex-wrap: wrap; gap: .3rem; }
.chip {
  padding: .02rem .5rem; border-radius: 99px; background: var(--well); color: var(--soft); font-size: .78rem;
  overflow-wrap: anywhere;
}
footer { margin-top: 2rem; color: var(--soft); font-size: .8rem; }
"""
