"""The command `vifex`: words in, calls of the public functions, exit status out.

Exit status: 0 all well; 2 the command line is wrong; 3 done, but some media failed or are partial, or a
check found damage; 4 the run could not be done; 130 interrupted, 143 ended by SIGTERM, 129 by SIGHUP, all
resumable.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from vifex import __version__
from vifex.cli.interrupts import Signals, watch_signals
from vifex.cli.output import clean, escape_unencodable, fit, one_line, open_streams
from vifex.cli.wording import as_options
from vifex.values import VifexError

__all__ = ["COMMANDS", "app", "main"]

app = App(
    name="vifex",
    help="Deep features from images and videos: extract, keep, search.",
    version=__version__,
    help_format="plaintext",
    suppress_keyboard_interrupt=False,  # an interrupt is told of here
)

# Each command's module imports what it needs when it runs, so that `--help` stays quick.
COMMANDS = {
    "extract": ("vifex.cli.extracting:extract", "Turn images and videos into features; resumes by itself."),
    "show": ("vifex.cli.showing:show", "Tell what is in a store, and what failed and why."),
    "search": ("vifex.cli.searching:search", "Print the stored rows nearest to a query, exactly."),
    "fuse": ("vifex.cli.deriving:fuse", "Make a view of rows fused from other views of a store."),
    "tree": ("vifex.cli.deriving:tree", "Make views of shots, scenes and whole videos from one of frames."),
    "export": ("vifex.cli.exporting:export", "Write rows and vectors to npy, npz, parquet or csv."),
    "check": ("vifex.cli.checking:check", "Read every file of a store and tell what is damaged."),
    "models": ("vifex.cli.models:models", "List the networks that are known by name; show or fetch one."),
    "layers": ("vifex.cli.models:layers", "List every layer that features can be read from."),
    "bench": ("vifex.cli.benching:bench", "Print what each precision of a network gains and costs."),
    "cache": ("vifex.cli.caching:cache", "Tell the place and the size of the cache, or empty it."),
    "card": ("vifex.cli.models:card", "Draft the card that a model file needs beside it."),
}
_RESUMED = ("extract", "fuse", "tree")
"""Commands that go on where they stopped."""

for _name, (_home, _help) in COMMANDS.items():
    app.command(_home, name=_name, help=_help)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    words = _dashes_last([w for w in words if w != "--debug"])
    open_streams()
    escape_unencodable()
    with watch_signals() as signals:
        status = _run(words, signals, debug=debug)
    sys.exit(status)


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
        status = app(words, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError as exc:
        _say(f"vifex: {one_line(' '.join(str(exc).split()))}")
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
        # The reader of our output left; Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as exc:
        told = None if debug else _told_by_system(exc)
        if told is None:
            raise
        _say(f"vifex: {one_line(told)}")
        return 4
    return status if isinstance(status, int) else 0


def _told_by_system(exc: OSError) -> str | None:
    """One sentence for a failure of the system that a user can mend; `None` for any other."""
    if isinstance(exc, FileNotFoundError) and "temporary directory" in str(exc):
        return "no folder for temporary files can be written. Name one that can be, in TMPDIR."
    todo = _MENDED.get(exc.errno or 0)
    if todo is None:
        return None
    of = f"{exc.filename}: " if exc.filename else ""
    return f"{of}{(exc.strerror or str(exc)).lower()}. {todo}, then run the same command again."


_MENDED = {
    errno.ENOSPC: "Free some space (temporary files lie where TMPDIR says)",
    errno.EDQUOT: "Free some space or have the quota raised",
    errno.EFBIG: "Raise the limit on the size of files (ulimit -f)",
    errno.EROFS: "Choose a folder that can be written (temporary files lie where TMPDIR says)",
    errno.EACCES: "Change its permissions or choose another path",
    errno.EPERM: "Change its permissions or choose another path",
    errno.EMFILE: "Raise the limit on open files (ulimit -n)",
    errno.ENAMETOOLONG: "Choose a shorter path",
    errno.ENOMEM: "Free some memory",
}
"""What to do first, by the system's number."""


def _interrupted(words: list[str]) -> str:
    """What to say where nothing is known of what was in work."""
    kept = " What was finished before is kept; the same command goes on from there."
    return "interrupted." + (kept if set(words[:1]) & set(_RESUMED) else "")


def _sentence(exc: VifexError) -> str:
    """What happened, to what, and what to do, on one line: a path may hold anything."""
    text = one_line(as_options(" ".join(filter(None, (exc.what, exc.todo)))))
    return f"{clean(exc.of)}: {text}" if exc.of else text


def _say(text: str) -> None:
    print(fit(text, sys.stderr), file=sys.stderr, flush=True)
