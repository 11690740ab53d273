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
(seed 0): equal arithmetic does not depend on them. Read for each network: its default layer, and two inner
layers at a third and at two thirds of its modules, on photographs decoded in full, in fp32.

- **library**: the engine that Vifex takes on a CPU against the library's own network, called as it is with
  plain forward hooks, one input at a time.
- **engines**: OpenVINO against Vifex's torch engine, where OpenVINO is taken; else why it is not.
- cosine: the worst over the inputs. difference: the largest of any number, as a part of the layer's largest
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
    if "processors" in found:
        parts.append(_processors(found["processors"]))
    if "accuracy" in found:
        parts.append(_accuracy(found["accuracy"]))
    return "\n".join(parts)


def _summary(lines: list[dict[str, Any]]) -> str:
    good = [line for line in lines if "failed" not in line]
    layers = [layer for line in good for layer in line["layers"].values()]
    openvino = [line for line in good if line["engine"] == "openvino"]
    lowest = min(layer["library"]["cosine"] for layer in layers)
    furthest = max(layer["library"]["difference"] for layer in layers)
    apart = max(line["apart"] for line in good)
    text = (
        f"**{len(good)} of {len(lines)} networks, {len(layers)} layers.** {len(openvino)} run in OpenVINO, "
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
        layer[which]["cosine"] >= LIMITS["cosine"] and layer[which]["difference"] <= LIMITS["difference"]
        for layer in line["layers"].values()
        for which in ("library", "engines")
    )


def _family(family: str, lines: list[dict[str, Any]]) -> str:
    rows = [
        f"## {family}\n",
        "| network | layer | library: cosine | difference | engines: cosine | difference | apart |",
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
        for name, layer in line["layers"].items():
            engines = layer["engines"] if line["engine"] == "openvino" else None
            rows.append(
                f"| {first} | {name} {layer['shape']} | {_numbers(layer['library'])} | "
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


def _processors(record: dict[str, dict[str, Any]]) -> str:
    """One line for each class: how its pixels are made by default, and of how many variants."""
    every = [verdict for line in record.values() for verdict in _counted(line)]
    rows = [
        "## Processors of transformers\n",
        "Every class of image and video processors that transformers has for some kind of network, with its "
        "defaults and with each option of its size, crop, borders, filter, scaling and colours varied, one "
        "at a time. A network's pixels are made by its **card** (the settings in Vifex's own words), where "
        "it gives the processor's own pixels, else by the **processor** itself, run in the decoders; or the "
        "network is **refused**. The figures are the largest difference of any of the network's inputs from "
        "what the processor gives when it is called by itself, on five photographs of other sizes than those "
        "of the check, in steps of 255. By a card nearly all are at most one step away (two resize filters "
        "round apart; at most one in a thousand is further, at hard edges), by the processor half a step "
        "(lost to uint8).\n",
        f"{len(record)} classes, {sum(n for _, n, _ in every)} processors: {_told(every, 'card')}, "
        f"{_told(every, 'processor')}, {_sum(every, 'refused')} refused; {_sum(every, 'none')} settings are "
        "none that the class takes.\n",
        "| class | default | card | processor | refused |",
        "| --- | --- | --- | --- | --- |",
    ]
    rows += [_class(name, line) for name, line in sorted(record.items())]
    return "\n".join([*rows, "", _reasons(record)])


def _counted(line: dict[str, Any]) -> list[tuple[str, int, float]]:
    """Give of a class's line: how pixels are made, of how many processors, and the largest difference."""
    default = line["default"]
    made = [line[how] for how in ("card", "processor") if how in line]
    return [
        (default["how"], 1, default.get("difference", 0.0)),
        *((some["how"], len(some["variants"]), some["difference"]) for some in made),
        *((how, sum(map(len, line[how].values())), 0.0) for how in ("refused", "none")),
    ]


def _sum(every: list[tuple[str, int, float]], how: str) -> int:
    return sum(n for kind, n, _ in every if kind == how)


def _told(every: list[tuple[str, int, float]], how: str) -> str:
    furthest = max((d for kind, _, d in every if kind == how), default=0.0)
    return f"{_sum(every, how)} by the {how} (at most {furthest:g} away)"


def _class(name: str, line: dict[str, Any]) -> str:
    default = line["default"]
    first = f"{default['how']}, {default['difference']:g}" if "difference" in default else _escaped(default)
    made = [
        f"{len(line[how]['variants'])}, at most {line[how]['difference']:g}" if how in line else ""
        for how in ("card", "processor")
    ]
    refused = sum(map(len, line["refused"].values()))
    return f"| {' | '.join([name, first, *made, str(refused or '')])} |"


def _escaped(verdict: dict[str, Any]) -> str:
    return f"{verdict['how']}: {verdict['why']}".replace("|", "\\|")


def _reasons(record: dict[str, dict[str, Any]]) -> str:
    """How often each kind of reason stands for a refusal."""
    kinds = {
        "sizes of their own": "images keep sizes of their own, and a batch needs one size",
        "cannot be run": "the processor fails on an image alone, with an error of its own",
        "of an image, not": "it makes patches or tiles, not three channels of pixels",
        "not 'pixel_values'": "its output has another name than `pixel_values`",
        "it also makes": "the network takes something else beside the pixels, another for each image",
        "at edges": "its numbers leave the range of pixels at edges",
        "": "another reason",
    }
    count = dict.fromkeys(kinds, 0)
    for line in record.values():
        reasons = dict(line["refused"])
        if line["default"]["how"] == "refused":
            reasons[line["default"]["why"]] = [*reasons.get(line["default"]["why"], ()), "default"]
        for why, variants in reasons.items():
            count[next(k for k in kinds if k in why)] += len(variants)
    rows = ["| reason of a refusal | processors |", "| --- | --- |"]
    rows += [f"| {text} | {count[kind]} |" for kind, text in kinds.items() if count[kind]]
    return "\n".join([*rows, ""])


def _accuracy(found: dict[str, Any]) -> str:
    rows = [
        "## Accuracy of real weights\n",
        "CIFAR-10's test images, recompressed as JPEG; top-1 in per cent, by `vifex extract --precision "
        "fp32 --decode exact` and by a plain loop of torch and Pillow on the same pixels. difference: the "
        "largest of any of a network's ten numbers.\n",
        "| network | images | vifex | plain loop | difference | published, other pixels |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    rows += [
        f"| {name} | {a['images']:,} | {a['vifex']:.2f} | {a['loop']:.2f} | {a['difference']:.1e} | "
        f"{a['published']:.2f} |"
        for name, a in found.items()
    ]
    return "\n".join([*rows, ""])
