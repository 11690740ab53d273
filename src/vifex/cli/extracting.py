"""`vifex extract`: sources to a store."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

from cyclopts import Parameter

from vifex.cli.output import clean, print_json, print_line
from vifex.cli.wording import as_options

if TYPE_CHECKING:
    from vifex.api.views import ViewOptions
    from vifex.values import Outcome
    from vifex.values.reports import Report

__all__ = ["extract"]

_SHOWN = 20
_GIB = 1 << 30


def extract(
    *sources: str,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    model: Annotated[list[str] | None, Parameter(name=["--model", "-m"], negative=())] = None,
    weights: str | None = None,
    card: Path | None = None,
    trust_code: Annotated[bool, Parameter(negative=())] = False,
    preset: str | None = None,
    layers: str | None = None,
    view: str | None = None,
    views: Path | None = None,
    fps: float | None = None,
    every: int | None = None,
    uniform: int | None = None,
    clip: str | None = None,
    hop: int | None = None,
    tail: Literal["drop", "pad", "repeat", "zeros"] = "drop",
    centre: Annotated[bool, Parameter(negative=())] = False,
    start: float | None = None,
    end: float | None = None,
    assume_fps: float | None = None,
    pages: Literal["first", "all"] = "first",
    window: float | None = None,
    window_hop: float | None = None,
    window_tail: Literal["drop", "pad", "repeat"] | None = None,
    regions: Literal["crop", "roi_align", "roi_pool"] | None = None,
    grid: str | None = None,
    overlap: float = 0.0,
    bins: int = 7,
    sampling_ratio: int = -1,
    aligned: bool = True,
    pool: str | None = None,
    normalize: Annotated[bool, Parameter(negative=())] = False,
    dtype: Literal["float32", "float16"] = "float32",
    decode: Literal["fast", "exact"] = "fast",
    precision: Literal["auto", "fp32", "bf16", "int8"] = "auto",
    workers: int | None = None,
    file_limit: float = 3600.0,
    stall_limit: float = 60.0,
    max_pixels: int = 178_956_970,
    max_frames: int = 100_000_000,
    memory_limit: float = 4.0,
    retry_failed: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative=())] = False,
) -> int:
    """Turn images, videos and sound into features; the same command again resumes.

    Parameters
    ----------
    sources
        Files, folders, globs, CSV or JSONL manifests, or - for a list on standard input.
    output
        The store, e.g. lib.vifex; made if absent.
    model
        Name or file of a model; several fill a view each. See `vifex models`.
    weights
        For a network by name: a file of weights, or random:SEED (default: the published ones).
    card
        The model card, where it does not stand beside the model.
    trust_code
        Open a .pt or .pt2 file, which runs code that it holds.
    preset
        Replay a published protocol: its model, layers, sampling and decoding.
    layers
        Names or patterns of layers, separated by commas; see `vifex layers MODEL`.
    view
        Name of the view that is filled (default: main).
    views
        A TOML file with a table for each of several views, made from one decoding.
    fps
        Samples per second of video (default: 1); with --clip, the rate at which a clip's frames are taken
        (default: the video's own frames).
    every
        Instead: each N-th frame.
    uniform
        Instead: N frames spread evenly.
    clip
        Instead: windows LENGTHxSTRIDE, e.g. 16x2.
    hop
        Frames from one window's start to the next one's (default: LENGTH x STRIDE, or what the model wants).
    tail
        What becomes of a last window that the video does not fill: drop it, pad it with its last frame,
        repeat its frames, or fill it with black ones (zeros).
    centre
        Windows around frames, one around every frame unless --hop; both ends are filled as --tail says.
    start
        Where sampling starts, in seconds.
    end
        Where sampling ends, in seconds.
    assume_fps
        Frame rate for streams that carry no times at all.
    pages
        Of a TIFF with several pages: a row for the first one, or a row for each (all).
    window
        Seconds of sound in one window, for a model of sound (default: the model's own).
    window_hop
        Seconds from one window of sound to the next (default: WINDOW).
    window_tail
        What becomes of a last window that the sound does not fill: pad with silence, repeat it or drop it.
    regions
        A row for each box: cut out and run by itself (crop), or read off the maps of the whole frame.
    grid
        ROWSxCOLS of boxes over each frame, instead of a manifest's boxes.
    overlap
        Part of a grid box's side that it shares with its neighbour.
    bins
        Bins per side that a box becomes on a map (roi_align, roi_pool).
    sampling_ratio
        Samples per bin and side (roi_align); -1 takes as many as a bin has cells.
    aligned
        Shift boxes by half a cell (roi_align).
    pool
        How maps become vectors: avg, max, gem, tokens, flatten, none.
    normalize
        Scale each vector to length 1.
    dtype
        What the store keeps.
    decode
        fast, or exact for the pixels of the model's own library.
    precision
        Of the arithmetic; auto is bf16 where the hardware has it. int8 learns its ranges from the media.
    workers
        Decoder processes (default: one for each core).
    file_limit
        Seconds that one file may take.
    stall_limit
        Seconds without progress after which a file is given up.
    max_pixels
        Width x height of one image or frame.
    max_frames
        Frames decoded of one video.
    memory_limit
        GiB that one decoder may take; 0 sets no limit.
    retry_failed
        Try media again that failed in an earlier run.
    json
        Print the report as JSON.
    quiet
        No progress and no list of problems.
    """
    import vifex

    teller = _Teller(quiet=quiet)
    report = vifex.extract(
        list(sources) or _no_sources(),
        output,
        model=model,
        view=view,
        views=None if views is None else _read_views(views),
        weights=weights,
        card=card,
        trust_code=trust_code,
        preset=preset,
        layers=_names(layers),
        fps=fps,
        every=every,
        uniform=uniform,
        clip=clip,
        hop=hop,
        tail=tail,
        centre=centre,
        start_s=start,
        end_s=end,
        assume_fps=assume_fps,
        pages=pages,
        window_s=window,
        window_hop_s=window_hop,
        window_tail=window_tail,
        regions=regions,
        grid=grid,
        overlap=overlap,
        bins=bins,
        sampling_ratio=sampling_ratio,
        aligned=aligned,
        pool=pool,
        normalize=normalize,
        dtype=dtype,
        decode=decode,
        precision=precision,
        workers=workers,
        limits=vifex.Limits(
            max_pixels=max_pixels,
            max_frames=max_frames,
            file_s=file_limit,
            stall_s=stall_limit,
            memory_bytes=_bytes(memory_limit),
        ),
        retry_failed=retry_failed,
        stdin=sys.stdin.buffer,
        progress=not quiet,
        on_outcome=teller.tell,
        on_notice=lambda notice: print_line(f"vifex: {clean(as_options(notice))}", err=True),
    )
    teller.close(report.store)
    if json:
        print_json(report.to_dict())
    else:
        _print_report(report)
    return report.exit_status


def _bytes(gib: float) -> int:
    from vifex.values import InputError

    if not math.isfinite(gib):
        raise InputError(
            f"takes a size, got {gib:g} GiB.", option="memory_bytes", todo="Give GiB, or 0 for no limit."
        )
    return int(gib * _GIB)


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()] if text else []


def _read_views(path: Path) -> dict[str, ViewOptions]:
    """Read a table for each view; its keys are the choices of `vifex.extract`."""
    import tomllib

    from vifex.values import InputError

    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise InputError(f"the views cannot be read: {exc.strerror}.", of=str(path)) from exc
    except (ValueError, RecursionError) as exc:  # TOML, UTF-8, thousands of digits or of brackets
        raise InputError(f"the views are no TOML: {exc}.", of=str(path), todo="Correct that line.") from exc
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise InputError(
                f"{name!r} stands outside of any view.", of=str(path), todo="Write a [table] for each view."
            )
        if isinstance(table.get("layers"), str):
            table["layers"] = _names(table["layers"])
    return cast("dict[str, ViewOptions]", tables)


def _no_sources() -> list[str]:
    from vifex.values import InputError

    raise InputError(
        "there is nothing to extract from.", todo="Name files or folders: vifex extract FOLDER -o STORE."
    )


class _Teller:
    """Says on standard error what did not end well, the first few in full."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._told = 0

    def tell(self, outcome: Outcome) -> None:
        self._told += 1
        if not self._quiet and self._told <= _SHOWN:
            status = "note" if outcome.status == "ok" else outcome.status
            print_line(
                f"{status}: {clean(outcome.medium.name)}: {clean(as_options(outcome.reason))}", err=True
            )

    def close(self, store: str) -> None:
        if not self._quiet and self._told > _SHOWN:
            print_line(f"... and {self._told - _SHOWN} more: vifex show {clean(store)} --problems", err=True)


def _print_report(report: Report) -> None:
    counts = [
        (report.ok, "ok"),
        (report.partial, "partial"),
        (report.skipped, "skipped"),
        (report.failed, "failed"),
        (report.already_done, "already done"),
    ]
    told = ", ".join(f"{n} {word}" for n, word in counts if n) or "nothing to do"
    precision = ", ".join(sorted(set(report.precision.values())))
    print_line(
        f"{report.media} media: {told}. {report.rows} rows in {report.seconds:.1f} s ({precision}) "
        f"-> {clean(report.store)}"
    )
    if report.already_failed:
        print_line(
            f"{report.already_failed} of those already done had problems: vifex show {clean(report.store)}"
        )
