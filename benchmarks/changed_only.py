"""How many frames `--changed-only` leaves out, and what that costs, measured on every frame that is left out.

usage: changed_only.py [--shared FOLDER] [--fps F] [--fights N]

Clips are extracted with all frames that are sampled and, from the same decoding, with several bounds. Each
frame that a bound leaves out is compared with the frame whose row stands for it: the cosine of their features
by the first extraction. Three layers of the built-in model are read: the embedding, the pooled last features,
and the mean of the fifth stage. "best" is what a bound that knew the cosines could reach: a frame is computed
only if its own embedding is below 0.98 from the last computed one. "least" says for each layer how many times
fewer frames are the most that any rule could reach.

Clips: all videos and animations of `media/good`, clips of street cameras (`data/fights`), and made ones: a
still photograph, one with sensor noise, a slow fade, a dark image that gets light, and a small object
that moves. About four minutes on two cores.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image
from record import ROOT, write

import vifex

LAYERS = ("embedding", "pooled", "mean.5")
BOUNDS = (0.01, 0.02, 0.03, 0.05, 0.1)
GOAL = 0.98
_SIDE_PX = (320, 240)
_MADE_S = 20
_RATE = 25

Floats = npt.NDArray[np.float32]


def _made(photo: Path) -> Iterator[tuple[str, Iterator[npt.NDArray[np.uint8]]]]:
    """Yield names and frames of made videos."""
    base = np.asarray(Image.open(photo).convert("RGB").resize(_SIDE_PX), np.float32)
    n = _MADE_S * _RATE
    rng = np.random.default_rng(3)

    def shown(image: Floats) -> npt.NDArray[np.uint8]:
        return np.clip(np.rint(image), 0, 255).astype(np.uint8)

    def with_object(number: int) -> npt.NDArray[np.uint8]:
        image = shown(base)
        x, y = int(10 + number * 0.5), 100
        image[y : y + 24, x : x + 32] = (230, 40, 30)
        return image

    yield "still", (shown(base) for _ in range(n))
    yield "noise", (shown(base + rng.normal(0, 4, base.shape).astype(np.float32)) for _ in range(n))
    yield "fade", (shown(base * (1 - i / n)) for i in range(n))
    yield "from the dark", (shown(base * (i / n) ** 3) for i in range(n))
    yield "small object", (with_object(i) for i in range(n))


def _write(folder: Path, photo: Path) -> list[Path]:
    paths = []
    for name, frames in _made(photo):
        path = folder / f"made {name}.mp4"
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream("libx264", rate=_RATE, options={"crf": "18"})
            stream.width, stream.height, stream.pix_fmt = *_SIDE_PX, "yuv420p"
            for image in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode(None))
        paths.append(path)
    return paths


def _units(values: Floats) -> Floats:
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)


def _rows(view: vifex.View) -> dict[str, dict[str, Any]]:
    """Return for each medium the numbers of its frames, and unit features of each layer."""
    names = [spec.column for spec in view.recipe.layers]
    table = view.to_arrow(columns=["name", "frame_index", *names])
    media = np.array(table.column("name").to_pylist())
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(media.tolist()):
        own = table.filter(media == name)
        values = {c: np.array(own.column(c).to_pylist(), np.float32) for c in names}
        found[name] = {
            "frames": np.array(own.column("frame_index").to_pylist()),
            **{column: _units(array) for column, array in values.items()},
        }
    return found


def _best(features: Floats) -> int:
    """Count what must be computed at least so that no frame is below the goal from the last computed one."""
    last, count = 0, 1
    for i in range(1, len(features)):
        if features[i] @ features[last] < GOAL:
            last, count = i, count + 1
    return count


def _least(features: Floats) -> int:
    """Count the fewest frames that stand for all within the goal, each for some that follow it.

    `_best` computes a frame as late as it can; one that is computed earlier may stand for more.
    """
    near = features @ features.T >= GOAL
    least = [0] * (len(features) + 1)
    for i in range(len(features) - 1, -1, -1):
        end = i + 1
        least[i] = 1 + least[end]
        while end < len(features) and near[i, end]:
            end += 1
            least[i] = min(least[i], 1 + least[end])
    return least[0]


def _audit(whole: dict[str, Any], kept: dict[str, Any]) -> dict[str, Floats]:
    """Return for each layer the cosines between left out frames and the frames that stand for them."""
    at = np.searchsorted(whole["frames"], kept["frames"])
    assert np.array_equal(whole["frames"][at], kept["frames"])
    left_out = np.setdiff1d(np.arange(len(whole["frames"])), at)
    stands = at[np.searchsorted(at, left_out) - 1]
    return {
        layer: np.sum(values[left_out] * values[stands], axis=1)
        for layer, values in whole.items()
        if layer != "frames"
    }


def _figures(wholes: dict[str, Any], kepts: dict[str, Any]) -> dict[str, Any]:
    cosines = [_audit(wholes[name], kepts[name]) for name in wholes]
    n, computed = (sum(len(one["frames"]) for one in many.values()) for many in (wholes, kepts))
    figures: dict[str, Any] = {"frames": n, "computed": computed, "fewer": round(n / computed, 2)}
    for layer in cosines[0]:
        values = np.concatenate([one[layer] for one in cosines])
        if len(values):
            figures[layer] = {
                "worst": round(float(values.min()), 4),
                "hundredth": round(float(np.quantile(values, 0.01)), 4),
                "median": round(float(np.median(values)), 4),
            }
    return figures


def _of_set(paths: list[Path], folder: Path, fps: float, *, each: bool) -> dict[str, Any]:
    store = folder / "s.vifex"
    views: dict[str, Any] = {"all": {}} | {f"b{bound:g}": {"changed_only": bound} for bound in BOUNDS}
    vifex.extract(paths, store, views=views, layers=list(LAYERS), fps=fps, progress=False)
    with vifex.open(store) as opened:
        rows = {name: _rows(opened[name]) for name in views}
    embedding = next(c for c in next(iter(rows["all"].values())) if c.startswith("embedding"))
    best = {name: _best(one[embedding]) for name, one in rows["all"].items()}
    found: dict[str, Any] = {
        "clips": len(rows["all"]),
        "best": {"computed": sum(best.values()), "fewer": _ratio(rows["all"], best)},
        "least": {
            layer: _ratio(rows["all"], {name: _least(one[layer]) for name, one in rows["all"].items()})
            for layer in next(iter(rows["all"].values()))
            if layer != "frames"
        },
        "bounds": {f"{b:g}": _figures(rows["all"], rows[f"b{b:g}"]) for b in BOUNDS},
    }
    still = {name: one for name, one in rows["all"].items() if len(one["frames"]) >= 2 * best[name]}
    if len(still) < len(best) and still:
        found["clips of which half could be left out"] = {
            "clips": len(still),
            "best": {"fewer": _ratio(still, best)},
            "bounds": {
                f"{b:g}": _figures(still, {name: rows[f"b{b:g}"][name] for name in still}) for b in BOUNDS
            },
        }
    if each:
        found["each"] = {
            name: {
                "frames": len(one["frames"]),
                "best": best[name],
                **{
                    f"{b:g}": [
                        len(kept["frames"]),
                        round(float(min(_audit(one, kept)[embedding], default=1.0)), 4),
                    ]
                    for b in BOUNDS
                    for kept in [rows[f"b{b:g}"][name]]
                },
            }
            for name, one in rows["all"].items()
        }
    return found


def _ratio(wholes: dict[str, Any], best: dict[str, int]) -> float:
    return round(sum(len(one["frames"]) for one in wholes.values()) / sum(best[name] for name in wholes), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--fps", type=float, default=8.0)
    parser.add_argument("--fights", type=int, default=300, help="clips of street cameras that are taken")
    given = parser.parse_args()
    good = given.shared / "media" / "good"
    fights = sorted((given.shared / "data" / "fights").glob("*ight/*.mp4"))
    fights = fights[:: max(1, len(fights) // given.fights)]
    sets: dict[str, Any] = {}
    for name, paths in (
        ("media/good", sorted([*good.glob("clip-*"), *good.glob("anim-*")])),
        ("fights", fights),
    ):
        with tempfile.TemporaryDirectory() as scratch:
            sets[name] = _of_set(paths, Path(scratch), given.fps, each=name != "fights")
    with tempfile.TemporaryDirectory() as scratch:
        made = _write(Path(scratch), good / "photo-chelsea.png")
        sets["made"] = _of_set(made, Path(scratch), given.fps, each=True)
    write(
        "changed_only",
        config={"model": "default", "layers": LAYERS, "fps": given.fps, "bounds": BOUNDS, "goal": GOAL},
        rounds=1,
        results=sets,
    )


if __name__ == "__main__":
    main()
