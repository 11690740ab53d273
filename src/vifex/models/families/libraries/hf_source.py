"""The source of a network of transformers: a repository on the hub or a folder, and its contents."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vifex.models.families.libraries.hf_catalogue import CATALOGUE
from vifex.models.families.shared.hub import hub_address, locally_first, reading
from vifex.values import ModelError
from vifex.values.registry import near, require

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Source", "transformers"]

_REPOSITORY: Final = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


def transformers() -> Any:
    """Return the library transformers.

    Raises:
        MissingExtraError: If it is not installed.
    """
    require("torch", extra="torch", needed_for="a network of transformers")
    return require("transformers", extra="hf", needed_for="a network of transformers")


@dataclass(frozen=True)
class Source:
    """A repository or a folder with a network."""

    name: str
    """`ORG/NAME`, `ORG/NAME@REVISION`, or a folder's full path."""
    folder: Path | None

    @classmethod
    def of(cls, name: str) -> Source:
        """Find what a name means: an existing folder with a configuration comes before the hub.

        Raises:
            ModelError: If it is neither a folder nor can be a repository's name.
        """
        folder = Path(name).expanduser()
        if (folder / "config.json").is_file():
            return cls(str(folder.absolute()), folder.absolute())
        if not _REPOSITORY.fullmatch(name) or name.startswith("."):
            known = [entry[0] for entry in CATALOGUE]
            raise ModelError(
                f"there is no model {'hf/' + name!r}.",
                todo=f"{near(name, known)}Write hf/ORG/NAME as on huggingface.co, or hf/ and the path of a "
                "folder with a config.json.",
            )
        return cls(name, None)

    @property
    def display_name(self) -> str:
        """The model's name."""
        return f"hf/{self.name}"

    @cached_property
    def config(self) -> Any:
        """The network's configuration.

        Raises:
            ModelError: If it cannot be read or fetched, or the library does not know its kind.
        """
        library = transformers()
        try:
            return self._get(library.AutoConfig.from_pretrained, "its settings")
        except ModelError as exc:
            known = [entry[0] for entry in CATALOGUE]
            hint = near(self.name, [k for k in known if k != self.name]) if self.folder is None else ""
            raise ModelError(exc.what, of=exc.of, todo=f"{hint}{exc.todo or ''}") from exc
        except (ValueError, KeyError) as exc:
            raise ModelError(
                f"transformers {library.__version__} does not know its kind, or it brings code of its own, "
                "which is not run.",
                of=self.display_name,
                todo="Take a network that transformers itself has, or a newer transformers.",
            ) from exc

    @cached_property
    def frames(self) -> int | None:
        """Frames per input of a network for videos, `None` for images."""
        for name in ("num_frames", "frames_per_clip"):
            count = getattr(self.config, name, None)
            if isinstance(count, int):
                return count
        return None

    def processor(self) -> Any:
        """Return the processor that makes its pixels.

        Raises:
            ModelError: If it cannot be read or fetched.
        """
        library = transformers()
        if self.frames is None:
            return self._get(library.AutoImageProcessor.from_pretrained, "its settings of pixels")
        return self._get(library.AutoVideoProcessor.from_pretrained, "its settings of pixels")

    def hearing(self) -> Any:
        """Return the feature extractor that makes its input from sound.

        Raises:
            ModelError: If it cannot be read or fetched.
        """
        with warnings.catch_warnings():
            # The library's own settings for AST leave the narrowest bands empty, and it says so each time.
            warnings.filterwarnings("ignore", "At least one mel filter")
            return self._get(transformers().AutoFeatureExtractor.from_pretrained, "its settings of sound")

    def tokenizer(self) -> Any:
        """Return its tokenizer.

        Raises:
            ModelError: If it cannot be read or fetched.
        """
        return self._get(transformers().AutoTokenizer.from_pretrained, "the words of its tokenizer")

    def load(self, kind: Any, *, state: Mapping[str, Tensor] | None = None, file: str = "") -> Any:
        """Make the network with its weights.

        Args:
            kind: Class of transformers, or one of its `Auto` classes.
            state: Weights to use instead of its own.
            file: Where these weights come from, for messages.

        Raises:
            ModelError: If its weights cannot be read or fetched, or the given ones belong to another network.
        """
        options = {"config": self.config, "output_loading_info": True}
        with _quiet():
            if state is None:
                network, info = self._get(
                    lambda p, **o: kind.from_pretrained(p, **options, **o), "its weights"
                )
            else:
                kind = _resolved(kind, self.config)
                with reading(file, of=self.display_name):
                    network, info = kind.from_pretrained(None, state_dict=dict(state), **options)
        return _whole_or_none(network, info, file or self.display_name)

    def licence(self) -> str:
        """Return the licence that its model card (`README.md`) or the catalogue names, else `unknown`."""
        text = self._read_me()
        named = re.search(r"^license(?:_name)?:[ \t]*(\S+)[ \t]*$", text.partition("\n---")[0], re.MULTILINE)
        if named and named[1] != "other":
            return named[1]
        plain = self.name.partition("@")[0]
        return next((terms for name, _, terms, _ in CATALOGUE if name == plain), "unknown")

    def provenance(self) -> str:
        """Return where it comes from, for the card."""
        if self.folder is not None:
            return f"the folder {self.folder}"
        commit = getattr(self.config, "_commit_hash", None)
        return f"{hub_address(self.name)}" + (f" at {commit}" if commit else "")

    def _read_me(self) -> str:
        place: Any = self.folder and self.folder / "README.md"
        if self.folder is None:
            hub: Any = require("huggingface_hub", extra="torch", needed_for="fetching weights")
            place = hub.try_to_load_from_cache(self.name.partition("@")[0], "README.md")
        path = Path(place) if isinstance(place, (str, Path)) else None
        return path.read_text(encoding="utf-8", errors="replace") if path and path.is_file() else ""

    def _get(self, load: Any, what: str) -> Any:
        # By default the library asks on a terminal whether code in the repository may run.
        load = partial(load, trust_remote_code=False)
        if self.folder is not None:
            try:
                return load(str(self.folder), local_files_only=True)
            except (OSError, RuntimeError) as exc:
                raise ModelError(
                    f"{what} cannot be read from this folder ({str(exc).splitlines()[0].rstrip('.')}).",
                    of=str(self.folder),
                    todo="Write it again with save_pretrained, and the processor too.",
                ) from exc
        name, _, revision = self.name.partition("@")
        options = {"revision": revision} if revision else {}
        return locally_first(
            lambda local: load(name, local_files_only=local, **options),
            hub_address(name),
            of=self.display_name,
            what=what,
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the library's progress bars and reports about keys; problems raise errors."""
    log: Any = require("transformers.utils.logging", extra="hf", needed_for="a network of transformers")
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()


def _resolved(kind: Any, config: Any) -> Any:
    mapping = getattr(kind, "_model_mapping", None)
    if mapping is None:
        return kind
    found = mapping[type(config)]
    return found[0] if isinstance(found, (list, tuple)) else found


def _whole_or_none(network: Any, info: Mapping[str, Any], of: str) -> Any:
    """Refuse a network with an untrained part; drop a pooler that is not in the checkpoint."""
    missing = sorted(info["missing_keys"])
    rest = [key for key in missing if not key.startswith("pooler.") and ".pooler." not in key]
    if rest or info.get("mismatched_keys"):
        wrong = rest or [str(key[0]) for key in info["mismatched_keys"]]
        raise ModelError(
            f"these are not the weights of a {type(network).__name__} of this size: {len(wrong)} of its "
            f"{len(network.state_dict())} keys are missing or of another shape "
            f"({', '.join(wrong[:3])}{', ...' if len(wrong) > 3 else ''}).",
            of=of,
            todo="Give the weights of this very architecture, with as many classes.",
        )
    if missing and hasattr(network, "pooler"):
        network.pooler = None
    return network
