"""What the files of the AWS command line say about S3, where the environment does not say it."""

from __future__ import annotations

import configparser
import os
from pathlib import Path
from typing import Final

__all__ = ["s3_settings"]

_KEYS: Final = {
    "aws_access_key_id": ("access_key_id", ("AWS_ACCESS_KEY_ID",)),
    "aws_secret_access_key": ("secret_access_key", ("AWS_ACCESS_KEY_ID",)),
    "aws_session_token": ("session_token", ("AWS_ACCESS_KEY_ID",)),
    "region": ("region", ("AWS_REGION", "AWS_DEFAULT_REGION")),
    "endpoint_url": ("endpoint", ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")),
}
"""Names in the files to those of the client, and the variables of which each takes precedence."""


def s3_settings() -> dict[str, str]:
    """Return what the files say under `AWS_PROFILE` and the environment does not, in the client's words."""
    profile = os.environ.get("AWS_PROFILE") or "default"
    home = Path(os.path.expanduser("~")) / ".aws"  # noqa: PTH111 - Path's raises without a home
    said: dict[str, str] = {}
    for variable, name, section in (
        ("AWS_CONFIG_FILE", "config", "default" if profile == "default" else f"profile {profile}"),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", profile),
    ):
        parser = configparser.RawConfigParser()
        try:
            parser.read(os.environ.get(variable) or home / name, encoding="utf-8")
            said |= dict(parser.items(section))
        except (OSError, configparser.Error, UnicodeDecodeError):
            continue
    return {
        ours: said[theirs]
        for theirs, (ours, variables) in _KEYS.items()
        if said.get(theirs) and not any(os.environ.get(name) for name in variables)
    }
