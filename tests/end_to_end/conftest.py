"""The demo's media, made once for all tests of the documentation."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "demo.py"


@pytest.fixture(scope="session")
def demo_script() -> ModuleType:
    """`scripts/demo.py` as a module."""
    spec = importlib.util.spec_from_file_location("vifex_demo", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def demo_media(demo_script: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `demo` with `media/` and `query.jpg`, as `make demo` leaves them. Do not write into it.

    The first worker makes it, which takes 10 s of processor time, and the others find it.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / "demo-media" / "demo"
    folder.parent.mkdir(exist_ok=True)
    with folder.with_name("lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        demo_script.make_media(folder)
        if not (folder / "query.jpg").exists():
            demo_script.write_query(folder / "query.jpg")
    return folder


@pytest.fixture
def page_folder(demo_media: Path, tmp_path: Path) -> Path:
    """An empty folder with a `demo/` of its own, where a page's commands are run."""
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "media").mkdir()
    for file in (demo_media / "media").iterdir():
        (tmp_path / "demo" / "media" / file.name).hardlink_to(file)
    (tmp_path / "demo" / "query.jpg").hardlink_to(demo_media / "query.jpg")
    return tmp_path
