"""A machine with a GPU: `vifex extract` against decoding alone and against the network on ready tensors.

Decoding alone is the same work of the decoder processes without a network, in a process for each core;
Pillow's is a loop with draft mode, as a data loader has it. Ready tensors are random pixels in the GPU's
memory, computed in bf16 by a captured graph. The files of a run are hard links to a few photographs or clips,
so the disk is no part of it. Each measurement is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from record import write

NETWORKS = {
    "resnet50": ("timm/resnet50", ()),
    "vit_base_patch16_224": ("timm/vit_base_patch16_224", ()),
    "r2plus1d_18": ("torchvision/r2plus1d_18", ("--clip", "16x2")),
}
SHAPES = {"r2plus1d_18": (16, 112, 112, 3)}
WEIGHTS = "random:0"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--photos", type=Path, required=True)
    arguments.add_argument("--clips", type=Path, help="videos for R(2+1)D-18; without them it is left out")
    arguments.add_argument(
        "--run-seconds", type=float, default=60.0, help="what decoding a run's images takes"
    )
    arguments.add_argument("--clip-seconds", type=float, default=30.0, help="of decoding its clips")
    arguments.add_argument("--seconds", type=float, default=8.0, help="of decoding alone and ready tensors")
    arguments.add_argument("--before", type=Path, help="a JSON file that goes into the record as it is")
    arguments.add_argument("--part", help=argparse.SUPPRESS)
    arguments.add_argument("--network", help=argparse.SUPPRESS)
    arguments.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.part:
        PARTS[given.part](given)
        return
    results: dict[str, Any] = {}
    if given.before:
        results["before"] = json.loads(given.before.read_text())
    with tempfile.TemporaryDirectory(prefix="vifex-gpu-") as name:
        work = Path(name)
        for network in NETWORKS:
            files = given.clips if network in SHAPES else given.photos
            if files is None:
                continue
            try:
                results[network] = _measure(network, files, work, given)
            except (
                RuntimeError,
                ValueError,
                subprocess.CalledProcessError,
            ) as exc:  # the others are worth a record
                results.setdefault("not_run", {})[network] = str(exc)[-500:]
            _write(results)
        results["fp32_against_cpu"] = _part("cosine", "resnet50", given.photos, given)
        _write(results)
        pillow, _ = _decoding("pillow", "resnet50", given.photos, work, given.seconds)
        results["decoding_by_pillow"] = round(pillow)
        _write(results)


def _write(results: dict[str, Any]) -> None:
    """Write what was measured so far: a machine may be lent for a short time only."""
    write("gpu", config={"weights": WEIGHTS, "gpu": _gpu()}, rounds=1, results=results)


def _measure(network: str, files: Path, work: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Measure one network: the real command between two rounds of decoding alone, and ready tensors."""
    before, per_file = _decoding("vifex", network, files, work, given.seconds)
    folder = work / network
    seconds = given.clip_seconds if network in SHAPES else given.run_seconds
    _link(files, folder, round(before * seconds / per_file))
    run = _extract(network, folder, work / f"{network}.vifex")
    after, _ = _decoding("vifex", network, files, work, given.seconds)
    ready = _part("ready", network, files, given)
    shutil.rmtree(folder)
    # The machine's rate drifts; what holds for the run lies between the two.
    decoding = (before + after) / 2
    return {
        "decoding_per_s": {"before": round(before, 1), "after": round(after, 1)},
        "ready": ready,
        "extract": run,
        "over_decoding": round(run["per_s"] / decoding, 4),
        "over_bound": round(run["per_s"] / min(decoding, ready["per_s"]), 4),
    }


def _link(files: Path, folder: Path, count: int) -> None:
    """Fill a folder with links to some files."""
    folder.mkdir()
    found = sorted(p for p in files.iterdir() if p.is_file())
    near = folder.with_name(f"{folder.name}-files")
    near.mkdir()
    copies = [Path(shutil.copy2(path, near)) for path in found]
    for number in range(count):
        source = copies[number % len(copies)]
        os.link(source, folder / f"{number:07d}{source.suffix}")


def _extract(network: str, folder: Path, store: Path) -> dict[str, Any]:
    """Run the command and watch it: processor time of it and of its decoders, and the GPU's share of use."""
    model, words = NETWORKS[network]
    command = [sys.executable, "-m", "vifex", "extract", str(folder), "-o", str(store)]
    command += ["-m", model, "--weights", WEIGHTS, "--json", "--quiet", *words]
    usage = subprocess.Popen(
        ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "250"],
        stdout=subprocess.PIPE,
        text=True,
    )
    began_s = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, errors = process.communicate()
    wall_s = time.perf_counter() - began_s
    usage.terminate()
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}: {errors[-2000:]}")
    report = json.loads(out)
    used = [int(line) for line in usage.communicate()[0].split() if line.isdigit()]
    # Four samples are a second. The command's start and end have no share in the rate.
    start = int(4 * (wall_s - report["seconds"] + 2))
    busy = used[start : start + int(4 * report["busy_s"])] or [0]
    shutil.rmtree(store)
    return {
        "rows": report["rows"],
        "per_s": round(report["rows"] / report["busy_s"], 1),
        "busy_s": report["busy_s"],
        "before_run_s": round(wall_s - report["seconds"], 2),
        "around_run_s": round(report["seconds"] - report["busy_s"], 2),
        "precision": report["precision"]["main"],
        "gpu_share_of_use": round(sum(busy) / len(busy) / 100, 3),
    }


def _gpu() -> dict[str, str]:
    words = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    name, driver = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split(", ")[:2]
    import torch

    return {"name": name.strip(), "driver": driver.strip(), "torch": torch.__version__}


def _part(part: str, network: str, files: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Run one part of this script in a process of its own; it prints its result last."""
    words = ["--photos", str(files), "--part", part, "--network", network, "--seconds", str(given.seconds)]
    done = subprocess.run([sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


# -- decoding alone ---------------------------------------------------------------------------------


def _decoding(how: str, network: str, files: Path, work: Path, seconds: float) -> tuple[float, float]:
    """Return samples per second of a process for each core together, and samples per file."""
    request = work / f"{network}.request"
    words = [
        "--photos",
        str(files),
        "--network",
        network,
        "--seconds",
        str(seconds),
        "--folder",
        str(request),
    ]
    if how == "vifex" and not request.exists():
        make = [sys.executable, __file__, *words, "--part", "request"]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, *words, "--part", f"decode_{how}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in os.sched_getaffinity(0)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    told = [process.communicate()[0].split() for process in processes]
    return sum(float(rate) for rate, _ in told), sum(float(each) for _, each in told) / len(told)


def _request(given: argparse.Namespace) -> None:
    """Write what the view asks the decoders for, so that the decoding processes need no torch."""
    from vifex.extraction.planning.view_plan import plan_view
    from vifex.models import load_model
    from vifex.values import Sampling

    model = load_model(NETWORKS[given.network][0], weights=WEIGHTS)
    clip = Sampling(sampler="clip", fps=None, clip_length=16, frame_step=2)
    plan = plan_view("main", model, sampling=clip if given.network in SHAPES else None)
    given.folder.write_bytes(pickle.dumps(plan.request))


def _decode_vifex(given: argparse.Namespace) -> None:
    from vifex.media.read import read
    from vifex.media.sources import find
    from vifex.values import Limits, MediaError

    request = pickle.loads(given.folder.read_bytes())
    media, limits = list(find([str(given.photos)])), Limits()

    def one(medium: Any) -> int:
        try:
            return sum(1 for _ in read(medium, [request], limits))
        except MediaError:  # a video that is too short for a clip
            return 0

    _count(given.seconds, media, one)


def _decode_pillow(given: argparse.Namespace) -> None:
    from PIL import Image

    def one(path: Path) -> int:
        image = Image.open(path)
        image.draft("RGB", (256, 256))
        image = image.convert("RGB")
        side = min(image.size) * 224 / 256
        left, upper = (image.width - side) / 2, (image.height - side) / 2
        box = (left, upper, left + side, upper + side)
        return len(image.resize((224, 224), Image.Resampling.BILINEAR, box=box).tobytes()[:1])

    _count(given.seconds, sorted(given.photos.iterdir()), one)


def _count(seconds: float, things: list[Any], one: Callable[[Any], int]) -> None:
    for thing in things[:2]:
        one(thing)
    print("ready", flush=True)
    sys.stdin.readline()
    began_s, made, number = time.perf_counter(), 0, 0
    while time.perf_counter() - began_s < seconds:
        made += one(things[number % len(things)])
        number += 1
    print(made / (time.perf_counter() - began_s), made / number)


# -- the GPU alone ----------------------------------------------------------------------------------


def _ready(given: argparse.Namespace) -> None:
    """The library's own network on ready tensors, in bf16 as a graph; the best of some batches."""
    import torch

    size = SHAPES.get(given.network, (224, 224, 3))
    if given.network in SHAPES:
        import torchvision

        net, order = torchvision.models.video.r2plus1d_18(), (0, 4, 1, 2, 3)
    else:
        import timm

        net, order = timm.create_model(given.network, num_classes=0), (0, 3, 1, 2)
    last = torch.channels_last_3d if given.network in SHAPES else torch.channels_last
    net = net.eval().cuda().to(torch.bfloat16).to(memory_format=last)
    best: dict[str, Any] = {"per_s": 0.0}
    with torch.inference_mode():
        for batch in (16, 32, 64) if given.network in SHAPES else (64, 128, 256):
            pixels = torch.randint(0, 256, (batch, *size), dtype=torch.uint8, device="cuda")
            rate = _graph_rate(
                lambda x=pixels: net((x.permute(*order).float() / 255 - 0.45).to(torch.bfloat16)),
                batch,
                given.seconds / 3,
            )
            if rate > best["per_s"]:
                best = {"per_s": round(rate, 1), "batch": batch}
    print(json.dumps(best))


def _graph_rate(run: Callable[[], Any], batch: int, seconds: float) -> float:
    import torch

    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            run()
    torch.cuda.synchronize()
    began_s, calls = time.perf_counter(), 0
    while time.perf_counter() - began_s < seconds:
        for _ in range(10):
            graph.replay()
        torch.cuda.synchronize()
        calls += 10
    return calls * batch / (time.perf_counter() - began_s)


def _cosine(given: argparse.Namespace) -> None:
    """Features of the GPU in fp32 and bf16 against the CPU's in fp32, on the same pixels."""
    import numpy as np
    from PIL import Image

    from vifex.engines.torch.engine import TorchEngine
    from vifex.models import load_model

    images = [
        Image.open(path).convert("RGB").resize((224, 224)) for path in sorted(given.photos.iterdir())[:32]
    ]
    pixels = np.stack([np.asarray(image) for image in images])
    found: dict[str, Any] = {"inputs": len(pixels)}
    for network in ("resnet50", "vit_base_patch16_224"):
        model = load_model(NETWORKS[network][0], weights=WEIGHTS)
        rows = {}
        for device, precision in (("cpu", "fp32"), ("cuda", "fp32"), ("cuda", "bf16")):
            engine = TorchEngine(device)
            layers = engine.resolve_layers(model, [])
            with engine.compile(model, layers, precision=precision, batch=len(pixels)) as compiled:
                rows[device, precision] = compiled.submit(pixels).result()[layers[0].name].astype(np.float64)
        expected = rows["cpu", "fp32"]
        for precision in ("fp32", "bf16"):
            given_rows = rows["cuda", precision]
            lengths = np.linalg.norm(expected, axis=1) * np.linalg.norm(given_rows, axis=1)
            found[f"{network} {precision}"] = {
                "lowest_cosine": round(float(((expected * given_rows).sum(1) / lengths).min()), 8),
                "largest_difference": float(np.abs(expected - given_rows).max() / np.abs(expected).max()),
            }
    print(json.dumps(found))


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "request": _request,
    "decode_vifex": _decode_vifex,
    "decode_pillow": _decode_pillow,
    "ready": _ready,
    "cosine": _cosine,
}

if __name__ == "__main__":
    main()
