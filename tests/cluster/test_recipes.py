"""The recipes for Slurm, Kubernetes and AWS, as far as they can be tested without those."""

from __future__ import annotations

import importlib.resources
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray")
jsonschema = pytest.importorskip("jsonschema")
yaml = pytest.importorskip("yaml")

RECIPES = Path(__file__).parents[2] / "recipes" / "cluster"
RAY = Path(sys.executable).with_name("ray")


def test_the_job_of_slurm_starts_ray_on_all_its_machines(tmp_path: Path) -> None:
    """Commands that stand in for Slurm's print what they are called with."""
    for name, text in {
        "scontrol": 'test "$*" = "show hostnames a[1-3]" && printf "a1\\na2\\na3\\n"',
        "srun": 'printf "%s\\n" "$@"',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SLURM_JOB_NODELIST": "a[1-3]",
        "SLURM_JOB_NUM_NODES": "3",
    }
    command = ["bash", str(RECIPES / "slurm.sh"), "my photos", "lib.vifex", "--fps", "2"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    words = done.stdout.splitlines()
    assert words[:4] == ["--nodes=3", "--ntasks=3", "ray", "symmetric-run"]
    assert words[4:8] == ["--address", "a1:6379", "--min-nodes", "3"]
    assert words[8:] == ["--", *shlex.split("vifex extract 'my photos' -o lib.vifex --on ray --fps 2")]


def test_the_command_that_slurm_runs_is_one_of_ray() -> None:
    done = subprocess.run([RAY, "symmetric-run", "--help"], capture_output=True, text=True, check=True)
    assert {"--address", "--min-nodes"} <= set(re.findall(r"--[\w-]+", done.stdout))


def test_the_file_for_aws_is_what_rays_launcher_takes() -> None:
    schema = json.loads((importlib.resources.files("ray") / "autoscaler" / "ray-schema.json").read_text())
    given = yaml.safe_load((RECIPES / "aws.yaml").read_text())
    jsonschema.validate(given, schema)
    assert given["head_node_type"] in given["available_node_types"]


def test_the_machines_of_kubernetes_are_alike_and_the_head_computes_nothing() -> None:
    given = yaml.safe_load((RECIPES / "kubernetes.yaml").read_text())
    cluster = given["spec"]["rayClusterSpec"]
    head, (shards,) = cluster["headGroupSpec"], cluster["workerGroupSpecs"]
    assert head["rayStartParams"] == {"num-cpus": "0"}
    pods = [group["template"]["spec"] for group in (head, shards)]
    assert len({pod["containers"][0]["image"] for pod in pods}) == 1
    assert all(
        pod["containers"][0]["volumeMounts"] == pods[0]["containers"][0]["volumeMounts"] for pod in pods
    )
    assert given["spec"]["entrypoint"].startswith("vifex extract ")
    version = cluster["rayVersion"]
    assert f"rayproject/ray:{version}-" in (RECIPES / "Dockerfile").read_text()
    assert f"=={version}'" in (RECIPES / "aws.yaml").read_text()
