"""Every command has help and a page, and the page says what the help says."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vifex.cli.app import COMMANDS, _dashes_last, app
from vifex.cli.options import helped
from vifex.cli.output import clean

ROOT = Path(__file__).resolve().parents[3]


def test_the_page_is_what_the_commands_say() -> None:
    """`python scripts/write_commands.py > docs/commands.md` makes it anew."""
    made = subprocess.run(
        [sys.executable, ROOT / "scripts" / "write_commands.py"], capture_output=True, text=True, check=True
    )
    assert (ROOT / "docs" / "commands.md").read_text() == made.stdout


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_told_in_the_page_of_json_or_lists_nothing(name: str) -> None:
    page = (ROOT / "docs" / "json.md").read_text()
    assert (f"`vifex {name}`" in page) == (name not in ("card", "completion"))


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["extract", "-", "-o", "x"], ["extract", "-o", "x", "--", "-"]),
        (["extract", "a", "-", "-o", "x", "--", "-b"], ["extract", "a", "-o", "x", "--", "-", "-b"]),
        (["extract", "a", "-o", "x"], ["extract", "a", "-o", "x"]),
        (["extract", "--", "-"], ["extract", "--", "-"]),
    ],
)
def test_a_lone_dash_is_standard_input(words: list[str], wanted: list[str]) -> None:
    assert _dashes_last(words) == wanted


def test_what_is_printed_cannot_move_the_cursor() -> None:
    assert clean("a\x1b[31m\nb\udcffc 照片") == "a\\x1b[31m\\x0ab\\xffc 照片"


def examples() -> list[str]:
    docs = [app[name].default_command.__doc__ for name in COMMANDS]
    return [line.strip() for doc in docs for line in (doc or "").splitlines() if re.match(r" +vifex ", line)]


@pytest.mark.parametrize("line", examples())
def test_the_examples_in_the_help_are_commands(line: str) -> None:
    """Each one parses: the command exists, and so does every option."""
    words = shlex.split(line.partition(" > ")[0])[1:]
    command, _, unused, _ = app.parse_known_args(words)
    assert not unused
    assert command is not app.default_command


def test_the_commands_that_people_start_with_have_three_examples() -> None:
    for name in ("extract", "search", "fuse", "tree", "export", "layers", "bench"):
        assert sum(line.startswith(f"vifex {name}") for line in examples()) >= 2, name
    assert sum(line.startswith("vifex extract") for line in examples()) == 3


def test_the_options_of_extract_come_in_groups() -> None:
    """No group is a list that nobody reads, and the common options come first."""
    arguments = app["extract"].assemble_argument_collection()
    groups: dict[str, list[str]] = {}
    for argument in arguments:
        (group,) = argument.parameter.group
        groups.setdefault(group.name, []).append(argument.name)
    assert {"Source", "Output", "Model", "Regions", "Sound", "Limits"} < set(groups)
    assert max(map(len, groups.values())) <= 13
    assert not {"Options", "Parameters", "Arguments"} & set(groups)
    assert groups["Output"][0] == "--output"
    assert groups["Model"][0] == "--model"


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["extrct", "a"], 'Did you mean "extract"?'),
        (["modles"], 'Did you mean "models"?'),
        (["models", "shwo", "a"], 'Unknown command "shwo". Did you mean show?'),
        (["show", "a", "b", "c"], "unexpected argument: b c"),
        (["extract", "a", "--outptu", "x"], "Did you mean --output?"),
        (["search", "a", "b", "--wehre", "x"], "Did you mean --where?"),
    ],
)
def test_a_misspelt_word_offers_the_near_one(vifex_command: Any, words: list[str], near: str) -> None:
    done = vifex_command(*words)
    assert done.returncode == 2
    assert near in done.stderr


def test_the_list_of_commands_has_a_sentence_for_each(vifex_command: Any) -> None:
    text = vifex_command("--help").stdout
    for name in COMMANDS:
        assert re.search(rf"^. {name} +[A-Z]\w+ ", text, re.MULTILINE), name
    assert "-----" not in text


def test_help_joins_the_lines_of_a_paragraph() -> None:
    @helped
    def command() -> None:
        """Do a thing
        in two lines.

        For example:

            vifex a
            vifex b

        Parameters
        ----------
        one
            Of several
            lines.
        two
            Another.
        """

    lines = (command.__doc__ or "").splitlines()
    assert lines[0] == "Do a thing in two lines."
    assert lines[4:6] == ["    vifex a", "    vifex b"]
    assert lines[-4:] == ["one", "    Of several lines.", "two", "    Another."]


BASH = """
source {script}
COMP_WORDS=({words}); COMP_CWORD={place}; COMP_LINE="{words}"; COMP_POINT=${{#COMP_LINE}}
complete=$(complete -p vifex | sed 's/.*-F \\([^ ]*\\).*/\\1/')
$complete vifex "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
printf '%s\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("vifex ext", "extract"),
        ("vifex extract --prec", "--precision"),
        ("vifex extract --precision b", "bf16"),
        ("vifex models sh", "show"),
        ("vifex extract phot", "photo.jpg"),
        ("vifex search lib.vifex phot", "photo.jpg"),
        ("vifex completion z", "zsh"),
    ],
)
def test_bash_completes(vifex_command: Any, tmp_path: Path, words: str, wanted: str) -> None:
    script = tmp_path / "completion.bash"
    script.write_text(vifex_command("completion", "bash").stdout)
    (tmp_path / "photo.jpg").touch()
    program = BASH.format(script=script, words=words, place=len(words.split()) - 1)
    done = subprocess.run(
        ["bash", "--norc", "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert wanted in done.stdout.split(), done.stderr


@pytest.mark.parametrize(("shell", "start"), [("zsh", "#compdef vifex"), ("fish", "complete -c vifex")])
def test_the_other_shells_have_their_scripts(vifex_command: Any, shell: str, start: str) -> None:
    text = vifex_command("completion", shell).stdout
    assert start in text
    for name in COMMANDS:
        assert name in text
