"""Vifex: deep features from images and videos, exactly kept and quickly found.

The public names are those of `__all__`. They load on use: importing this package loads no engine, no
store and no decoder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vifex.analysis.bridging.bridge import Bridge, BridgeSide
    from vifex.analysis.bridging.fitting import LinearMap
    from vifex.analysis.bridging.recall import BridgeRecall
    from vifex.analysis.clustering.clusters import Cluster, Clustering
    from vifex.analysis.clustering.fitting import ClusterCount
    from vifex.analysis.clustering.naming import ClusterWord
    from vifex.analysis.comparing.advice import Advice
    from vifex.analysis.comparing.table import ComparedLayer, LayerComparison
    from vifex.analysis.copies.result import CopiedImage, Copies, CopyGroup
    from vifex.analysis.copies.segments.calibration import SegmentThreshold
    from vifex.analysis.copies.segments.videos import CopiedSegment, ImageInVideo, VideoSpan
    from vifex.analysis.copies.threshold import CopyThreshold
    from vifex.analysis.differing.columns import ColumnDifference
    from vifex.analysis.differing.views import MediumChange, StoreDifference, ViewDifference
    from vifex.analysis.issues.issues import Issue, Issues
    from vifex.analysis.outliers.outliers import Outlier, Outliers
    from vifex.analysis.outliers.time_lines import TimeLine, TimeLines, UnusualSpan
    from vifex.analysis.overview.overview import (
        CollectionFacts,
        KindCount,
        NameCount,
        Overview,
        ReasonGroup,
        RunRate,
        SampleRow,
        ViewFacts,
    )
    from vifex.analysis.probing.probing import ProbeFold
    from vifex.analysis.recommending.recommendations import Recommendation, Recommendations
    from vifex.analysis.summaries.summary import KeyFrame, Shot, Summary
    from vifex.api.again import extract_again
    from vifex.api.answers.advising import advise
    from vifex.api.answers.bridging import bridge
    from vifex.api.answers.classified import Classified
    from vifex.api.answers.classifying import classify
    from vifex.api.answers.clustering import cluster
    from vifex.api.answers.comparing import compare_layers
    from vifex.api.answers.copies import copies
    from vifex.api.answers.differing import diff
    from vifex.api.answers.indexing import drop_index, index
    from vifex.api.answers.issues import issues
    from vifex.api.answers.mapping import Map
    from vifex.api.answers.mapping import draw_map as map
    from vifex.api.answers.outlying import outliers, unusual_moments
    from vifex.api.answers.probing import Probe, probe
    from vifex.api.answers.recommending import recommend
    from vifex.api.answers.summarizing import summarize
    from vifex.api.compacting import Compacted, compact
    from vifex.api.compressing import compress
    from vifex.api.deriving import fuse, tree
    from vifex.api.estimating import estimate
    from vifex.api.evaluation.evaluating import evaluate
    from vifex.api.evaluation.retrieval import RetrievalEvaluation, evaluate_retrieval
    from vifex.api.extracting import extract
    from vifex.api.history import StoreRun, history
    from vifex.api.importing import ImportReport, import_features
    from vifex.api.maintaining import Labelled, Removed, label, prune, remove
    from vifex.api.merging import Merged, MergedView, merge
    from vifex.api.models.loaded import LoadedModel, load_model
    from vifex.api.overview import overview
    from vifex.api.relocating import Relocated, relocate
    from vifex.api.repairing import Repaired, repair
    from vifex.api.stored_views import RemovedView, StoredView, remove_view, rename_view, views
    from vifex.api.stores.item import Item
    from vifex.api.stores.store import Store
    from vifex.api.stores.store import open_store as open
    from vifex.api.stores.view import View
    from vifex.api.streaming import stream
    from vifex.api.tagging import StoreTag, remove_tag, tag, tags
    from vifex.api.training import train
    from vifex.api.types import Images, OneImage, OneQuery, Precision, Query, TensorLike, Transform
    from vifex.api.views import Choices, RunOptions, ViewOptions
    from vifex.api.watching import watch
    from vifex.compression import Compression
    from vifex.engines.options import EngineOptions
    from vifex.evaluation.evaluation import Evaluation
    from vifex.extraction.progress import FileInWork, Progress
    from vifex.extraction.streaming import StreamBatch
    from vifex.search.approximate.facts import IndexFacts, IndexSetting, StoredIndex
    from vifex.search.calibrated.threshold import ScoreThreshold
    from vifex.search.combined.values import AllOf, AnyOf, MeanOf, Then, Without
    from vifex.search.hits import Hit
    from vifex.search.moments.moment import Moment
    from vifex.search.timelines.cutting import CutClip
    from vifex.store import (
        CompactedView,
        FileProblem,
        LabelChange,
        MergeConflict,
        ObjectPath,
        TaggedView,
        ViewCheck,
        ViewRepair,
    )
    from vifex.training.progress import TrainingMoment
    from vifex.training.running import TrainingResult
    from vifex.values import (
        AudioInput,
        AudioSpec,
        Box,
        Builder,
        EngineError,
        Fusion,
        FusionInput,
        Imported,
        InputError,
        InstallationError,
        Layer,
        LayerSpec,
        Limits,
        MediaError,
        Medium,
        MissingExtraError,
        Model,
        ModelCard,
        ModelError,
        ModelRef,
        Outcome,
        PixelSpec,
        Processor,
        Recipe,
        Regions,
        Sampling,
        Span,
        StoreError,
        TrainingError,
        Tree,
        UnknownViewError,
        VifexError,
    )
    from vifex.values.reports import Estimate, Interrupted, Problem, Report
    from vifex.values.watch_batches import WatchBatch

__version__ = "0.1.0"

__all__ = [
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

_HOMES = {
    "Advice": ("vifex.analysis.comparing.advice", "Advice"),
    "AllOf": ("vifex.search.combined.values", "AllOf"),
    "AnyOf": ("vifex.search.combined.values", "AnyOf"),
    "AudioInput": ("vifex.values", "AudioInput"),
    "AudioSpec": ("vifex.values", "AudioSpec"),
    "Box": ("vifex.values", "Box"),
    "Bridge": ("vifex.analysis.bridging.bridge", "Bridge"),
    "BridgeRecall": ("vifex.analysis.bridging.recall", "BridgeRecall"),
    "BridgeSide": ("vifex.analysis.bridging.bridge", "BridgeSide"),
    "Builder": ("vifex.values", "Builder"),
    "Choices": ("vifex.api.views", "Choices"),
    "Classified": ("vifex.api.answers.classified", "Classified"),
    "Cluster": ("vifex.analysis.clustering.clusters", "Cluster"),
    "ClusterCount": ("vifex.analysis.clustering.fitting", "ClusterCount"),
    "ClusterWord": ("vifex.analysis.clustering.naming", "ClusterWord"),
    "Clustering": ("vifex.analysis.clustering.clusters", "Clustering"),
    "CollectionFacts": ("vifex.analysis.overview.overview", "CollectionFacts"),
    "ColumnDifference": ("vifex.analysis.differing.columns", "ColumnDifference"),
    "Compacted": ("vifex.api.compacting", "Compacted"),
    "CompactedView": ("vifex.store", "CompactedView"),
    "ComparedLayer": ("vifex.analysis.comparing.table", "ComparedLayer"),
    "Compression": ("vifex.compression", "Compression"),
    "CopiedImage": ("vifex.analysis.copies.result", "CopiedImage"),
    "CopiedSegment": ("vifex.analysis.copies.segments.videos", "CopiedSegment"),
    "Copies": ("vifex.analysis.copies.result", "Copies"),
    "CopyGroup": ("vifex.analysis.copies.result", "CopyGroup"),
    "CopyThreshold": ("vifex.analysis.copies.threshold", "CopyThreshold"),
    "CutClip": ("vifex.search.timelines.cutting", "CutClip"),
    "EngineError": ("vifex.values", "EngineError"),
    "EngineOptions": ("vifex.engines.options", "EngineOptions"),
    "Estimate": ("vifex.values.reports", "Estimate"),
    "Evaluation": ("vifex.evaluation.evaluation", "Evaluation"),
    "FileInWork": ("vifex.extraction.progress", "FileInWork"),
    "FileProblem": ("vifex.store", "FileProblem"),
    "Fusion": ("vifex.values", "Fusion"),
    "FusionInput": ("vifex.values", "FusionInput"),
    "Imported": ("vifex.values", "Imported"),
    "Hit": ("vifex.search.hits", "Hit"),
    "ImageInVideo": ("vifex.analysis.copies.segments.videos", "ImageInVideo"),
    "Images": ("vifex.api.types", "Images"),
    "IndexFacts": ("vifex.search.approximate.facts", "IndexFacts"),
    "IndexSetting": ("vifex.search.approximate.facts", "IndexSetting"),
    "InputError": ("vifex.values", "InputError"),
    "InstallationError": ("vifex.values", "InstallationError"),
    "Interrupted": ("vifex.values.reports", "Interrupted"),
    "Issue": ("vifex.analysis.issues.issues", "Issue"),
    "Issues": ("vifex.analysis.issues.issues", "Issues"),
    "Item": ("vifex.api.stores.item", "Item"),
    "KeyFrame": ("vifex.analysis.summaries.summary", "KeyFrame"),
    "KindCount": ("vifex.analysis.overview.overview", "KindCount"),
    "LabelChange": ("vifex.store", "LabelChange"),
    "Labelled": ("vifex.api.maintaining", "Labelled"),
    "Layer": ("vifex.values", "Layer"),
    "LayerComparison": ("vifex.analysis.comparing.table", "LayerComparison"),
    "LayerSpec": ("vifex.values", "LayerSpec"),
    "Limits": ("vifex.values", "Limits"),
    "LinearMap": ("vifex.analysis.bridging.fitting", "LinearMap"),
    "LoadedModel": ("vifex.api.models.loaded", "LoadedModel"),
    "Map": ("vifex.api.answers.mapping", "Map"),
    "MeanOf": ("vifex.search.combined.values", "MeanOf"),
    "MediaError": ("vifex.values", "MediaError"),
    "Medium": ("vifex.values", "Medium"),
    "MediumChange": ("vifex.analysis.differing.views", "MediumChange"),
    "MergeConflict": ("vifex.store", "MergeConflict"),
    "Merged": ("vifex.api.merging", "Merged"),
    "MergedView": ("vifex.api.merging", "MergedView"),
    "MissingExtraError": ("vifex.values", "MissingExtraError"),
    "Model": ("vifex.values", "Model"),
    "ModelCard": ("vifex.values", "ModelCard"),
    "ModelError": ("vifex.values", "ModelError"),
    "ModelRef": ("vifex.values", "ModelRef"),
    "Moment": ("vifex.search.moments.moment", "Moment"),
    "NameCount": ("vifex.analysis.overview.overview", "NameCount"),
    "OneImage": ("vifex.api.types", "OneImage"),
    "OneQuery": ("vifex.api.types", "OneQuery"),
    "Outcome": ("vifex.values", "Outcome"),
    "Outlier": ("vifex.analysis.outliers.outliers", "Outlier"),
    "ObjectPath": ("vifex.store", "ObjectPath"),
    "Outliers": ("vifex.analysis.outliers.outliers", "Outliers"),
    "Overview": ("vifex.analysis.overview.overview", "Overview"),
    "PixelSpec": ("vifex.values", "PixelSpec"),
    "Precision": ("vifex.api.types", "Precision"),
    "Probe": ("vifex.api.answers.probing", "Probe"),
    "ProbeFold": ("vifex.analysis.probing.probing", "ProbeFold"),
    "Problem": ("vifex.values.reports", "Problem"),
    "Processor": ("vifex.values", "Processor"),
    "Progress": ("vifex.extraction.progress", "Progress"),
    "Query": ("vifex.api.types", "Query"),
    "ReasonGroup": ("vifex.analysis.overview.overview", "ReasonGroup"),
    "Recipe": ("vifex.values", "Recipe"),
    "Recommendation": ("vifex.analysis.recommending.recommendations", "Recommendation"),
    "Recommendations": ("vifex.analysis.recommending.recommendations", "Recommendations"),
    "Regions": ("vifex.values", "Regions"),
    "Repaired": ("vifex.api.repairing", "Repaired"),
    "Relocated": ("vifex.api.relocating", "Relocated"),
    "Removed": ("vifex.api.maintaining", "Removed"),
    "RemovedView": ("vifex.api.stored_views", "RemovedView"),
    "Report": ("vifex.values.reports", "Report"),
    "RetrievalEvaluation": ("vifex.api.evaluation.retrieval", "RetrievalEvaluation"),
    "RunOptions": ("vifex.api.views", "RunOptions"),
    "RunRate": ("vifex.analysis.overview.overview", "RunRate"),
    "SampleRow": ("vifex.analysis.overview.overview", "SampleRow"),
    "Sampling": ("vifex.values", "Sampling"),
    "ScoreThreshold": ("vifex.search.calibrated.threshold", "ScoreThreshold"),
    "SegmentThreshold": ("vifex.analysis.copies.segments.calibration", "SegmentThreshold"),
    "Shot": ("vifex.analysis.summaries.summary", "Shot"),
    "Span": ("vifex.values", "Span"),
    "Store": ("vifex.api.stores.store", "Store"),
    "StoreDifference": ("vifex.analysis.differing.views", "StoreDifference"),
    "StoreError": ("vifex.values", "StoreError"),
    "StoreRun": ("vifex.api.history", "StoreRun"),
    "ImportReport": ("vifex.api.importing", "ImportReport"),
    "StoreTag": ("vifex.api.tagging", "StoreTag"),
    "StoredIndex": ("vifex.search.approximate.facts", "StoredIndex"),
    "StoredView": ("vifex.api.stored_views", "StoredView"),
    "StreamBatch": ("vifex.extraction.streaming", "StreamBatch"),
    "Summary": ("vifex.analysis.summaries.summary", "Summary"),
    "TaggedView": ("vifex.store", "TaggedView"),
    "TensorLike": ("vifex.api.types", "TensorLike"),
    "Then": ("vifex.search.combined.values", "Then"),
    "TimeLine": ("vifex.analysis.outliers.time_lines", "TimeLine"),
    "TimeLines": ("vifex.analysis.outliers.time_lines", "TimeLines"),
    "TrainingError": ("vifex.values", "TrainingError"),
    "TrainingMoment": ("vifex.training.progress", "TrainingMoment"),
    "TrainingResult": ("vifex.training.running", "TrainingResult"),
    "Transform": ("vifex.api.types", "Transform"),
    "Tree": ("vifex.values", "Tree"),
    "UnknownViewError": ("vifex.values", "UnknownViewError"),
    "UnusualSpan": ("vifex.analysis.outliers.time_lines", "UnusualSpan"),
    "VideoSpan": ("vifex.analysis.copies.segments.videos", "VideoSpan"),
    "View": ("vifex.api.stores.view", "View"),
    "ViewCheck": ("vifex.store", "ViewCheck"),
    "ViewRepair": ("vifex.store", "ViewRepair"),
    "ViewDifference": ("vifex.analysis.differing.views", "ViewDifference"),
    "ViewFacts": ("vifex.analysis.overview.overview", "ViewFacts"),
    "ViewOptions": ("vifex.api.views", "ViewOptions"),
    "VifexError": ("vifex.values", "VifexError"),
    "WatchBatch": ("vifex.values.watch_batches", "WatchBatch"),
    "Without": ("vifex.search.combined.values", "Without"),
    "advise": ("vifex.api.answers.advising", "advise"),
    "bridge": ("vifex.api.answers.bridging", "bridge"),
    "classify": ("vifex.api.answers.classifying", "classify"),
    "cluster": ("vifex.api.answers.clustering", "cluster"),
    "compact": ("vifex.api.compacting", "compact"),
    "compare_layers": ("vifex.api.answers.comparing", "compare_layers"),
    "compress": ("vifex.api.compressing", "compress"),
    "copies": ("vifex.api.answers.copies", "copies"),
    "diff": ("vifex.api.answers.differing", "diff"),
    "drop_index": ("vifex.api.answers.indexing", "drop_index"),
    "estimate": ("vifex.api.estimating", "estimate"),
    "evaluate": ("vifex.api.evaluation.evaluating", "evaluate"),
    "evaluate_retrieval": ("vifex.api.evaluation.retrieval", "evaluate_retrieval"),
    "extract_again": ("vifex.api.again", "extract_again"),
    "extract": ("vifex.api.extracting", "extract"),
    "fuse": ("vifex.api.deriving", "fuse"),
    "history": ("vifex.api.history", "history"),
    "import_features": ("vifex.api.importing", "import_features"),
    "index": ("vifex.api.answers.indexing", "index"),
    "issues": ("vifex.api.answers.issues", "issues"),
    "label": ("vifex.api.maintaining", "label"),
    "load_model": ("vifex.api.models.loaded", "load_model"),
    "map": ("vifex.api.answers.mapping", "draw_map"),
    "merge": ("vifex.api.merging", "merge"),
    "open": ("vifex.api.stores.store", "open_store"),
    "outliers": ("vifex.api.answers.outlying", "outliers"),
    "overview": ("vifex.api.overview", "overview"),
    "probe": ("vifex.api.answers.probing", "probe"),
    "prune": ("vifex.api.maintaining", "prune"),
    "recommend": ("vifex.api.answers.recommending", "recommend"),
    "repair": ("vifex.api.repairing", "repair"),
    "relocate": ("vifex.api.relocating", "relocate"),
    "remove": ("vifex.api.maintaining", "remove"),
    "remove_tag": ("vifex.api.tagging", "remove_tag"),
    "remove_view": ("vifex.api.stored_views", "remove_view"),
    "rename_view": ("vifex.api.stored_views", "rename_view"),
    "stream": ("vifex.api.streaming", "stream"),
    "summarize": ("vifex.api.answers.summarizing", "summarize"),
    "tag": ("vifex.api.tagging", "tag"),
    "tags": ("vifex.api.tagging", "tags"),
    "train": ("vifex.api.training", "train"),
    "tree": ("vifex.api.deriving", "tree"),
    "unusual_moments": ("vifex.api.answers.outlying", "unusual_moments"),
    "views": ("vifex.api.stored_views", "views"),
    "watch": ("vifex.api.watching", "watch"),
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'vifex' has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _HOMES[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
