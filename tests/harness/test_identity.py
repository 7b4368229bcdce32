"""A run's identity: everything that can change a result is in it, nothing else is."""

import dataclasses
from pathlib import Path

import pytest

from harness.identity import FEATURE_FIELDS, feature_key, identity
from harness.records import BandNames, DatasetRef, Job, Run, Selection, TrainDraw

RUN = Run(
    suite="geobench-classification-v1.0",
    dataset="m-eurosat",
    dataset_fingerprint="f" * 64,
    partition="default",
    partition_sha256="e" * 64,
    train_draw=TrainDraw.PARTITION,
    backbone="mp_mae",
    backbone_settings={"padding": "same", "version": 1},
    weights_sha256="a" * 64,
    bands=("B2", "B1"),
    band_sources=("02 - Blue", None),
    band_names=BandNames.CORRECTED,
    normalisation="dataset",
    input_size=None,
    metric="accuracy",
    metrics_version=1,
    protocol="linear_probe",
    protocol_version=1,
    protocol_settings={"strengths": (0.1, 1.0)},
    selection=Selection.VALID,
    seed=0,
)

OTHER = {
    "backbone_settings": {"padding": "published", "version": 1},
    "bands": ("B1", "B2"),
    "band_sources": (None, "02 - Blue"),
    "input_size": 224,
    "protocol_settings": {"strengths": (0.1, 2.0)},
    "metrics_version": 2,
    "protocol_version": 2,
    "seed": 1,
}


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(Run)])
def test_every_field_changes_the_identity(field):
    changed = dataclasses.replace(RUN, **{field: OTHER.get(field, "other")})
    assert identity(changed) != identity(RUN)
    assert (feature_key(changed, "rows") != feature_key(RUN, "rows")) == (field in FEATURE_FIELDS)


def test_other_rows_or_another_order_of_them_are_other_features():
    assert feature_key(RUN, "rows") != feature_key(RUN, "rows in another order")


def test_identity_is_frozen():
    """If this changes, every stored run looks new: raise a version on purpose instead."""
    assert identity(RUN) == "6b0dadf6c50bb853d046cf28a72147e90bc7993f8b5822ce448942628963d919"


def test_order_of_settings_does_not_matter():
    turned = dataclasses.replace(RUN, backbone_settings={"version": 1, "padding": "same"})
    assert identity(turned) == identity(RUN)


def test_where_files_lie_is_not_part_of_a_run():
    names = {field.name for field in dataclasses.fields(Run)}
    assert not names & {"device", "workers", "weights", "path", "directory", "host", "batch_size", "cache_dir"}
    ref = DatasetRef(name="m-eurosat", suite="s", directory=Path("/elsewhere"))
    assert Job(run=RUN, run_id=identity(RUN), dataset=ref, weights=Path("x.pth")).run_id == identity(RUN)
