"""The command line: a thin shell over the public functions."""

from vifex.cli.app import main

__all__ = ["main"]
