"""The files of a run, beside its checkpoint.

`config.toml` is the resolved configuration, `environment.json` the machine and the versions, `metrics.csv`
the figures of each epoch, `problems.csv` the examples that could not be used. At the end come `summary.json`,
`report.html`, and `network.json`, `model.safetensors` and `model.vifex.toml`, which together are a model.
"""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from vifex.models.cards import format_card
from vifex.models.families.shared.weights import state_sha256
from vifex.models.run_folders import CARD, WEIGHTS
from vifex.models.trainable import NetworkDescription, write_description
from vifex.training.config import Config, load_config, to_toml
from vifex.training.loop.checkpoints import save_tensors
from vifex.training.loop.files import write_whole
from vifex.values import ModelCard, TrainingError

__all__ = ["RunFolder"]

CONFIG: Final = "config.toml"
METRICS: Final = "metrics.csv"
SUMMARY: Final = "summary.json"
_MAY_CHANGE: Final = {
    ("run", "checkpoint_s"),
    ("run", "log"),
    ("run", "hardest"),
    ("run", "threads"),
    ("data", "workers"),
    ("data", "cache_mb"),
}
"""Keys that decide no weight, so that a resumed run may have others."""
_PACKAGES: Final = ("torch", "torchvision", "timm", "lightning-fabric", "numpy", "pyarrow", "pillow", "av")


class RunFolder:
    """The folder of a run.

    Args:
        path: Made if it is absent.
        config: Of the run.

    Raises:
        TrainingError: If the folder holds another run, or something else.
    """

    def __init__(self, path: Path, config: Config) -> None:
        self.path, self.config = path, config
        if path.exists() and not path.is_dir():
            raise TrainingError("this is a file, not a folder.", of=str(path), todo="Choose another name.")
        if (path / CONFIG).is_file():
            self._check_same(load_config(path / CONFIG))
        elif path.is_dir() and any(path.iterdir()):
            raise TrainingError(
                "the folder holds files and no run.", of=str(path), todo="Choose an empty or a new folder."
            )
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise TrainingError(f"the folder cannot be made: {exc.strerror}.", of=str(path)) from exc
        write_whole(path / CONFIG, to_toml(config, comments=True).encode())

    def _check_same(self, before: Config) -> None:
        for section in fields(Config):
            old, new = getattr(before, section.name), getattr(self.config, section.name)
            for key in fields(old):
                was, now = getattr(old, key.name), getattr(new, key.name)
                if was != now and (section.name, key.name) not in _MAY_CHANGE:
                    raise TrainingError(
                        f"the folder holds a run with {section.name}.{key.name} = {was!r}, and this one has "
                        f"{now!r}.",
                        of=str(self.path),
                        todo="Choose another folder, or give the same configuration to resume.",
                    )

    @property
    def summary(self) -> dict[str, Any] | None:
        """The figures of a finished run; `None` before."""
        place = self.path / SUMMARY
        return json.loads(place.read_text("utf-8")) if place.is_file() else None

    def write_environment(self, facts: Mapping[str, Any]) -> None:
        """Write the machine and the versions of the libraries.

        Args:
            facts: What else is noted, e.g. the device.
        """
        versions = {}
        for name in _PACKAGES:
            try:
                versions[name] = version(name)
            except PackageNotFoundError:
                continue
        data = {
            "python": platform.python_version(),
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "packages": versions,
            "command": sys.argv[1:],
            **facts,
        }
        write_whole(self.path / "environment.json", (json.dumps(data, indent=2) + "\n").encode())

    def write_problems(self, problems: Iterable[tuple[str, str]]) -> None:
        """Write the examples that were left out or are damaged."""
        rows = [*problems]
        if rows:
            write_whole(self.path / "problems.csv", _csv(["name", "reason"], rows))

    def write_metrics(self, history: Sequence[Mapping[str, float]]) -> None:
        """Write the figures of each epoch."""
        names = list(dict.fromkeys(name for row in history for name in row))
        rows = [[row.get(name, "") for name in names] for row in history]
        write_whole(self.path / METRICS, _csv(names, rows))

    def write_model(self, network: Any, description: NetworkDescription, card: ModelCard) -> None:
        """Write the network, its description and its card, which together are a model.

        Args:
            network: With its final weights.
            description: What it is.
            card: Its card, without the hash of the weights.
        """
        save_tensors(self.path / WEIGHTS, network.state_dict())
        write_description(self.path, description)
        digest = state_sha256(network, description.network)
        write_whole(self.path / CARD, format_card(replace(card, sha256=digest)).encode())

    def write_summary(self, figures: Mapping[str, Any]) -> None:
        """Write the figures of the finished run; this file says that it is finished."""
        write_whole(self.path / SUMMARY, (json.dumps(dict(figures), indent=2) + "\n").encode())


def _csv(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return out.getvalue().encode("utf-8", "backslashreplace")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
