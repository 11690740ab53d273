"""What Prometheus reads of a run on a cluster, from the endpoint of a machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import vifex

ray_cluster = pytest.importorskip("ray.cluster_utils")
pytest.importorskip("opentelemetry.exporter.prometheus", reason="ray[default] collects metrics")
parser = pytest.importorskip("prometheus_client.parser")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="several raylets on a machine need Linux")

CLIPS = 6
EVERY_MS = 200


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
def cluster() -> Iterator[tuple[Any, list[int]]]:
    """A head and a machine, and the ports of their endpoints."""
    place = tempfile.mkdtemp(prefix="vr-")
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": place}
    ports = [free_port(), free_port()]
    node = {"object_store_memory": 80_000_000}
    head = {"num_cpus": 0, "include_dashboard": False, "metrics_export_port": ports[0], **node}
    head["_system_config"] = {"metrics_report_interval_ms": EVERY_MS}
    made = ray_cluster.Cluster(initialize_head=True, head_node_args=head)
    try:
        made.add_node(num_cpus=1, metrics_export_port=ports[1], **node)
        yield made, ports
    finally:
        made.shutdown()
        del os.environ["RAY_TMPDIR"]
        shutil.rmtree(place, ignore_errors=True)


def scraped(ports: list[int]) -> dict[tuple[str, str], float]:
    """Return the samples of Vifex by name and status."""
    found: dict[tuple[str, str], float] = {}
    for port in ports:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        for family in parser.text_string_to_metric_families(text):
            for sample in family.samples:
                if "vifex" in sample.name:
                    found[sample.name, sample.labels.get("status", "")] = sample.value
    return found


def test_media_and_rows_are_scraped(
    cluster: tuple[Any, list[int]], shared_media: Path, tmp_path: Path
) -> None:
    made, ports = cluster
    media = tmp_path / "media"
    media.mkdir()
    for number in range(CLIPS):
        shutil.copy(shared_media / "good" / "clip-h264-ducks.mp4", media / f"{number}.mp4")
    shutil.copy(shared_media / "good" / "sound-wav.wav", media / "0.wav")
    store = tmp_path / "lib.vifex"
    command = [sys.executable, "-m", "vifex", "extract", media, "-o", store, "--on", "ray", "--fps", "8"]
    run = subprocess.Popen(list(map(str, command)), env={**os.environ, "RAY_ADDRESS": made.address})
    seen: dict[tuple[str, str], float] = {}
    while run.poll() is None:
        seen |= scraped(ports)
        time.sleep(EVERY_MS / 1000)
    assert run.returncode == 0
    rows = vifex.open(store)["main"].to_arrow().num_rows
    counted = {key: value for key, value in seen.items() if key[0].startswith("ray_vifex")}
    assert 0 < counted["ray_vifex_media_total", "ok"] <= CLIPS, counted
    assert counted["ray_vifex_media_total", "skipped"] == 1
    assert 0 < counted["ray_vifex_rows_total", ""] <= rows
    assert counted["ray_vifex_run_media_found", ""] == CLIPS + 1
    assert ("ray_vifex_media_in_work", "") in counted
