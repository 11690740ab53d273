"""The script of the page of copies: it marks pairs by mouse and keyboard, and saves the marks as a file."""

from __future__ import annotations

from typing import Final

__all__ = ["SCRIPT"]

SCRIPT: Final = r"""
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const marks = new Map(data.marks.map((m) => [key(m), m]));
  const pairs = [...document.querySelectorAll("[data-pair]")];
  const saved = document.getElementById("saved");
  let changed = false;

  function key(m) { return JSON.stringify([m.kind, m.a, m.b, m.other]); }

  function show(pair) {
    const word = (marks.get(key(data.pairs[pair.dataset.pair])) || {}).mark || "";
    pair.dataset.mark = word;
    for (const button of pair.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.word === word));
    }
  }

  function mark(pair, word) {
    const one = data.pairs[pair.dataset.pair];
    const old = marks.get(key(one));
    if (old && old.mark === word) { return; }
    marks.set(key(one), { ...one, mark: word });
    changed = true;
    show(pair);
    const count = [...marks.values()].length;
    saved.textContent = count + (count === 1 ? " mark" : " marks") + ", not saved yet";
  }

  function move(from, step) {
    const place = pairs.indexOf(from) + step;
    if (place >= 0 && place < pairs.length) {
      pairs[place].focus();
      pairs[place].scrollIntoView({ block: "nearest" });
    }
  }

  for (const pair of pairs) {
    show(pair);
    for (const button of pair.querySelectorAll("button")) {
      button.addEventListener("click", () => mark(pair, button.dataset.word));
    }
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) { return; }
    const pair = document.activeElement && document.activeElement.closest("[data-pair]");
    const letter = event.key.toLowerCase();
    if (letter === "s") { save(); return; }
    if (!pair) {
      if (letter === "j" && pairs.length) { pairs[0].focus(); }
      return;
    }
    if (letter === "c") { mark(pair, "confirmed"); move(pair, 1); }
    if (letter === "w") { mark(pair, "wrong"); move(pair, 1); }
    if (letter === "j") { move(pair, 1); }
    if (letter === "k") { move(pair, -1); }
  });

  function save() {
    const text = JSON.stringify({ vifex_copies: 1, marks: [...marks.values()] }, null, 1);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = "copies-marks.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    changed = false;
    saved.textContent = "Saved as " + link.download;
  }

  const button = document.getElementById("save");
  button.hidden = !pairs.length;
  button.addEventListener("click", save);
  window.addEventListener("beforeunload", (event) => { if (changed) { event.preventDefault(); } });
})();
"""
