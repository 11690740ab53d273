"""The command `vifex`: it parses the command line, calls the public functions and sets the exit status.

Exit status: 0 success; 2 the command line is wrong; 3 done, but some media failed or are partial, or a
check found damage; 4 the command could not be done; 130 interrupted, 143 ended by SIGTERM, 129 by SIGHUP.
After the last three the same command resumes.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Group, UnusedCliTokensError

from vifex import __version__
from vifex.cli.arrow import own_process
from vifex.cli.interrupts import Signals, watch_signals
from vifex.cli.output import clean, escape_unencodable, fit, one_line, open_streams
from vifex.cli.wording import as_options
from vifex.values import VifexError
from vifex.values.registry import near

__all__ = ["COMMANDS", "app", "main"]

app = App(
    name="vifex",
    help="Turn images, videos and sound into features, keep them in a store, and answer questions from it.",
    version=__version__,
    help_format="plaintext",
    group_parameters=Group("Options"),
    suppress_keyboard_interrupt=False,  # `_run` handles it
)

# Each command's module imports what it needs when it runs, so that `--help` stays quick.
_GROUPS = {
    "Features and stores": {
        "extract": "vifex.cli.extracting:extract",
        "watch": "vifex.cli.watching:watch",
        "show": "vifex.cli.showing:show",
        "export": "vifex.cli.exporting:export",
        "import": "vifex.cli.importing:import_",
        "fuse": "vifex.cli.deriving:fuse",
        "tree": "vifex.cli.deriving:tree",
        "label": "vifex.cli.maintaining:label",
        "rm": "vifex.cli.maintaining:rm",
        "relocate": "vifex.cli.maintaining:relocate",
        "prune": "vifex.cli.maintaining:prune",
        "merge": "vifex.cli.merging:merge",
        "compact": "vifex.cli.compacting:compact",
        "tag": "vifex.cli.tagging:tag",
        "views": "vifex.cli.views:views",
        "history": "vifex.cli.maintaining:history",
        "check": "vifex.cli.checking:check",
        "upgrade": "vifex.cli.upgrading:upgrade",
    },
    "Answers from a store or a folder": {
        "search": "vifex.cli.searching:search",
        "index": "vifex.cli.answers.indexing:index",
        "copies": "vifex.cli.answers.copies:copies",
        "cluster": "vifex.cli.answers.clustering:cluster",
        "outliers": "vifex.cli.answers.outlying:outliers",
        "map": "vifex.cli.answers.mapping:map_",
        "summarize": "vifex.cli.answers.summarizing:summarize",
        "recommend": "vifex.cli.answers.recommending:recommend",
        "probe": "vifex.cli.answers.probing:probe",
        "classify": "vifex.cli.answers.classifying:classify",
        "issues": "vifex.cli.answers.issues:issues",
        "advise": "vifex.cli.answers.advising:advise",
        "diff": "vifex.cli.answers.differing:diff",
        "bridge": "vifex.cli.answers.bridging:bridge",
    },
    "Training and evaluation": {
        "train": "vifex.cli.training:train",
        "evaluate": "vifex.cli.evaluating:evaluate",
        "compress": "vifex.cli.compressing:compress",
    },
    "Models": {
        "models": "vifex.cli.models:models",
        "layers": "vifex.cli.models:layers",
        "card": "vifex.cli.models:card",
        "bench": "vifex.cli.benching:bench",
    },
    "This machine and this program": {
        "cache": "vifex.cli.caching:cache",
        "completion": "vifex.cli.completing:completion",
    },
}
COMMANDS = {name: home for commands in _GROUPS.values() for name, home in commands.items()}
"""Each command and its function."""
MODEL_COMMANDS = ["show", "pull"]
"""Commands of `vifex models`."""
LAYER_COMMANDS = ["compare"]
"""Commands of `vifex layers`."""
_USAGE = {
    "extract": {"usage": "Usage: vifex extract SOURCE... -o STORE [OPTIONS]"},
    "watch": {"usage": "Usage: vifex watch FOLDER... -o STORE [OPTIONS]"},
    "search": {"usage": "Usage: vifex search STORE QUERY [OPTIONS]"},
    "copies": {"usage": "Usage: vifex copies STORE [OTHER] [OPTIONS]"},
    "merge": {"usage": "Usage: vifex merge STORE OTHER... [OPTIONS]"},
    "fuse": {"usage": "Usage: vifex fuse STORE --view VIEW --view VIEW... [OPTIONS]"},
    "cluster": {"usage": "Usage: vifex cluster STORE [OPTIONS]"},
    "outliers": {"usage": "Usage: vifex outliers STORE [OPTIONS]"},
    "summarize": {"usage": "Usage: vifex summarize VIDEO|STORE [OPTIONS]"},
    "recommend": {"usage": "Usage: vifex recommend STORE --history FILE [OPTIONS]"},
    "evaluate": {"usage": "Usage: vifex evaluate MODEL DATA [OPTIONS]"},
    "probe": {"usage": "Usage: vifex probe STORE --labels LABELS [OPTIONS]"},
    "classify": {"usage": "Usage: vifex classify STORE --with FOLDER [OPTIONS]"},
    "export": {"usage": "Usage: vifex export STORE -o FILE [OPTIONS]"},
    "import": {"usage": "Usage: vifex import FILE... -o STORE [OPTIONS]"},
    "compress": {"usage": "Usage: vifex compress MODEL -o FILE.xml [OPTIONS]"},
    "advise": {"usage": "Usage: vifex advise FOLDER [OPTIONS]"},
    "diff": {"usage": "Usage: vifex diff A B [OPTIONS]"},
    "bridge": {"usage": "Usage: vifex bridge OLD NEW -o FILE.npz [OPTIONS]"},
    "bench": {"usage": "Usage: vifex bench [MODEL] [OPTIONS]"},
    "train": {"usage": "Usage: vifex train [CONFIG] [OPTIONS]"},
}
"""Usage lines of commands whose arguments the parser would only call ARGS."""
_RESUMED = ("extract", "watch", "import", "fuse", "tree", "train")
"""Commands that resume where they stopped."""

for _title, _commands in _GROUPS.items():
    _group = Group.create_ordered(_title)
    for _place, (_name, _home) in enumerate(_commands.items()):
        app.command(_home, name=_name, group=_group, sort_key=_place, **_USAGE.get(_name, {}))
for _flag in ("--help", "--version"):
    app[_flag].group = (_group,)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit status."""
    if argv is None:
        own_process()
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    words = _dashes_last([w for w in words if w != "--debug"])
    open_streams()
    escape_unencodable()
    with watch_signals() as signals:
        status = _run(words, signals, debug=debug)
    sys.exit(status)


def load_commands() -> None:
    """Import the module of every command: the list of commands shows the first sentence of each."""
    for name in COMMANDS:
        app[name]


def _dashes_last(words: list[str]) -> list[str]:
    """Move a lone `-` (standard input) behind `--`: the parser takes it for an unknown option."""
    end = words.index("--") if "--" in words else len(words)
    options, rest = words[:end], words[end + 1 :]
    dashes = [w for w in options if w == "-"]
    if not dashes:
        return words
    return [*(w for w in options if w != "-"), "--", *dashes, *rest]


def _run(words: list[str], signals: Signals, *, debug: bool) -> int:
    try:
        if not words or words[0] in app.help_flags:
            load_commands()
        status = app(words, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError as exc:
        _say(f"vifex: {one_line(_parse_error(exc, words))}")
        _say("Try `vifex --help`.")
        return 2
    except VifexError as exc:
        if debug:
            raise
        _say(f"vifex: {_sentence(exc)}")
        return 4
    except KeyboardInterrupt as exc:
        _say(f"vifex: {one_line(exc) or _interrupted(words)}")
        return signals.status
    except BrokenPipeError:
        # The reader of the output closed the pipe; Python must not report it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as exc:
        sentence = None if debug else _system_error(exc)
        if sentence is None:
            raise
        _say(f"vifex: {one_line(sentence)}")
        return 4
    return status if isinstance(status, int) else 0


def _parse_error(exc: CycloptsError, words: list[str]) -> str:
    """Give the sentence for a command line that cannot be parsed."""
    if not isinstance(exc, UnusedCliTokensError):
        return " ".join(str(exc).split())
    unused = list(exc.unused_tokens or [])
    if words[0] == "models" and words[1:2] == unused[:1]:
        return f'Unknown command "{unused[0]}". {near(unused[0], MODEL_COMMANDS)}'
    return f"unexpected argument: {' '.join(unused)}"


def _system_error(exc: OSError) -> str | None:
    """Give one sentence for a failure of the system that a user can mend, and `None` for any other."""
    if isinstance(exc, FileNotFoundError) and "temporary directory" in str(exc):
        return "no folder for temporary files is writable. Set TMPDIR to one that is."
    todo = _REMEDIES.get(exc.errno or 0)
    if todo is None:
        return None
    of = f"{exc.filename}: " if exc.filename else ""
    return f"{of}{(exc.strerror or str(exc)).lower()}. {todo}, then run the same command again."


_REMEDIES = {
    errno.ENOSPC: "Free some space (temporary files are in TMPDIR)",
    errno.EDQUOT: "Free some space or have the quota raised",
    errno.EFBIG: "Raise the limit on the size of files (ulimit -f)",
    errno.EROFS: "Choose a folder that is writable (temporary files are in TMPDIR)",
    errno.EACCES: "Change its permissions or choose another path",
    errno.EPERM: "Change its permissions or choose another path",
    errno.EMFILE: "Raise the limit on open files (ulimit -n)",
    errno.ENAMETOOLONG: "Choose a shorter path",
    errno.ENOMEM: "Free some memory",
}
"""What to do first, by the number of the system's error."""


def _interrupted(words: list[str]) -> str:
    """Give the sentence for an interrupt that carries none of its own."""
    kept = " What was finished before is kept; the same command goes on from there."
    return "interrupted." + (kept if set(words[:1]) & set(_RESUMED) else "")


def _sentence(exc: VifexError) -> str:
    """Write an error on one line: what happened, to what, and what to do. A path may hold any character."""
    text = one_line(as_options(exc.sentences))
    return f"{clean(exc.of)}: {text}" if exc.of else text


def _say(text: str) -> None:
    print(fit(text, sys.stderr), file=sys.stderr, flush=True)
