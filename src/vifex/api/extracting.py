"""`vifex.extract`: sources to a store in one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, BinaryIO, Unpack, cast

from vifex.api.arguments import checked
from vifex.api.models.loaded import LoadedModel
from vifex.api.notices import tell
from vifex.api.progress import shown_progress
from vifex.api.run_words import words_of_run
from vifex.api.views import (
    Choices,
    ViewOptions,
    joined_choices,
    plan_views,
    take_devices,
    wanted_views,
)
from vifex.extraction.planning.shards import parse_shard
from vifex.extraction.progress import Progress
from vifex.extraction.run import run_views
from vifex.values import InputError, Limits, Outcome, StoreError
from vifex.values.reports import Estimate, Report
from vifex.values.run_facts import run_facts

__all__ = ["extract", "listed_sources", "measure_indexes"]


@checked("sources", "model")
def extract(
    sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    store: str | os.PathLike[str],
    *,
    model: str | os.PathLike[str] | LoadedModel | Sequence[str] | None = None,
    view: str | None = None,
    views: Mapping[str, ViewOptions] | None = None,
    workers: int | None = None,
    cores: int | None = None,
    memory: int | None = None,
    limits: Limits | None = None,
    shard: str | None = None,
    shards: int | None = None,
    on: str | None = None,
    estimate: Estimate | None = None,
    retry_failed: bool = False,
    stdin: BinaryIO | None = None,
    progress: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
    **choices: Unpack[Choices],
) -> Report:
    """Turn images, videos and sound into features and keep them in a store. The same call again resumes.

    Args:
        sources: Files, folders, globs, CSV or JSONL manifests, or `-` for a list on `stdin`.
        store: The store's folder, e.g. `lib.vifex`; made if absent.
        model: A model's name or file, or one from `vifex.load_model`, by default the embedded one; several
            names fill a view each, named by the model, from one decoding.
        view: Name of the view, by default `main`.
        views: Instead of `model` and `view`: name of each view to its own choices, e.g.
            `{"frames": {"fps": 1}, "clips": {"model": "c3d/sports1m", "clip": "16x1"}}`. All are made
            from one decoding.
        workers: Decoder processes; by default one for each core, fewer if the memory is short, and up to
            twice as many as long as media lie on a slow disk.
        cores: CPU cores to use; by default those that affinity and cgroup allow.
        memory: Bytes of memory for all processes together; by default the limit of the cgroup, if it has one.
        limits: What one file may cost.
        shard: `I/N`: take the I-th of N parts of the media. Each medium is in one part, by its path.
        shards: Processes that each have decoders and the networks on one device, and hand their rows to this
            one. By default one for each device that `device` lists, or for each GPU with `device="cuda"`;
            else one, which is this process.
        on: `ray` or `ray://HEAD:PORT`: shards run on the machines of a Ray cluster, by default one on each
            machine, or on each GPU. There `cores`, `workers` and `memory` are of each shard. All machines
            need the same Vifex, and the media at the same addresses.
        estimate: From `vifex.estimate`, to stand in the report beside what the run took.
        retry_failed: Try media again that failed in an earlier run.
        stdin: Where `-` reads from.
        progress: Show on standard error how far the run is: a few lines on a terminal, else a line every
            30 s.
        on_progress: Called a few times a second.
        on_outcome: Called for each medium that did not end `ok`, or has a note.
        on_notice: Called with what a user must know of a model or a source, e.g. that a licence forbids
            commercial use; by default it is a `UserWarning`.
        **choices: For every view that does not choose by itself:

            - `weights`: For networks of families, `random:SEED` or a file; by default the published ones.
            - `card`: The model card of a file or of one's own network, where it does not stand beside it.
            - `trust_code`: Whether code may run that a `.pt` or `.pt2` file holds.
            - `preset`: Name of a published protocol: model, layers, sampling and decoding at once.
            - `layers`: Names, aliases or patterns of layers; by default the model's own choice.
            - `fps`: Samples per second of video; 1 if no way of sampling is given. With `clip`, the rate at
              which a clip's frames are taken.
            - `every`: Instead, each N-th frame.
            - `uniform`: Instead, N frames spread evenly.
            - `times_s`: Instead, the frames on screen at these times in seconds.
            - `frames`: Instead, the frames of these numbers in presentation order, from 0.
            - `keyframes`: Instead, the key frames: those that are decoded without others.
            - `per_shot`: Instead, so many frames of each shot, spread evenly; of one the middle. Cuts,
              dissolves and fades are found from the luma of all frames before any network runs; a row has
              its shot's start and end.
            - `max_frames`: Samples of one medium at most: frames, clips, windows of sound or pages. Of more,
              those are taken that are spread evenly over all.
            - `changed_only`: Compute a sampled frame only if it differs from the last computed one by more
              than this share of the image's contrast, e.g. 0.03; the row of that one stands for the frames
              that are left out, until its `t_end_s`.
            - `clip`: Instead, windows `LENGTHxSTRIDE`.
            - `hop`: Frames from one window's first frame to the next window's first.
            - `tail`: `drop` a last window that the video does not fill, `pad` it with its last frame,
              `repeat` its frames, or fill it with black ones (`zeros`).
            - `centre`: Windows around frames, around every one unless `hop` says otherwise; both ends are
              filled as `tail` says, and a row has the time of its middle frame.
            - `start_s`, `end_s`: Where sampling starts and ends, in seconds.
            - `assume_fps`: Frame rate for streams that carry no times at all.
            - `pages`: Of a TIFF with several pages, `first` for a row of the first one, or `all` for a row of
              each, whose `frame_index` is the page's number from 0.
            - `window_s`, `window_hop_s`: Of a model of sound, the length of its windows and the time from
              one to the next, in seconds; by default the model's own length, end to end.
            - `window_tail`: `drop` a last window that the sound does not fill, `pad` it with silence, or
              `repeat` its sound; by default what the model's library does with short sound.
            - `pool`: How maps and tokens become vectors; by default what suits each kind.
            - `normalize`: Scale each vector to length 1.
            - `dtype`: What the store keeps, `float32` or `float16`.
            - `decode`: `fast`, or `exact` for the pixels of the model's own library.
            - `precision`: `fp32`, `bf16`, `auto` (bf16 where the hardware has it), or `int8`, whose ranges
              are learned from a sample of the media when a view is made.
            - `engine`: `openvino`, `torch`, or `auto`; by default what `VIFEX_ENGINE` says.
            - `device`: `cpu`, `cuda`, `cuda:N`, `mps`, or `auto` for the best there is, for networks that
              torch runs; by default what `VIFEX_TORCH_DEVICE` says. For all views together also a list,
              e.g. `cuda:0,cuda:1`: a shard computes on each.
            - `compile`: Whether torch runs networks through `torch.compile`; by default what
              `VIFEX_TORCH_COMPILE` says.
            - `regions`: `crop`, `roi_align` or `roi_pool`: a row for each box of a manifest or grid.
            - `grid`, `overlap`: `ROWSxCOLS` of boxes over each frame, and what neighbours share.
            - `bins`, `sampling_ratio`, `aligned`: Of `roi_align` and `roi_pool`.

    Returns:
        Counts and problems. One bad medium is an outcome, never an exception.

    Raises:
        VifexError: If the run cannot be done at all.
    """
    from vifex.extraction.estimate import folder_bytes

    before = 0 if estimate is None else folder_bytes(store)
    given, wanted = listed_sources(sources), wanted_views(model, view, views)
    asked = cast(Choices, dict(choices))
    devices = take_devices(choices)
    with shown_progress(progress) as show:
        plans = plan_views(wanted, choices, on_notice)
        chosen = {p.name: joined_choices(own, asked) for p, (_, own) in zip(plans, wanted, strict=True)}
        report = run_views(
            given,
            store,
            plans,
            said={"extracted": words_of_run(given, chosen, shard=shard, limits=limits)},
            workers=workers,
            cores=cores,
            memory_bytes=memory,
            limits=limits,
            shard=None if shard is None else parse_shard(shard),
            shards=shards,
            on=on,
            devices=devices,
            retry_failed=retry_failed,
            stdin=stdin,
            on_progress=_both(show, on_progress),
            on_outcome=on_outcome,
            on_notice=on_notice,
        )
    measure_indexes(store, on_notice)
    if estimate is None:
        return report
    return replace(report, estimate=estimate, added_bytes=folder_bytes(store) - before)


def measure_indexes(store: str | os.PathLike[str], on_notice: Callable[[str], None] | None) -> None:
    """Measure the recall of the store's indexes again where its rows have changed."""
    from vifex.store import indexed_views

    try:
        if not indexed_views(store):
            return
        from vifex.search.approximate.making import measure_changed

        for notice in measure_changed(store, run=run_facts(["pylance", "pyarrow"])):
            tell(notice, on_notice)
    except StoreError as exc:
        # All rows are committed; another run may hold the lock.
        tell(f"The recall of an index was not measured again: {exc.what}", on_notice)


def listed_sources(sources: Any) -> list[str | os.PathLike[str]]:
    """Take a single source for a list of one.

    Raises:
        InputError: If one of them is no path.
    """
    if isinstance(sources, str | os.PathLike):
        return [sources]
    given = (
        list(sources)
        if isinstance(sources, Iterable) and not isinstance(sources, bytes | Mapping)
        else [sources]
    )
    for source in given:
        if not isinstance(source, str | os.PathLike):
            raise InputError(
                f"{type(source).__name__} is no source.",
                todo="Give paths; features of images in memory: vifex.load_model().features(...).",
            )
    return given


def _both(
    one: Callable[[Progress], None] | None, other: Callable[[Progress], None] | None
) -> Callable[[Progress], None] | None:
    if one is None or other is None:
        return one or other

    def call(progress: Progress) -> None:
        one(progress)
        other(progress)

    return call
