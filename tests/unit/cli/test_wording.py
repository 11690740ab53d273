"""Messages name options as Python does; the command line shows its own names."""

from __future__ import annotations

import ast
import inspect
import pickle
import re
from pathlib import Path

import pytest

import vifex
from vifex.api.views import Choices
from vifex.cli.extracting import extract
from vifex.cli.wording import as_options, option_name
from vifex.values import InputError, Limits
from vifex.values.errors import keywords

SOURCE = Path(vifex.__file__).parent
OPTION = re.compile(r"(?<![\w-])(?<!var\()--[a-z][\w-]*+(?!:)")
"""An option; `--page: #fff` and `var(--page)` are variables of CSS."""


def below_the_command_line() -> list[Path]:
    return [f for f in sorted(SOURCE.rglob("*.py")) if SOURCE / "cli" not in f.parents]


@pytest.mark.parametrize("path", below_the_command_line(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_only_the_command_line_names_its_options(path: Path) -> None:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    texts = [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    assert not [text for text in texts if OPTION.search(text)]


@pytest.mark.parametrize(
    ("python", "command"),
    [
        ("Leave out `fps=` or `window_hop_s=`.", "Leave out --fps or --window-hop."),
        ('Use `clip="16x2"`.', "Use --clip 16x2."),
        ("Use `clip=LENGTHxSTRIDE, fps=25`.", "Use --clip LENGTHxSTRIDE --fps 25."),
        ("Use `trust_code=True`.", "Use --trust-code."),
        ("Use `weights=[0.7, 0.3]`.", "Use --weights 0.7,0.3."),
        ('`tail="drop"`, `"pad"`', "--tail drop, pad"),
        ("Leave `model` out; `f(x)`, `=` and `a = `", "Leave `model` out; `f(x)`, `=` and `a = `"),
        ("an odd ` and `clip=", "an odd ` and `clip="),
        ("`" + "(" * 3000 + "`", "`" + "(" * 3000 + "`"),
        ("`**a=`, `**{}`, `x, a=1`", "`**a=`, `**{}`, `x, a=1`"),
    ],
)
def test_keywords_become_options(python: str, command: str) -> None:
    assert as_options(python) == command


@pytest.mark.parametrize("value", ["my model.onnx", "a`b=1`.pt", "it's", "x\udcff", "照片"])
def test_a_value_of_the_user_arrives_whole(value: str) -> None:
    shown = as_options(f"name it: {keywords(model=value, trust_code=True)}.")
    assert shown.startswith("name it: --model ")
    assert shown.endswith(" --trust-code.")
    assert value.replace("'", "'\"'\"'") in shown


def test_an_error_names_its_option() -> None:
    error = InputError("takes a number.", of="x.mp4", todo="Give `fps=2`.", option="fps")
    assert error.option == "fps"
    assert str(error) == "x.mp4: `fps=` takes a number. Give `fps=2`."
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.option, type(again)) == (str(error), "fps", InputError)


def test_every_option_of_extract_has_a_name_on_the_command_line() -> None:
    """`option_name` of each keyword in Python is an option that the command has."""
    choices = set(Choices.__annotations__)
    limits = set(Limits.__dataclass_fields__)
    options = {f"--{name.replace('_', '-')}" for name in inspect.signature(extract).parameters}
    assert {option_name(name) for name in choices | limits} <= options
