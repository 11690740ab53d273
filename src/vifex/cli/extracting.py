"""`vifex extract`: sources to a store."""

from __future__ import annotations

import inspect
import io
import math
import sys
from collections.abc import Mapping
from contextlib import nullcontext, redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final, Literal, cast

from cyclopts import Parameter

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import (
    CLIPS,
    LIMITS,
    MODEL,
    OUTPUT,
    PART,
    REGIONS,
    SAMPLING,
    SOUND,
    SOURCE,
    CardFile,
    Compile,
    Devices,
    EngineName,
    Flag,
    Json,
    Quiet,
    TrustCode,
    Weights,
    helped,
    split_names,
    split_numbers,
)
from vifex.cli.output import clean, print_json, print_line
from vifex.cli.reporting import Notices, Problems, counts, duration, size
from vifex.cli.targets import StorePath, as_typed

if TYPE_CHECKING:
    from vifex.api.views import ViewOptions
    from vifex.values.reports import Estimate, Report

__all__ = ["arguments_of", "extract"]

_GIB = 1 << 30


@helped
def extract(
    *sources: Annotated[Path | str, Parameter(converter=as_typed, group=SOURCE)],
    shard: Annotated[str | None, Parameter(group=SOURCE)] = None,
    again: Annotated[Flag, Parameter(group=SOURCE)] = False,
    retry_failed: Annotated[Flag, Parameter(group=SOURCE)] = False,
    dry_run: Annotated[Flag, Parameter(group=SOURCE)] = False,
    estimate: Annotated[Flag, Parameter(group=SOURCE)] = False,
    output: Annotated[StorePath, Parameter(name=["--output", "-o"], group=OUTPUT)],
    view: Annotated[str | None, Parameter(group=OUTPUT)] = None,
    views: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
    pool: Annotated[str | None, Parameter(group=OUTPUT)] = None,
    normalize: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    dtype: Annotated[Literal["float32", "float16"], Parameter(group=OUTPUT)] = "float32",
    json: Json = False,
    quiet: Quiet = False,
    model: Annotated[list[str] | None, Parameter(name=["--model", "-m"], negative=(), group=MODEL)] = None,
    layers: Annotated[str | None, Parameter(group=MODEL)] = None,
    precision: Annotated[Literal["auto", "fp32", "bf16", "int8"], Parameter(group=MODEL)] = "auto",
    weights: Weights = None,
    preset: Annotated[str | None, Parameter(group=MODEL)] = None,
    decode: Annotated[Literal["fast", "exact"], Parameter(group=MODEL)] = "fast",
    card: CardFile = None,
    trust_code: TrustCode = False,
    fps: Annotated[float | None, Parameter(group=SAMPLING)] = None,
    every: Annotated[int | None, Parameter(group=SAMPLING)] = None,
    uniform: Annotated[int | None, Parameter(group=SAMPLING)] = None,
    times: Annotated[str | None, Parameter(group=SAMPLING)] = None,
    frames: Annotated[str | None, Parameter(group=SAMPLING)] = None,
    keyframes: Annotated[Flag, Parameter(group=SAMPLING)] = False,
    shots: Annotated[Flag, Parameter(group=SAMPLING)] = False,
    per_shot: Annotated[int | None, Parameter(group=SAMPLING)] = None,
    assume_fps: Annotated[float | None, Parameter(group=SAMPLING)] = None,
    pages: Annotated[Literal["first", "all"], Parameter(group=SAMPLING)] = "first",
    max_frames: Annotated[int | None, Parameter(group=PART)] = None,
    changed_only: Annotated[float | None, Parameter(group=PART)] = None,
    start: Annotated[float | None, Parameter(group=PART)] = None,
    end: Annotated[float | None, Parameter(group=PART)] = None,
    clip: Annotated[str | None, Parameter(group=CLIPS)] = None,
    hop: Annotated[int | None, Parameter(group=CLIPS)] = None,
    tail: Annotated[Literal["drop", "pad", "repeat", "zeros"], Parameter(group=CLIPS)] = "drop",
    centre: Annotated[Flag, Parameter(group=CLIPS)] = False,
    regions: Annotated[Literal["crop", "roi_align", "roi_pool"] | None, Parameter(group=REGIONS)] = None,
    grid: Annotated[str | None, Parameter(group=REGIONS)] = None,
    overlap: Annotated[float, Parameter(group=REGIONS)] = 0.0,
    bins: Annotated[int, Parameter(group=REGIONS)] = 7,
    sampling_ratio: Annotated[int, Parameter(group=REGIONS)] = -1,
    aligned: Annotated[bool, Parameter(group=REGIONS)] = True,
    window: Annotated[float | None, Parameter(group=SOUND)] = None,
    window_hop: Annotated[float | None, Parameter(group=SOUND)] = None,
    window_tail: Annotated[Literal["drop", "pad", "repeat"] | None, Parameter(group=SOUND)] = None,
    engine: EngineName = None,
    device: Devices = None,
    compile: Compile = None,
    cores: Annotated[int | None, Parameter(group=LIMITS)] = None,
    memory: Annotated[float | None, Parameter(group=LIMITS)] = None,
    workers: Annotated[int | None, Parameter(group=LIMITS)] = None,
    shards: Annotated[int | None, Parameter(group=LIMITS)] = None,
    on: Annotated[str | None, Parameter(group=LIMITS)] = None,
    file_limit: Annotated[float, Parameter(group=LIMITS)] = 3600.0,
    stall_limit: Annotated[float, Parameter(group=LIMITS)] = 60.0,
    max_pixels: Annotated[int, Parameter(group=LIMITS)] = 178_956_970,
    frame_limit: Annotated[int, Parameter(group=LIMITS)] = 100_000_000,
    memory_limit: Annotated[float, Parameter(group=LIMITS)] = 4.0,
) -> int:
    """Turn images, videos and sound into features; an interrupted run resumes.

    For example:
        vifex extract photos/ -o lib.vifex
        vifex extract clip.mp4 -o lib.vifex --fps 2 -m timm/resnet50.a1_in1k
        vifex extract films/ -o clips.vifex -m torchvision/r2plus1d_18 --clip 16x2

    The same command again adds what is new and skips what is done.

    Parameters
    ----------
    sources
        Files, folders, globs, manifests (CSV, JSONL, text; COCO, YOLO, MOT), or - for a list on standard
        input.
    shard
        I/N: take the I-th of N parts of the media, e.g. 3/8. The jobs of an array take a part each, into a
        store each. The part of a medium depends on its path alone.
    again
        Take the sources and the choices from the store, which keeps those of its runs; sources that are named
        are read in place of the stored ones. No other choice may be given.
    retry_failed
        Try media again that failed in an earlier run.
    dry_run
        Extract nothing: say how many media there are, how long they will take and how much disk they will
        fill, from at most 20 s of probing.
    estimate
        Estimate as with --dry-run first, then run. The report compares the estimate with what the run took.
    output
        The store, e.g. lib.vifex. It is created if it does not exist.
    view
        Name of the view that is filled (default: main).
    views
        A TOML file with a table for each of several views. All are made from one decoding.
    pool
        How maps and tokens become vectors: avg, cls, flatten, gem, max, mean, none, patches or tokens
        (default: what suits the kind of layer).
    normalize
        Scale each vector to length 1.
    dtype
        Number format in the store.
    model
        Name or file of a model (default: the embedded one). Several models fill a view each. `vifex models`
        lists names.
    layers
        Names or patterns of layers, separated by commas (default: the model's own choice). `vifex layers
        MODEL` lists names.
    precision
        Number format of the arithmetic. auto is bf16 if the hardware has it, else fp32. int8 learns its
        ranges from the media.
    preset
        A published protocol: it sets the model, layers, sampling and decoding.
    decode
        fast, or exact for the same pixels as the model's own library.
    fps
        Samples per second of video (default: 1). With --clip, the frame rate of the clips (default: the
        video's own).
    every
        Instead of --fps, take every N-th frame.
    uniform
        Instead of --fps, take N frames at equal distances.
    clip
        Instead of --fps, take clips of LENGTHxSTRIDE, e.g. 16x2: 16 frames, of every second one.
    times
        Instead of --fps, take the frames on screen at these seconds, e.g. 0.5,12,90.
    frames
        Instead of --fps, take the frames of these numbers, from 0, e.g. 0,25,50.
    keyframes
        Instead of --fps, take the key frames, which are decoded without others: the fastest way through long
        videos.
    shots
        Instead of --fps, take the middle frame of each shot. Cuts, dissolves and fades are found from the
        luma of all frames, before any network runs. A row has its shot's start and end.
    per_shot
        The same with so many frames of each shot, spread evenly.
    hop
        Frames from the start of one clip to the start of the next (default: LENGTH x STRIDE, or the model's
        own).
    tail
        What to do with a last clip that the video does not fill: drop it, pad it with its last frame, repeat
        its frames, or fill it with black frames (zeros).
    centre
        Take a clip around every frame, or around every HOP-th with --hop. --tail says how both ends are
        filled.
    max_frames
        Take at most so many frames of each video, clips, windows of sound or pages. Of more, those are taken
        that are spread evenly.
    changed_only
        Compute a sampled frame only if it differs from the last computed one by more than this share of the
        image's contrast, e.g. 0.03. The row of that one stands for the frames that are left out.
    start
        Second of the video at which sampling starts.
    end
        Second of the video at which sampling ends.
    assume_fps
        Frame rate of streams without timestamps.
    pages
        Pages of a TIFF that are read: the first one, or all with a row for each.
    regions
        Make a row for each box. crop cuts the box out and runs the network on it; roi_align and roi_pool read
        it from the feature map of the whole frame.
    grid
        ROWSxCOLS boxes over each frame, instead of the boxes of a manifest.
    overlap
        Fraction of a grid box's side that it shares with its neighbour.
    bins
        Bins per side of a box on a feature map (roi_align, roi_pool).
    sampling_ratio
        Samples per bin and side (roi_align). -1 takes as many as a bin has cells.
    aligned
        Shift boxes by half a cell (roi_align).
    window
        Seconds of sound in one window (default: the model's own).
    window_hop
        Seconds from the start of one window to the start of the next (default: WINDOW).
    window_tail
        What to do with a last window that the sound does not fill: drop it, pad it with silence, or repeat
        its sound (default: the model's own).
    cores
        CPU cores to use (default: those that the affinity and the cgroup allow).
    memory
        GiB of memory for all processes together (default: the limit of the cgroup, if it has one).
    workers
        Number of decoder processes (default: one for each core, fewer if the memory is short, and up to as
        many again while files lie on a slow disk).
    shards
        Processes that each have decoders and the networks on one device; cores and memory are shared among
        them (default: one for each device of a list, one for each GPU with --device cuda, else one).
    on
        ray or ray://HEAD:PORT: run the shards on the machines of a Ray cluster, by default one on each
        machine or GPU. There --cores, --workers and --memory are of each shard.
    file_limit
        Seconds that one file may take.
    stall_limit
        Seconds without progress after which a file counts as failed.
    max_pixels
        Width x height of one image or frame.
    frame_limit
        Frames decoded of one video.
    memory_limit
        GiB of memory for one decoder process. 0 sets no limit.
    """
    words = dict(locals())
    keep_pandas_out()
    import vifex

    problems = Problems(quiet=quiet)
    if again:
        return _again(words, problems)
    call = partial(
        vifex.extract,
        list(sources) or _no_sources(),
        output,
        **arguments_of(words),
        shard=shard,
        on_notice=Notices().print,
    )
    expected = None
    # Two passes over the sources read a list on standard input twice.
    listed = sys.stdin.buffer.read() if estimate and not dry_run and "-" in sources else None
    if on is not None and (dry_run or estimate):
        from vifex.values import InputError

        what = "an estimate is of a run on this machine."
        raise InputError(what, option="on", todo="Leave one of the two options out.")
    if dry_run or estimate:
        expected = vifex.estimate(*call.args, **call.keywords, stdin=_stdin(listed), progress=not quiet)
        if dry_run:
            return _print_estimate(expected, json=json)
    with redirect_stdout(sys.stderr) if on is not None else nullcontext():  # Ray prints what it notices
        report = call(
            retry_failed=retry_failed,
            estimate=expected,
            stdin=_stdin(listed),
            on=on,
            progress=not quiet,
            on_outcome=problems.print,
        )
    problems.close(report.store)
    if json:
        print_json(report.to_dict())
    else:
        _print_report(report)
    return report.exit_status


_NOT_PASSED_ON: Final = frozenset(
    {
        "sources",
        "output",
        "shard",
        "on",
        "again",
        "retry_failed",
        "dry_run",
        "estimate",
        "json",
        "quiet",
        "shots",
    }
    | {"views", "layers", "times", "frames", "start", "end", "window", "window_hop", "memory"}
    | {"max_pixels", "frame_limit", "file_limit", "stall_limit", "memory_limit"}
)
"""Options that the functions of Python call otherwise, or do not have."""


_WITH_AGAIN: Final = frozenset(
    {"sources", "output", "again", "view", "retry_failed", "json", "quiet", "cores", "memory", "workers"}
    | {"shards", "on"}
)
"""Options that choose nothing of what is extracted."""


def _again(words: Mapping[str, Any], problems: Problems) -> int:
    """Extract by the stored sources and choices."""
    import vifex

    for name, parameter in inspect.signature(extract).parameters.items():
        if name not in _WITH_AGAIN and words[name] != parameter.default:
            raise vifex.InputError(
                "cannot be given with --again, which takes the choices of the store.",
                option=name,
                todo="Leave it out, or leave --again out and give all choices.",
            )
    on = words["on"]
    with redirect_stdout(sys.stderr) if on is not None else nullcontext():  # Ray prints what it notices
        report = vifex.extract_again(
            words["output"],
            list(words["sources"]) or None,
            view=words["view"],
            retry_failed=words["retry_failed"],
            cores=words["cores"],
            memory=None if words["memory"] is None else _bytes(words["memory"], "memory"),
            workers=words["workers"],
            shards=words["shards"],
            on=on,
            progress=not words["quiet"],
            on_outcome=problems.print,
            on_notice=Notices().print,
        )
    problems.close(report.store)
    if words["json"]:
        print_json(report.to_dict())
    else:
        _print_report(report)
    return report.exit_status


def arguments_of(words: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `vifex.extract` and `vifex.watch` for the options of their commands.

    Args:
        words: The options by their names in the signature of `extract`.
    """
    import vifex

    return {
        **{name: value for name, value in words.items() if name not in _NOT_PASSED_ON},
        "views": None if words["views"] is None else _read_views(words["views"]),
        "layers": split_names(words["layers"]),
        "times_s": split_numbers(words["times"], float, "--times"),
        "frames": split_numbers(words["frames"], int, "--frames"),
        "per_shot": 1 if words["shots"] and words["per_shot"] is None else words["per_shot"],
        "start_s": words["start"],
        "end_s": words["end"],
        "window_s": words["window"],
        "window_hop_s": words["window_hop"],
        "memory": None if words["memory"] is None else _bytes(words["memory"], "memory"),
        "limits": vifex.Limits(
            max_pixels=words["max_pixels"],
            decoded_frames=words["frame_limit"],
            file_s=words["file_limit"],
            stall_s=words["stall_limit"],
            memory_bytes=_bytes(words["memory_limit"], "memory_bytes"),
        ),
    }


def _stdin(listed: bytes | None) -> BinaryIO:
    return sys.stdin.buffer if listed is None else io.BytesIO(listed)


def _bytes(gib: float, option: str) -> int:
    from vifex.values import InputError

    if not math.isfinite(gib):
        raise InputError(f"takes a size, got {gib:g} GiB.", option=option, todo="Give a number of GiB.")
    return int(gib * _GIB)


def _read_views(path: Path) -> dict[str, ViewOptions]:
    """Read a table for each view; its keys are the choices of `vifex.extract`."""
    import tomllib

    from vifex.values import InputError

    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise InputError(f"the file of views cannot be read: {exc.strerror}.", of=str(path)) from exc
    except (ValueError, RecursionError) as exc:  # TOML, UTF-8, thousands of digits or of brackets
        raise InputError(
            f"the file of views is not valid TOML: {exc}.", of=str(path), todo="Correct that line."
        ) from exc
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise InputError(
                f"{name!r} is outside of any view.", of=str(path), todo="Write a [table] for each view."
            )
        if isinstance(table.get("layers"), str):
            table["layers"] = split_names(table["layers"])
    return cast("dict[str, ViewOptions]", tables)


def _no_sources() -> list[str]:
    from vifex.values import InputError

    raise InputError(
        "there is nothing to extract from.", todo="Name files or folders: vifex extract FOLDER -o STORE."
    )


def _print_estimate(estimate: Estimate, *, json: bool) -> int:
    if json:
        print_json(estimate.to_dict())
        return 0
    print_line(
        f"{estimate.media} media: {estimate.images} images and {estimate.videos_and_sounds} videos or sounds "
        f"to do, {estimate.already_done} already done."
    )
    print_line(
        f"About {duration(estimate.seconds)} and {size(estimate.size_bytes)} for {estimate.rows} rows, "
        f"estimated from {estimate.probed_media} media."
    )
    return 0


def _print_report(report: Report) -> None:
    precision = ", ".join(sorted(set(report.precision.values())))
    print_line(f"{counts(report)} ({precision}) -> {clean(report.store)}")
    if report.estimate is not None and report.added_bytes is not None:
        print_line(
            f"estimated {duration(report.estimate.seconds)} and {size(report.estimate.size_bytes)}, took "
            f"{duration(report.seconds)} and {size(report.added_bytes)}"
        )
    if report.already_failed:
        print_line(
            f"{report.already_failed} of those already done had problems: vifex show {clean(report.store)}"
        )
