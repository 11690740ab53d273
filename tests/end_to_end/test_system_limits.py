"""Limits of the system, paths that no store can have: one sentence, and the store as of its last commit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="limits and name spaces of Unix")


LIMITED = """
import resource, sys
from vifex.cli.app import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]) << 10,) * 2)
main(sys.argv[2:])
"""


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from PIL import Image

    folder = tmp_path_factory.mktemp("media")
    for i in range(12):
        Image.linear_gradient("L").rotate(29 * i).convert("RGB").save(folder / f"{i:02d}.png")
    return folder


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 4, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("vifex: ")
    return line


@pytest.mark.parametrize("limit_kib", [4, 6, 16, 1000])
def test_a_limit_on_the_size_of_files(
    limit_kib: int, media: Path, tmp_path: Path, vifex_command: Command
) -> None:
    store = tmp_path / "s.vifex"
    assert vifex_command("extract", media / "00.png", "-o", store, "-q").returncode == 0

    words = [sys.executable, "-c", LIMITED, str(limit_kib), "extract", str(media), "-o", str(store), "-q"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert "ulimit -f" in (said := one_sentence(done)) or "would grow beyond" in said
    shown = json.loads(vifex_command("show", store, "--json").stdout)
    assert shown["views"][0]["media"] == {"ok": 1}
    assert vifex_command("check", store).returncode == 0
    assert vifex_command("extract", media, "-o", store, "-q").returncode == 0
    shown = json.loads(vifex_command("show", store, "--json").stdout)
    assert shown["views"][0]["media"] == {"ok": 12}


@pytest.mark.parametrize("name", ["a\nb.vifex", "new/a\tb.vifex", "az://b/x.vifex", "gs://b/x", "http://h/x"])
def test_paths_that_no_store_can_have(name: str, media: Path, tmp_path: Path, vifex_command: Command) -> None:
    for words in (["extract", media, "-o", name], ["show", name], ["search", name, "row:x"], ["check", name]):
        said = one_sentence(vifex_command(*words, cwd=tmp_path))
        assert "may hold no line breaks" in said or "cannot lie at an address of" in said
    assert not list(tmp_path.iterdir())


def test_no_folder_for_temporary_files(media: Path, tmp_path: Path) -> None:
    """All folders where they may lie are read-only, and there is no cache."""
    unshare = shutil.which("unshare")
    mounts = "; ".join(f"mount -t tmpfs -o ro none {f}" for f in ("/tmp", "/var/tmp", "/dev/shm"))
    if tmp_path.is_relative_to("/tmp"):
        mounts = f"mount --bind {tmp_path} /mnt; mount --bind {media} /srv; {mounts}"
        store, source = "/mnt/s.vifex", "/srv"
    else:
        store, source = str(tmp_path / "s.vifex"), str(media)
    probe = [str(unshare), "-Urm", "sh", "-e", "-c", mounts.replace("; ", "\n")]
    if unshare is None or subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        pytest.skip("no folders can be mounted here without rights")
    command = f"{mounts}; cd /proc; exec {sys.executable} -m vifex extract {source} -o {store} -q"
    done = subprocess.run(
        [unshare, "-Urm", "sh", "-c", command],
        env={**os.environ, "TMPDIR": "/nowhere", "VIFEX_CACHE": "/proc/no-cache"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, 4), done.stderr
    if done.returncode == 4:
        assert "no folder for temporary files is writable. Set TMPDIR to one that is." in one_sentence(done)


@pytest.mark.parametrize(("words", "status"), [((), 0), (("--precision", "int8"), 4)])
def test_a_run_needs_no_temporary_folder_or_says_so(
    media: Path, tmp_path: Path, words: tuple[str, ...], status: int
) -> None:
    """As on a machine where Python finds no folder for temporary files; only int8 needs one."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import tempfile\ntempfile._candidate_tempdir_list = lambda: ['/proc/nowhere']\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "vifex", "extract", media, "-o", tmp_path / "s.vifex", "-q", *words],
        env={**os.environ, "PYTHONPATH": str(site), "VIFEX_CACHE": "/proc/no-cache"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    if status:
        assert "no folder for temporary files is writable" in one_sentence(done)
