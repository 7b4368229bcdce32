"""The tables of published numbers that come with this package, and what each of their lines says of a run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from leaderboards.schema import MetricRow

Row = Mapping[str, str]

CLASSIFICATION, SEGMENTATION = "geobench-classification-v1.0", "geobench-segmentation-v1.0"
EARLIER_SEGMENTATION = "geobench-segmentation-v0.4"
"""Its splits are not those of v1.0: never to be ranked together."""
GEOBENCH_2, TORCHGEO = "geobench-2", "torchgeo-bench"
"""The datasets of GEO-Bench-2, and those that torchgeo-bench has besides."""


@dataclass(frozen=True)
class Table:
    """A file of published numbers."""

    file: str
    source: str
    licence: str | None
    """None: facts read from a publication."""
    to_run: Callable[[Row], dict[str, Any]]
    """Fields of RunRow that a line decides."""
    to_metrics: Callable[[Row, str], list[MetricRow]]
    """The line's numbers, given the name of its metric."""
    about: tuple[str, ...]
    """Columns that go to the provenance as they are."""
    remarks: Callable[[Row], dict[str, Any]] = lambda line: {}
    """Further entries of the provenance, which stand before all others."""


def _metric(split: Any, metric: str, value: str, low: str | None = None, high: str | None = None) -> MetricRow:
    return MetricRow(
        split=split,
        metric=metric,
        value=float(value),
        ci_low=float(low) if low else None,
        ci_high=float(high) if high else None,
    )


_MMEARTH_SUITES = {"m-cashew-plant": SEGMENTATION, "m-SA-crop-type": SEGMENTATION}
_COMPARABLE = {
    "mp_mae": ["mp_mae", "mp_mae_published"],
    "imagenet_mae": ["imagenet_mae", "imagenet_mae_published"],  # the latter is the very checkpoint of the table
}
"""Names of ours that a published backbone may be compared with, where there are several."""


def _mmearth_protocol(line: Row) -> str:
    """Ours with the settings of theirs: the figure's probes have batches of 32, of 8 for m-eurosat."""
    if line["protocol"] == "fine_tune":
        return "fine_tune_published"
    if line["read_from"] == "table":
        return "linear_probe_sgd"
    return "linear_probe_sgd_8" if line["dataset"] == "m-eurosat" else "linear_probe_sgd_32"


def _mmearth_run(line: Row) -> dict[str, Any]:
    return {
        "suite": _MMEARTH_SUITES.get(line["dataset"], CLASSIFICATION),
        "dataset": line["dataset"],
        "backbone": line["backbone"],
        "protocol": _mmearth_protocol(line),
        "partition": line["partition"],
        "metric": line["metric"],
        "configuration": {"comparable_backbones": _COMPARABLE.get(line["backbone"], [line["backbone"]])},
    }


_TORCHGEO_PROTOCOLS = {
    "knn5": "torchgeo_knn5",
    "linear": "torchgeo_linear",  # refitted on train and valid
    "seg-linear": "torchgeo_seg_linear",
    "seg-conv_block": "torchgeo_seg_conv_block",
    "seg-fpn": "torchgeo_seg_fpn",
    "seg-dpt": "torchgeo_seg_dpt",
}
_TORCHGEO_METRICS = {"accuracy": "accuracy", "micro_mAP": "ap_micro", "mIoU": "miou"}
_NOT_OF_GEOBENCH = ("eurosat", "eurosat-spatial", "resisc45")
_MISNAMED = ("benv2", "treesatai")
"""Their files, or the reader of them, exchange names of radar and aerial bands."""


def _torchgeo_suite(dataset: str) -> str:
    if dataset.startswith("m-"):
        return CLASSIFICATION
    return TORCHGEO if dataset in _NOT_OF_GEOBENCH else GEOBENCH_2


def _torchgeo_run(line: Row) -> dict[str, Any]:
    size = line["image_size"]
    return {
        "suite": _torchgeo_suite(line["dataset"]),
        "dataset": line["dataset"],
        "backbone": line["model"],
        "protocol": _TORCHGEO_PROTOCOLS[line["protocol"]],
        "partition": "default",
        "seed": int(line["seed"]),
        "metric": _TORCHGEO_METRICS[line["metric"]],
        "n_train": _count(line["n_train"]),
        "n_test": _count(line["n_test"]),
        "configuration": {
            "bands": line["bands"],
            "normalisation": line["normalization"],
            "input_size": int(float(size)) if size else None,
        },
    }


def _count(text: str) -> int | None:
    return int(text) if text else None


def _later_torchgeo_run(line: Row) -> dict[str, Any]:
    """As `_torchgeo_run`, each source on its own: the same settings may stand in several files, with other results."""
    run = _torchgeo_run(line)
    return run | {
        "n_valid": _count(line["n_valid"]),
        "configuration": run["configuration"] | {"source": line["source"]},
    }


def _later_torchgeo_remarks(line: Row) -> dict[str, Any]:
    misnamed = line["dataset"] in _MISNAMED and line["bands"] != "rgb"
    return {
        "source": f"torchgeo-bench, {line['source']}",
        **({"uncertainty": 0.0005} if "rounded" in line["source"] else {}),
        **({"caveat": "made while names of radar and aerial bands of this dataset were exchanged"} if misnamed else {}),
    }


def _segmentation_run(line: Row) -> dict[str, Any]:
    return {
        "suite": EARLIER_SEGMENTATION,
        "dataset": line["dataset"],
        "backbone": line["model"],
        "protocol": "fine_tune",
        "partition": line["partition"],
        "seed": int(line["seed"]),
        "metric": line["metric"],
    }


TABLES = (
    Table(
        file="mmearth_eccv2024.csv",
        source="MMEarth (ECCV 2024), project page: results table and label-efficiency figure",
        licence=None,
        to_run=_mmearth_run,
        to_metrics=lambda line, metric: [_metric("test", metric, line["value"])],
        about=("read_from", "uncertainty"),
    ),
    Table(
        file="torchgeo_bench_frozen.csv",
        source="torchgeo-bench, released results",
        licence="MIT",
        to_run=_torchgeo_run,
        to_metrics=lambda line, metric: [_metric("test", metric, line["value"], line["ci_lower"], line["ci_upper"])],
        about=("feature_dim",),
    ),
    Table(
        file="torchgeo_bench_later.csv",
        source="torchgeo-bench, later results",
        licence="MIT",
        to_run=_later_torchgeo_run,
        to_metrics=lambda line, metric: [_metric("test", metric, line["value"], line["ci_lower"], line["ci_upper"])],
        about=("feature_dim",),
        remarks=_later_torchgeo_remarks,
    ),
    Table(
        file="geobench_segmentation_baselines.csv",
        source="GEO-Bench authors, released baseline runs of segmentation v0.4",
        licence="Apache-2.0",
        to_run=_segmentation_run,
        to_metrics=lambda line, metric: [
            _metric("test", metric, line["test_value"]),
            _metric("valid", metric, line["valid_value"]),
        ],
        about=("epochs",),
    ),
)
