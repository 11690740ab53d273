"""The scoreboard as a page, from the record."""

from __future__ import annotations

from typing import Any

__all__ = ["LIMITS", "page"]

LIMITS = {"cosine": 0.9999, "difference": 1e-3, "apart": 1e-5}
"""At least, and at most: what a line must keep."""

_TOP = """# Parity

Do Vifex's numbers equal those of the library that a network comes from? This page is written by

```bash
python scripts/parity PHOTOS_FOLDER --data DATA_FOLDER --models MODELS_FOLDER
```

and holds what that command found; nothing in it is typed by hand. Networks have seeded random weights
(seed 0): equal arithmetic does not depend on them. Read for each network: its default tap, and two inner
taps at a third and at two thirds of its modules, on photographs decoded in full, in fp32.

- **library**: the engine that Vifex takes on a CPU against the library's own network, called as it is with
  plain forward hooks, one input at a time.
- **engines**: OpenVINO against Vifex's torch engine, where OpenVINO is taken; else why it is not.
- cosine: the worst over the inputs. difference: the largest of any number, as a part of the tap's largest
  value.
- **apart**: the largest change of an input's features when its neighbours, its place in the batch or the
  size of the batch change, in the same measure.
"""


def page(found: dict[str, Any]) -> str:
    """Write the page."""
    said = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    lines = list(found["networks"].values())
    parts = [_TOP, f"Versions: {said}.\n", _summary(lines)]
    families = dict.fromkeys(line["name"].partition("/")[0] for line in lines)
    parts += [_family(f, [line for line in lines if line["name"].startswith(f"{f}/")]) for f in families]
    parts.append(_pixels(found.get("pixels", {})))
    if "accuracy" in found:
        parts.append(_accuracy(found["accuracy"]))
    return "\n".join(parts)


def _summary(lines: list[dict[str, Any]]) -> str:
    good = [line for line in lines if "failed" not in line]
    taps = [tap for line in good for tap in line["taps"].values()]
    openvino = [line for line in good if line["engine"] == "openvino"]
    lowest = min(tap["library"]["cosine"] for tap in taps)
    furthest = max(tap["library"]["difference"] for tap in taps)
    apart = max(line["apart"] for line in good)
    text = (
        f"**{len(good)} of {len(lines)} networks, {len(taps)} taps.** {len(openvino)} run in OpenVINO, "
        f"{len(good) - len(openvino)} in torch. Against the library: lowest cosine {lowest:.6f}, "
        f"largest difference {furthest:.1e}. Largest change by neighbours or batch size: {apart:.1e}.\n"
    )
    below = [line["name"] for line in good if not keeps(line)]
    if below:
        text += f"\nOutside the limits ({LIMITS['cosine']}, {LIMITS['apart']:.0e}): {', '.join(below)}.\n"
    return text


def keeps(line: dict[str, Any]) -> bool:
    """Whether a network's line is within the limits."""
    return line["apart"] <= LIMITS["apart"] and all(
        tap[which]["cosine"] >= LIMITS["cosine"] and tap[which]["difference"] <= LIMITS["difference"]
        for tap in line["taps"].values()
        for which in ("library", "engines")
    )


def _family(family: str, lines: list[dict[str, Any]]) -> str:
    rows = [
        f"## {family}\n",
        "| network | tap | library: cosine | difference | engines: cosine | difference | apart |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    notes = []
    for line in lines:
        own = line["name"].partition("/")[2].replace("|", "\\|")
        if "failed" in line:
            notes.append(f"- {own}: could not be measured: {line['failed']}")
            continue
        if line["why"]:
            notes.append(f"- {own} runs in torch: {line['why']}.")
        first, last = own, f"{line['apart']:.0e}"
        for name, tap in line["taps"].items():
            engines = tap["engines"] if line["engine"] == "openvino" else None
            rows.append(
                f"| {first} | {name} {tap['shape']} | {_numbers(tap['library'])} | "
                f"{_numbers(engines)} | {last} |"
            )
            first = last = ""
    return "\n".join([*rows, "", *notes, ""]) if notes else "\n".join([*rows, ""])


def _numbers(measured: dict[str, float] | None) -> str:
    return "torch | " if measured is None else f"{measured['cosine']:.7f} | {measured['difference']:.1e}"


def _pixels(differences: dict[str, float]) -> str:
    alike: dict[float, list[str]] = {}
    for name, difference in differences.items():
        alike.setdefault(difference, []).append(name)
    rows = [
        "## Preprocessing\n",
        "Ready pixels (`--decode exact`) against each library's own transform on the same photographs, "
        "before normalisation: the largest difference of any pixel, in steps of 255.\n",
        "| difference | networks |",
        "| --- | --- |",
    ]
    rows += [f"| {difference:g} | {', '.join(names)} |" for difference, names in sorted(alike.items())]
    return "\n".join([*rows, ""])


def _accuracy(found: dict[str, Any]) -> str:
    rows = [
        "## Accuracy of real weights\n",
        "CIFAR-10's test pictures, recompressed as JPEG; top-1 in per cent, by `vifex extract --precision "
        "fp32 --decode exact` and by a plain loop of torch and Pillow on the same pixels. difference: the "
        "largest of any of a network's ten numbers.\n",
        "| network | pictures | vifex | plain loop | difference | published, other pixels |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    rows += [
        f"| {name} | {a['pictures']:,} | {a['vifex']:.2f} | {a['loop']:.2f} | {a['difference']:.1e} | "
        f"{a['published']:.2f} |"
        for name, a in found.items()
    ]
    return "\n".join([*rows, ""])
