"""Weights of networks that are code: reading checkpoints without running code, applying them, hashing.

A checkpoint is a mapping from name to tensor. This module makes sure that no code in a file runs, and that
the weights belong to the network.
"""

from __future__ import annotations

import hashlib
import pickle
import re
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vifex.values import ModelError
from vifex.values.registry import require

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["apply_state", "load_state", "seed_of", "seeded", "state_sha256"]

_CONTAINERS: Final = ("state_dict", "model_state_dict", "model_state", "model", "net", "params", "weights")
"""Keys under which training scripts store the tensors."""
_WRAPPERS: Final = ("module.", "_orig_mod.")
"""Prefixes that `DataParallel` and `torch.compile` add to every name."""
_SHOWN: Final = 3
_RANDOM: Final = threading.RLock()  # a network of a user may draw parts of its own


def load_state(path: str | Path) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint without running any code in the file.

    Accepted are safetensors, and files of `torch.save` (both formats) with tensors, plain containers,
    numbers, texts, NumPy scalars and `argparse` options. Files with any other class or function are refused,
    such as a whole pickled module, a TorchScript program or a custom optimizer.

    Args:
        path: The file. If it holds more than tensors (`{"epoch": ..., "state_dict": ...}`), the first of
            `state_dict`, `model_state_dict`, `model_state`, `model`, `net`, `params`, `weights` is taken. A
            prefix `module.` (DataParallel) or `_orig_mod.` (torch.compile) of all names is removed.

    Returns:
        Name to tensor, on the CPU, in the file's order and dtypes.

    Raises:
        ModelError: If the file is missing, cannot be read, holds code, or holds no tensors.
        MissingExtraError: If torch is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError("there is no such file of weights.", of=str(path), todo="Check its path.")
    found = _safetensors(path) if path.suffix.lower() == ".safetensors" else _pickled(path)
    return _unwrapped(_tensors(found, path))


def apply_state(module: nn.Module, state: Mapping[str, Tensor], *, of: str) -> None:
    """Load weights into a module, all of them and nothing else.

    Numbers are converted to the module's own dtypes. `num_batches_tracked`, which old checkpoints lack
    and evaluation never reads, may be absent.

    Args:
        module: The network; its mode (training, evaluation) stays as it is.
        state: As `load_state` gives it.
        of: The file or the name of the weights, for messages.

    Raises:
        ModelError: If a key is missing, unexpected or of another shape; the message says which, and how many.
    """
    own = module.state_dict()
    missing = [k for k in own if k not in state and not k.endswith("num_batches_tracked")]
    unexpected = [k for k in state if k not in own]
    misshaped = [
        f"{k} {list(state[k].shape)}, not {list(own[k].shape)}"
        for k in own
        if k in state and state[k].shape != own[k].shape
    ]
    faults = [
        _counted(missing, f"of its {len(own)} keys", "missing"),
        _counted(unexpected, f"of the file's {len(state)} keys", "unknown to it"),
        _counted(misshaped, f"of its {len(own)} keys", "of another shape"),
    ]
    if any(faults):
        raise ModelError(
            f"these are not the weights of a {type(module).__name__} of this size: "
            f"{'; '.join(f for f in faults if f)}.",
            of=of,
            todo="Give the weights of this very architecture, with as many classes.",
        )
    # Only counters, which nothing reads, may still be missing.
    module.load_state_dict(dict(state), strict=False)


def seed_of(weights: str) -> int | None:
    """Return the seed of `random:SEED`; `None` if the weights are something else.

    Raises:
        ModelError: If `random:` is not followed by a whole number of at least 0.
    """
    kind, colon, seed = weights.partition(":")
    if kind != "random" or (not colon and weights != "random"):
        return None
    if not re.fullmatch(r"[0-9]{1,18}", seed):
        raise ModelError(
            f"{weights!r} has no seed.", todo="Write random:SEED with a whole number, e.g. random:0."
        )
    return int(seed)


def seeded(seed: int, make: Callable[[], nn.Module]) -> nn.Module:
    """Make a module with weights drawn from a seed, the same in every process.

    The generators of torch, NumPy and Python start at the seed and are restored afterwards. One module is
    made at a time.

    Args:
        seed: 0 or more.
        make: Gives the module with its initial weights, made on the CPU.
    """
    with _RANDOM, _own_generators(seed):
        return make()


def state_sha256(module: nn.Module, architecture: str) -> str:
    """Return a hash of the architecture's name and of every tensor of a network's state.

    Args:
        module: The network, on any device.
        architecture: Name of its code, e.g. `timm/resnet18`; a change of that code in a later release of a
            library does not change the hash.

    Returns:
        Hexadecimal sha256 over the name, then of each tensor, sorted by key: key, dtype, shape, bytes.
    """
    torch: Any = require("torch", extra="torch", needed_for="a network that is code")
    digest = hashlib.sha256(architecture.encode() + b"\0")
    for key, tensor in sorted(module.state_dict().items()):
        if not isinstance(tensor, torch.Tensor):
            digest.update(repr((key, tensor)).encode())  # extra state, e.g. of a quantised module
            continue
        value = tensor.detach().cpu().contiguous()
        digest.update(repr((key, str(value.dtype), tuple(value.shape))).encode())
        digest.update(memoryview(value.reshape(-1).view(torch.uint8).numpy()))
    return digest.hexdigest()


def _safetensors(path: Path) -> Any:
    reader: Any = require("safetensors.torch", extra="torch", needed_for="a .safetensors file")
    from safetensors import SafetensorError

    try:
        return reader.load_file(path)
    except (SafetensorError, OSError) as exc:
        raise ModelError(
            f"the file is not a complete safetensors file: {exc}.", of=str(path), todo="Fetch it again."
        ) from exc


def _pickled(path: Path) -> Any:
    torch: Any = require("torch", extra="torch", needed_for="a checkpoint")
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_harmless()):
            warnings.simplefilter("ignore")  # on protocols and formats; problems raise errors
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as exc:
        named = re.search(r"GLOBAL ([\w.]+)", str(exc))
        raise ModelError(
            "the checkpoint is a pickle with code in it "
            f"({named.group(1) if named else 'of a kind that is known only by running it'}), which "
            "opening it could run, so it is refused.",
            of=str(path),
            todo="If you trust its source, open it yourself and save only the tensors: "
            "safetensors.torch.save_file(module.state_dict(), 'weights.safetensors').",
        ) from exc
    except (RuntimeError, EOFError, OSError, ValueError, LookupError, TypeError, AttributeError) as exc:
        if "TorchScript" in str(exc):
            raise ModelError(
                "the file is a TorchScript program, not a checkpoint.",
                of=str(path),
                todo="Give it as the model itself with a card beside it, or save its state_dict().",
            ) from exc
        why = (str(exc).strip().splitlines() or ["it ends too early"])[0].split(". ")[0]
        why = "it is in no known format" if isinstance(exc, LookupError) else why
        raise ModelError(
            f"the file is not a complete checkpoint: {why.rstrip('.')}.",
            of=str(path),
            todo="Fetch it again, or give a .safetensors file.",
        ) from exc


def _harmless() -> list[Any]:
    """Return harmless classes that training scripts store beside the tensors.

    NumPy's scalars have other names in each of its two major versions.
    """
    from argparse import Namespace

    import numpy as np
    from numpy._core.multiarray import scalar

    kinds = ("Float64", "Float32", "Int64", "Int32", "Bool")
    return [
        Namespace,
        np.dtype,
        *(getattr(np.dtypes, f"{kind}DType") for kind in kinds),
        (scalar, "numpy.core.multiarray.scalar"),
        (scalar, "numpy._core.multiarray.scalar"),
    ]


def _tensors(found: Any, path: Path) -> dict[str, Tensor]:
    torch: Any = require("torch", extra="torch", needed_for="a checkpoint")
    for _ in range(2):  # some scripts wrap twice: {"model": {"state_dict": ...}}
        if isinstance(found, Mapping):
            inner = next((found[k] for k in _CONTAINERS if isinstance(found.get(k), Mapping)), None)
            found = found if inner is None else inner
    items = dict(found) if isinstance(found, Mapping) else {}
    tensors = {str(k): v for k, v in items.items() if isinstance(v, torch.Tensor)}
    if not tensors or len(tensors) < len(items):
        held = ", ".join(map(str, list(items)[:_SHOWN])) or type(found).__name__
        raise ModelError(
            f"the checkpoint is not a mapping from names to tensors (it holds {held}).",
            of=str(path),
            todo="Save module.state_dict(), alone or under 'state_dict'.",
        )
    return tensors


def _unwrapped(state: dict[str, Tensor]) -> dict[str, Tensor]:
    while prefix := next((p for p in _WRAPPERS if all(k.startswith(p) for k in state)), None):
        state = {k.removeprefix(prefix): v for k, v in state.items()}
    return state


def _counted(keys: list[str], of: str, what: str) -> str:
    if not keys:
        return ""
    named = ", ".join(keys[:_SHOWN]) + (", ..." if len(keys) > _SHOWN else "")
    return f"{len(keys)} {of} {'is' if len(keys) == 1 else 'are'} {what} ({named})"


@contextmanager
def _own_generators(seed: int) -> Iterator[None]:
    import random

    import numpy as np

    torch: Any = require("torch", extra="torch", needed_for="a network that is code")
    python, numpy = random.getstate(), np.random.get_state()
    try:
        # Only the CPU's generator; torch.manual_seed would reset those of every GPU too.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed % (1 << 32))
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
