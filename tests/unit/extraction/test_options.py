"""From the words of a user to a sampling."""

from __future__ import annotations

from typing import Any

import pytest

from vifex.extraction.planning.options import make_sampling
from vifex.values import InputError, Sampling

NAN, INF = float("nan"), float("inf")


def test_nothing_asked_for_leaves_the_choice_to_the_model() -> None:
    assert make_sampling() is None


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"fps": 2.5}, Sampling(fps=2.5)),
        ({"every": 3}, Sampling("every", fps=None, every=3)),
        ({"uniform": 8}, Sampling("uniform", fps=None, uniform=8)),
        ({"clip": "16x2"}, Sampling("clip", fps=None, clip_length=16, frame_step=2)),
        (
            {"clip": "21x1", "centre": True, "tail": "zeros"},
            Sampling("clip", fps=None, clip_length=21, frame_step=1, tail="zeros", centre=True),
        ),
        (
            {"clip": " 8X4 ", "hop": 8, "tail": "pad"},
            Sampling("clip", fps=None, clip_length=8, frame_step=4, hop=8, tail="pad"),
        ),
        ({"start_s": 1.0, "end_s": 2.0}, Sampling(t_start_s=1.0, t_end_s=2.0)),
        ({"assume_fps": 25.0}, Sampling(assume_fps=25.0)),
    ],
)
def test_options_become_a_sampling(options: dict[str, Any], wanted: Sampling) -> None:
    assert make_sampling(**options) == wanted


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fps": 1.0, "every": 2}, "`fps=` and `every=` were given together"),
        ({"hop": 2}, "`hop=` is for clips"),
        ({"centre": True}, "`centre=` is for clips"),
        ({"clip": "4x1", "centre": True, "tail": "repeat"}, "`centre=` cannot fill both ends"),
        ({"clip": "16"}, "`clip=` takes LENGTHxSTRIDE, got '16'"),
        ({"clip": "0x2"}, "positive"),
        ({"fps": -1.0}, "positive"),
        ({"every": 0}, "positive"),
        *(
            ({o: x}, "takes a number")
            for o in ("fps", "start_s", "end_s", "assume_fps")
            for x in (NAN, INF, "1")
        ),
        ({"clip": "4x1", "fps": NAN}, "`fps=` takes a number, got nan"),
        ({"start_s": 3.0, "end_s": 1.0}, "`end_s=` is 1 s, which leaves nothing from 3 s on"),
        ({"start_s": 1.0, "end_s": 1.0}, "leaves nothing"),
        ({"end_s": -1.0}, "leaves nothing from 0 s on"),
        ({"clip": "4x1", "hop": 0}, "hop must be at least 1"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_sampling(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"fps": 2, "start_s": 1, "end_s": 9, "assume_fps": 25},
        {"clip": "8x1", "fps": 4},
        {"times_s": [1, 2]},
        {"changed_only": 0},
    ],
)
def test_whole_numbers_make_the_recipe_that_others_make(options: dict[str, Any]) -> None:
    """Recipes are compared by their text, in which 2 is not 2.0."""

    def real(value: Any) -> Any:
        if isinstance(value, list):
            return [float(one) for one in value]
        return float(value) if isinstance(value, int) else value

    others = {name: real(value) for name, value in options.items()}
    assert repr(make_sampling(**options)) == repr(make_sampling(**others))
