"""A hub on 127.0.0.1, and a visit to it: run by `test_loading.py` in a process of its own.

`python hub_server.py REPOSITORIES CACHE` serves a folder of repositories as huggingface.co does it, loads
one model of each family through its library's own hub code, loads them again with the hub gone, and
prints what came out as JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """`/ORG/NAME/resolve/REVISION/FILE`, with the headers that the hub's library looks for."""

    root = Path()
    asked: list[str] = []  # noqa: RUF012

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def _answer(self, *, body: bool) -> None:
        org, _, rest = self.path.strip("/").partition("/resolve/")
        file = self.root / org / rest.partition("/")[2]
        if body:
            self.asked.append(self.path)
        if not rest or not file.is_file():
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = file.read_bytes()
        self.send_response(200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)


def visit() -> dict[str, str]:
    """Load one model of each family and give the hash of its weights."""
    import open_clip

    from vifex.models.families.libraries import hf, timm
    from vifex.models.families.libraries import open_clip as clip

    open_clip.add_model_config(Path(os.environ["VIFEX_TINY_CLIP"]))
    open_clip.pretrained._PRETRAINED["vifex-tiny"] = {
        "test": open_clip.pretrained._pcfg(hf_hub="timm/tiny-clip/")
    }
    loads = {
        "timm": (timm.FAMILY, "test_resnet.r160_in1k"),
        "hf": (hf.FAMILY, "vifex/vit"),
        "open_clip": (clip.FAMILY, "vifex-tiny/test"),
    }
    return {name: family.load(rest, "pretrained").weights_sha256 for name, (family, rest) in loads.items()}


def failure(name: str) -> dict[str, object]:
    """Say how a model fails that is nowhere, and how long it takes."""
    from vifex.models.families.libraries import hf, timm
    from vifex.values import ModelError

    start = time.monotonic()
    try:
        (hf if name.startswith("vifex/") else timm).FAMILY.load(name, "pretrained")
    except ModelError as exc:
        return {"message": str(exc), "seconds": time.monotonic() - start}
    return {"message": "it loaded", "seconds": 0.0}


def main(root: str, cache: str) -> None:
    Hub.root = Path(root)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # The hub's library reads these when it is first imported.
    os.environ.pop("HF_HUB_OFFLINE", None)
    os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"
    os.environ["HF_HOME"] = cache
    fetched = visit()
    served = list(Hub.asked)
    absent = failure("vifex/nothing")
    server.shutdown()
    server.server_close()
    again = visit()
    out = {
        "fetched": fetched,
        "served": served,
        "again": again,
        "absent": absent,
        "gone": [failure("vifex/other"), failure("test_vit.r160_in1k")],
    }
    print(json.dumps(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
