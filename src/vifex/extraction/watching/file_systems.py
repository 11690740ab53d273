"""File systems whose files other machines change without a notification."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

__all__ = ["network_file_system"]

_MOUNTS: Final = Path("/proc/self/mounts")
_KINDS: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs", "ncpfs"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse", "fuse.davfs"}
)


def network_file_system(folder: str, mounts: str | None = None) -> str | None:
    """Return the kind of the network file system that a folder lies on; `None` for others and unknown ones.

    Args:
        folder: An absolute path.
        mounts: The table of mounts as Linux gives it; by default that of this process, where there is one.
    """
    if mounts is None:
        try:
            mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return None
    real, found, longest = os.path.realpath(folder), "", 0
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        # Spaces and the like in a name are written as octal numbers.
        place = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[1])
        below = place if place.endswith("/") else f"{place}/"
        if f"{real}/".startswith(below) and len(below) >= longest:
            found, longest = fields[2], len(below)
    return found if found in _KINDS else None
