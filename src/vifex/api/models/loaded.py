"""`vifex.load_model`: any layer of a network for images, clips, sound or text at hand."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import numpy.typing as npt

from vifex.api.arguments import checked
from vifex.api.models.kept import KeptNetworks
from vifex.api.models.own import own_model
from vifex.api.notices import tell, tell_licence
from vifex.api.types import Images, Precision, Transform
from vifex.engines import EngineOptions, load_engine
from vifex.extraction.embed import run_batches
from vifex.extraction.pipeline.vectors import to_vectors
from vifex.extraction.planning.options import make_sampling
from vifex.extraction.planning.view_plan import ViewPlan, plan_view
from vifex.models import load_model as find_model
from vifex.models.held import is_module, let_go
from vifex.values import InputError, Layer, Model, ModelCard, ModelError, Sampling

if TYPE_CHECKING:
    from torch import nn

    from vifex.models.families.shared.text import TextTower

__all__ = ["LoadedModel", "load_model"]

_BATCH = 8
_DEFAULT_STEP = 2


class LoadedModel:
    """A network ready to be read at any layer.

    What was compiled is kept for the next call. Use it as a context manager, or call `close`, to free it
    early. Threads may share a model.
    """

    def __init__(
        self,
        model: Model,
        *,
        options: EngineOptions | None = None,
        precision: Precision = "auto",
        transform: Transform | None = None,
        transformed_shape: tuple[int, ...] = (),
        on_notice: Callable[[str], None] | None = None,
    ) -> None:
        self._model = model
        self._options = options or EngineOptions()
        self._precision = precision
        self._transform, self._shape = transform, transformed_shape
        self._on_notice = on_notice
        self._plans: dict[tuple[object, ...], ViewPlan] = {}
        self._kept = KeptNetworks()
        self._end = weakref.finalize(self, _end, self._kept, model)

    # -- what it is ---------------------------------------------------------------------------------

    @property
    def card(self) -> ModelCard:
        """Name, licence, input and provenance."""
        return self._model.card

    @property
    def model(self) -> Model:
        """The network as a value: what `vifex.extract` and `vifex.open` load by a name."""
        return self._model

    @property
    def options(self) -> EngineOptions:
        """The engine and the device that were chosen."""
        return self._options

    @property
    def precision(self) -> Precision:
        """The precision that was chosen."""
        return self._precision

    @property
    def layers(self) -> list[Layer]:
        """Every layer with its kind and its shape for one input."""
        return load_engine(self._model.engine, self._options).layers(self._model)

    @property
    def default_layers(self) -> list[Layer]:
        """What is read where no layer is named; empty where the model leaves it to be named."""
        try:
            return load_engine(self._model.engine, self._options).resolve_layers(self._model, [])
        except ModelError:
            return []

    # -- features -----------------------------------------------------------------------------------

    @checked("images")
    def encode(
        self,
        images: Images,
        *,
        layer: str | None = None,
        pool: str | None = None,
        normalize: bool = False,
        precision: Precision | None = None,
        decode: Literal["fast", "exact"] = "fast",
        fps: float | None = None,
    ) -> npt.NDArray[np.float32]:
        """Return one vector for each image, clip or window of sound.

        The vectors are those that `vifex.extract` would store.

        Args:
            images: As for `features`.
            layer: Name or alias of a layer; by default the model's own.
            pool: How a map or tokens become a vector, by default what suits the kind; `none` keeps them.
            normalize: Scale each vector to length 1.
            precision: Of the arithmetic; by default what the model was loaded with.
            decode: How files are decoded.
            fps: Of a video: frames per second that are taken, as for `features`.

        Returns:
            float32 `[N, D]`; with `pool="none"` `[N, *layer.shape]`. A single image gives N = 1.

        Raises:
            InputError: If something in `images` is none of the accepted types, or no layer was named and the
                model has several by default.
            MediaError: If a file cannot be decoded.
            ModelError: If the layer is unknown.
        """
        names = [] if layer is None else [layer]
        plan = self._plan(names, precision, decode, fps, pool=pool, normalize=normalize)
        if len(plan.recipe.layers) != 1:
            found = ", ".join(spec.layer.name for spec in plan.recipe.layers)
            raise InputError(
                f"encode reads one layer, and these were found: {found}.",
                of=self.card.name,
                todo="Name one with layer=, or call features.",
            )
        spec = plan.recipe.layers[0]
        parts = [to_vectors(arrays, plan).columns[spec.column] for arrays in self._run(images, plan)]
        return np.concatenate(parts) if parts else np.empty((0, *spec.shape), np.float32)

    @checked("images")
    def features(
        self,
        images: Images,
        *,
        layers: Sequence[str] = (),
        precision: Precision | None = None,
        decode: Literal["fast", "exact"] = "fast",
        fps: float | None = None,
    ) -> dict[str, npt.NDArray[np.float32]]:
        """Read layers for some images, clips or sounds.

        Args:
            images: One input or several: a list, an iterator, an array with one more axis.

                - An image is a path, a Pillow image, a uint8 RGB array `[H, W, 3]`, or a uint8 torch tensor
                  `[3, H, W]`.
                - A video is a path, given by itself; N counts the frames or clips that are taken of it.
                - A clip, for a network that takes clips, is a sequence of images or an array `[T, H, W, 3]`.
                - A sound, for a network of sound, is a path of one window or less, or a float32 array `[S]`
                  of one window, mono, -1 to 1, at `card.audio.sample_rate_hz`.
            layers: Names, aliases or patterns of layers; by default the model's own choice.
            precision: Of the arithmetic; by default what the model was loaded with.
            decode: How files are decoded.
            fps: Of a video: frames per second that are taken, 1 by default. For a network of clips the rate
                of a clip's frames, by default the video's own.

        Returns:
            Layer name to float32 `[N, *layer.shape]`, not pooled.

        Raises:
            InputError: If something in `images` is none of the accepted types.
            MediaError: If a file cannot be decoded.
            ModelError: If a layer is unknown.
        """
        names = [layers] if isinstance(layers, str) else list(layers)
        plan = self._plan(names, precision, decode, fps)
        parts = list(self._run(images, plan))
        if not parts:
            return {t.name: np.empty((0, *t.shape), np.float32) for t in plan.layers}
        return {t.name: np.concatenate([p[t.name] for p in parts]) for t in plan.layers}

    @checked("texts")
    def encode_text(self, texts: str | Iterable[str], *, normalize: bool = False) -> npt.NDArray[np.float32]:
        """Return one vector for each text, in the space of the layer `embedding`.

        Args:
            texts: One text, or several. The end of a text that is longer than the model reads is cut off,
                with a notice.
            normalize: Scale each vector to length 1.

        Returns:
            float32 `[N, D]`.

        Raises:
            InputError: If something in `texts` is no text.
            ModelError: If the model has no text tower.
            MissingExtraError: If the library that reads the texts is not installed.
        """
        from vifex.models.families.shared.text import cut_words
        from vifex.pool import l2_normalize

        given = [texts] if isinstance(texts, str) else _listed_texts(texts)
        tower = self._text_tower
        for text in given:
            if (cut := cut_words(tower, text)) is not None:
                self._tell(f"{self.card.name}: {cut}")
        if not given:
            return np.empty((0, tower.vectors(["a"]).shape[1]), np.float32)
        vectors = tower.vectors(given)
        return l2_normalize(vectors) if normalize else vectors

    # -- leaving ------------------------------------------------------------------------------------

    def close(self) -> None:
        """Free what was compiled. A later call compiles it again."""
        self._kept.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        audio = self.card.audio
        pixels = f"{self.card.width_px} x {self.card.height_px} px"
        return f"LoadedModel({self.card.name!r}, {pixels if audio is None else f'{audio.window_s:g} s'})"

    # -- inside -------------------------------------------------------------------------------------

    @cached_property
    def _text_tower(self) -> TextTower:
        from vifex.models.families.shared.text import text_tower

        return text_tower(self._model)

    def _plan(
        self,
        layers: list[str],
        precision: Precision | None,
        decode: Literal["fast", "exact"],
        fps: float | None,
        *,
        pool: str | None = None,
        normalize: bool = False,
    ) -> ViewPlan:
        key = (tuple(layers), precision, decode, fps, pool, normalize)
        if key not in self._plans:
            self._plans[key] = plan_view(
                "query",
                self._model,
                layers=layers,
                sampling=self._sampling(fps),
                pool=pool,
                normalize=normalize,
                precision=precision or self._precision,
                decode=decode,
                options=self._options,
            )
        return self._plans[key]

    def _sampling(self, fps: float | None) -> Sampling | None:
        if fps is None or self.card.audio is not None:
            return None
        clip = self.card.frames and f"{self.card.frames}x{self.card.frame_step or _DEFAULT_STEP}"
        return make_sampling(fps=fps, clip=clip or None)

    def _run(self, images: Any, plan: ViewPlan) -> Iterator[dict[str, npt.NDArray[Any]]]:
        frames = self.card.frames if plan.recipe.audio is None else None
        # Decoders take time to import, and a run's own process does not decode.
        from vifex.api.models.inputs import Reader, first_two

        reader = Reader(self.card.name, plan.request, frames, self._transform, self._shape)
        ahead, samples = first_two(reader.samples(images, self._tell))
        if ahead:
            # A single input would pay for the padding of a larger batch.
            with self._kept.network(plan, 1 if ahead == 1 else _BATCH) as network:
                yield from run_batches(network, samples)

    def _tell(self, notice: str) -> None:
        tell(notice, self._on_notice, stacklevel=4)


def _end(kept: KeptNetworks, model: Model) -> None:
    kept.close()
    let_go(model)


def _listed_texts(texts: Any) -> list[str]:
    given = list(texts) if isinstance(texts, Iterable) and not isinstance(texts, bytes) else [texts]
    for text in given:
        if not isinstance(text, str):
            raise InputError(f"{type(text).__name__} is no text.", todo="Give a str or a list of them.")
    return given


@checked("name", "card", "transform", "device", "engine", "compile", "precision")
def load_model(
    name: str | os.PathLike[str] | nn.Module = "default",
    *,
    weights: str | None = None,
    card: str | os.PathLike[str] | ModelCard | Mapping[str, Any] | None = None,
    transform: Transform | None = None,
    trust_code: bool = False,
    device: str | None = None,
    engine: Literal["auto", "openvino", "torch"] | None = None,
    precision: Precision = "auto",
    compile: bool | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> LoadedModel:
    """Find a model by its name or file, or take one's own; `default` is the embedded one.

    Args:
        name: A name, a family's `PREFIX/NAME`, `torch:MODULE:CALLABLE` for a network of one's own, a file, or
            a `torch.nn.Module`. A module is copied; torch runs it unless `engine` says otherwise.
        weights: For networks of families: `random:SEED` or a file; by default the published ones.
        card: The model card of a file or of one's own network, where it does not stand beside it: its path.
            For a module also a `ModelCard`, or a mapping with the keys of a card file.
        transform: For a module, in place of a card: a function from a Pillow image in RGB to a float32 tensor
            or array `[3, H, W]`, e.g. a transform of torchvision. It prepares every image.
        trust_code: Whether code may run that a `.pt` or `.pt2` file holds.
        device: `cpu`, `cuda`, `cuda:N`, `mps`, or `auto` for the best there is, for networks that torch runs;
            by default what the variable `VIFEX_TORCH_DEVICE` says.
        engine: `openvino`, `torch`, or `auto`; by default what `VIFEX_ENGINE` says.
        precision: `fp32`, `bf16`, or `auto`, which is bf16 where the hardware has it.
        compile: Whether torch runs the network through `torch.compile`; by default what
            `VIFEX_TORCH_COMPILE` says.
        on_notice: Called with what a user must know of the model; by default it is a `UserWarning`.

    Raises:
        InputError: If `name` is none of these.
        ModelError: If there is no such model, or its card or weights cannot be used.
        EngineError: If the engine or the device is unknown.
        MissingExtraError: If the library that makes the network is not installed.
    """
    options = EngineOptions(engine, device, compile)
    if is_module(name):
        return _own(name, weights, card, transform, options, precision, on_notice)
    if not isinstance(name, str | os.PathLike):
        raise InputError(
            f"{type(name).__name__} is no model.",
            todo="Give a name, the path of a file, or a torch.nn.Module.",
        )
    if transform is not None or not isinstance(card, str | os.PathLike | None):
        given = "a transform" if transform is not None else f"a card that is a {type(card).__name__}"
        raise InputError(f"{given} is for a torch.nn.Module.", todo="Give the path of a card file.")
    model = find_model(
        name, weights=weights, card=None if card is None else Path(card), trust_code=trust_code
    )
    tell_licence(model.card, on_notice)
    return LoadedModel(model, options=options, precision=precision, on_notice=on_notice)


def _own(
    module: Any,
    weights: str | None,
    card: str | os.PathLike[str] | ModelCard | Mapping[str, Any] | None,
    transform: Transform | None,
    options: EngineOptions,
    precision: Precision,
    on_notice: Callable[[str], None] | None,
) -> LoadedModel:
    if weights is not None:
        raise InputError("a module brings its weights with it.", todo="Leave the weights out.")
    described = Path(card) if isinstance(card, str | os.PathLike) else card
    model, shape = own_model(module, described, transform)
    # A conversion would be kept on disk for a network that no other process can load.
    chosen = EngineOptions(options.wanted_engine or "torch", options.device, options.compile)
    return LoadedModel(
        model,
        options=chosen,
        precision=precision,
        transform=transform,
        transformed_shape=shape,
        on_notice=on_notice,
    )
