"""Vifex in the same version on all machines."""

from __future__ import annotations

from importlib.metadata import version

from vifex.values import EngineError

__all__ = ["check_same_version"]


def check_same_version(there: str) -> None:
    """Check that this machine of the cluster has the version of the command.

    Raises:
        EngineError: If it has another one.
    """
    here = version("vifex")
    if there != here:
        raise EngineError(
            f"a machine of the cluster has Vifex {here}, and this one has {there}.",
            option="on",
            todo="Install the same version on all machines.",
        )
