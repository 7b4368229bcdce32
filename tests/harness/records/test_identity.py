"""A run's identity: everything that can change a result is in it, nothing else is."""

import dataclasses

import pytest

from harness.records.identity import (
    FEATURE_FIELDS,
    configuration,
    feature_key,
    fingerprint_samples,
    hash_names,
    identity,
)
from harness.records.labels import LabelKind
from harness.records.run import BandNames, Run, Selection, TrainDraw

RUN = Run(
    suite="geobench-classification-v1.0",
    dataset="m-eurosat",
    dataset_fingerprint="f" * 64,
    partition="default",
    partition_sha256="e" * 64,
    valid_sha256="b" * 64,
    test_sha256="c" * 64,
    train_draw=TrainDraw.PARTITION,
    backbone_settings={"padding": "same", "version": 1},
    weights_sha256="a" * 64,
    weights_from_seed=False,
    bands=("B2", "B1"),
    band_sources=("02 - Blue", None),
    band_names=BandNames.CORRECTED,
    normalisation="dataset",
    normalisation_statistics={"mean": [1370.0, 0.0], "std": [600.5, 1.0]},
    input_size=None,
    extraction_version=1,
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
    "normalisation_statistics": {"mean": [1370.0, 0.0], "std": [600.25, 1.0]},
    "input_size": 224,
    "extraction_version": 2,
    "weights_from_seed": True,
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
    assert identity(RUN) == "d3651fedf3bb1f4348ada5d5a4ccd97ab6fe0737b2c0fcd7fc5462cab23ce10f"


def test_order_of_settings_does_not_matter():
    turned = dataclasses.replace(RUN, backbone_settings={"version": 1, "padding": "same"})
    assert identity(turned) == identity(RUN)


def test_where_files_lie_is_not_part_of_a_run():
    names = {field.name for field in dataclasses.fields(Run)}
    assert not names & {"device", "workers", "weights", "path", "directory", "host", "batch_size", "cache_dir"}


def test_the_identity_says_its_version_and_no_name_that_somebody_chose():
    stored = configuration(RUN)
    assert stored["identity_version"] == 2
    assert "backbone" not in stored


def test_samples_are_known_by_content_and_by_what_channels_and_labels_mean():
    digests = {"a": "1", "b": "2", "c": "3"}

    def of(names="ab", channels=("02 - Blue", "04 - Red"), kind=LabelKind.SINGLE_LABEL, n_classes=3, **changed):
        return fingerprint_samples(names, {**digests, **changed}, channels, kind, n_classes)

    assert of("ba") == of("aba") == of(c="x") == of(), "neither order nor what is in no split"
    others = [
        of("abc"),
        of(a="x"),
        of(channels=("04 - Red", "02 - Blue")),
        of(kind=LabelKind.MULTI_LABEL),
        of(n_classes=4),
    ]
    assert len({of(), *others}) == 6


def test_a_split_is_known_by_its_names_whatever_their_order():
    assert hash_names(("b", "a")) == hash_names(("a", "b"))
    assert hash_names(("a",)) != hash_names(("a", "b"))
