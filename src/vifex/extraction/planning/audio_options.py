"""From a user's choices and a network for sound to the windows that it is given."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vifex.values import AudioSpec, InputError, Model, Sampling
from vifex.values.audio import AudioTail

__all__ = ["SoundChoice", "fit_sound", "with_window"]


@dataclass(frozen=True, slots=True)
class SoundChoice:
    """What a user may choose; `None` leaves it to the network."""

    window_s: float | None = None
    hop_s: float | None = None
    tail: AudioTail | None = None


def fit_sound(
    model: Model, choice: SoundChoice | None, sampling: Sampling | None
) -> tuple[Model, AudioSpec | None]:
    """Give a network for sound its windows.

    Args:
        model: Any; one for images comes back as it is.
        choice: Of the user.
        sampling: Its start, end and limit count for sound as well.

    Returns:
        The model with a card that says the windows' length, and the windows; `None` for images.

    Raises:
        InputError: If the network does not take such windows, or a number makes no sense.
    """
    own = model.card.audio
    if own is None:
        return model, None
    choice = choice or SoundChoice()
    window_s = float(own.window_s if choice.window_s is None else choice.window_s)
    if own.max_window_s is not None and window_s > own.max_window_s:
        raise InputError(
            f"the model {model.card.name!r} takes at most {own.max_window_s:g} s of sound at once.",
            of=f"a window of {window_s:g} s",
            todo=f"Give `window_s={own.max_window_s:g}` or less.",
        )
    try:
        spec = AudioSpec(
            sample_rate_hz=own.sample_rate_hz,
            window_s=window_s,
            hop_s=window_s if choice.hop_s is None else float(choice.hop_s),
            tail=choice.tail or own.tail,
            t_start_s=sampling.t_start_s if sampling else None,
            t_end_s=sampling.t_end_s if sampling else None,
            max_windows=sampling.max_frames if sampling else None,
        )
    except ValueError as exc:
        raise InputError(f"the windows make no sense: {exc}.", todo="Give seconds above 0.") from exc
    return with_window(model, spec), spec


def with_window(model: Model, spec: AudioSpec | None) -> Model:
    """Return a model whose card says the length of a view's windows: engines read their input from it."""
    own = model.card.audio
    if own is None or spec is None:
        return model
    return replace(model, card=replace(model.card, audio=replace(own, window_s=spec.window_s)))
