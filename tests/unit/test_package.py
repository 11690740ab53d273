"""The package's surface: its public names, and what importing it does not load."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires

import pytest
from packaging.requirements import Requirement

import vifex

HEAVY = ("numpy", "openvino", "lance", "pyarrow", "av", "PIL", "sklearn", "torch")


def test_public_names_are_the_reviewed_list() -> None:
    assert vifex.__all__ == [
        "Advice",
        "AllOf",
        "AnyOf",
        "AudioInput",
        "AudioSpec",
        "Box",
        "Bridge",
        "BridgeRecall",
        "BridgeSide",
        "Builder",
        "Choices",
        "Classified",
        "Cluster",
        "ClusterCount",
        "ClusterWord",
        "Clustering",
        "CollectionFacts",
        "ColumnDifference",
        "Compacted",
        "CompactedView",
        "ComparedLayer",
        "Compression",
        "CopiedImage",
        "CopiedSegment",
        "Copies",
        "CopyGroup",
        "CopyThreshold",
        "CutClip",
        "EngineError",
        "EngineOptions",
        "Estimate",
        "Evaluation",
        "FileInWork",
        "FileProblem",
        "Fusion",
        "FusionInput",
        "Hit",
        "ImageInVideo",
        "Images",
        "ImportReport",
        "Imported",
        "IndexFacts",
        "IndexSetting",
        "InputError",
        "InstallationError",
        "Interrupted",
        "Issue",
        "Issues",
        "Item",
        "KeyFrame",
        "KindCount",
        "LabelChange",
        "Labelled",
        "Layer",
        "LayerComparison",
        "LayerSpec",
        "Limits",
        "LinearMap",
        "LoadedModel",
        "Map",
        "MeanOf",
        "MediaError",
        "Medium",
        "MediumChange",
        "MergeConflict",
        "Merged",
        "MergedView",
        "MissingExtraError",
        "Model",
        "ModelCard",
        "ModelError",
        "ModelRef",
        "Moment",
        "NameCount",
        "ObjectPath",
        "OneImage",
        "OneQuery",
        "Outcome",
        "Outlier",
        "Outliers",
        "Overview",
        "PixelSpec",
        "Precision",
        "Probe",
        "ProbeFold",
        "Problem",
        "Processor",
        "Progress",
        "Query",
        "ReasonGroup",
        "Recipe",
        "Recommendation",
        "Recommendations",
        "Regions",
        "Relocated",
        "Removed",
        "RemovedView",
        "Repaired",
        "Report",
        "RetrievalEvaluation",
        "RunOptions",
        "RunRate",
        "SampleRow",
        "Sampling",
        "ScoreThreshold",
        "SegmentThreshold",
        "Shot",
        "Span",
        "Store",
        "StoreDifference",
        "StoreError",
        "StoreRun",
        "StoreTag",
        "StoredIndex",
        "StoredView",
        "StreamBatch",
        "Summary",
        "TaggedView",
        "TensorLike",
        "Then",
        "TimeLine",
        "TimeLines",
        "TrainingError",
        "TrainingMoment",
        "TrainingResult",
        "Transform",
        "Tree",
        "UnknownViewError",
        "UnusualSpan",
        "VideoSpan",
        "View",
        "ViewCheck",
        "ViewDifference",
        "ViewFacts",
        "ViewOptions",
        "ViewRepair",
        "VifexError",
        "WatchBatch",
        "Without",
        "__version__",
        "advise",
        "bridge",
        "classify",
        "cluster",
        "compact",
        "compare_layers",
        "compress",
        "copies",
        "diff",
        "drop_index",
        "estimate",
        "evaluate",
        "evaluate_retrieval",
        "extract",
        "extract_again",
        "fuse",
        "history",
        "import_features",
        "index",
        "issues",
        "label",
        "load_model",
        "map",
        "merge",
        "open",
        "outliers",
        "overview",
        "probe",
        "prune",
        "recommend",
        "relocate",
        "remove",
        "remove_tag",
        "remove_view",
        "rename_view",
        "repair",
        "stream",
        "summarize",
        "tag",
        "tags",
        "train",
        "tree",
        "unusual_moments",
        "views",
        "watch",
    ]
    assert sorted(dir(vifex)) == sorted(vifex.__all__)


ALIASES = ("Precision", "Transform")
"""Types without a docstring that Python can show; `vifex.api.types` says what they are."""


@pytest.mark.parametrize("name", [n for n in vifex.__all__ if n not in ("__version__", *ALIASES)])
def test_every_public_name_loads_and_is_documented(name: str) -> None:
    assert getattr(vifex, name).__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'extrakt'"):
        _ = vifex.extrakt  # type: ignore[attr-defined]


def test_public_names_survive_the_import_of_their_modules() -> None:
    """A module of the same name as a public function would take its place."""
    code = (
        "import vifex, vifex.api.extracting, vifex.api.stores.store, vifex.api.models.loaded\n"
        "import vifex.search.find\n"
        "assert callable(vifex.extract) and callable(vifex.open) and callable(vifex.load_model)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "code",
    [
        "import vifex",
        "import vifex.cli as c\ntry:\n c.main(['--help'])\nexcept SystemExit: pass",
    ],
    ids=["import", "help"],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    code += f"\nimport sys\nprint('LOADED', [m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_a_bare_install_stays_small() -> None:
    """It brings at most 32 packages, and no torch."""
    found: set[str] = set()
    waiting = ["vifex"]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            lines = requires(name) or []
        except PackageNotFoundError:
            continue  # a requirement of another system
        found.add(name)
        wanted = [Requirement(line) for line in lines]
        waiting += [
            r.name.lower().replace("_", "-")
            for r in wanted
            if r.marker is None or r.marker.evaluate({"extra": ""})
        ]
    found.remove("vifex")
    assert len(found) <= 32, sorted(found)
    assert "torch" not in found


def test_a_run_s_own_process_does_not_import_a_decoder() -> None:
    code = "import sys, vifex; vifex.extract; sys.exit('av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
